//! An account of amoCRM behind a real socket, the adapter before it, and a worker in one loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use navbat::app::demo::amocrm::AmoStand;
use navbat::app::demo::http::{Faults, Router, Served};
use navbat::connect::crm::{
    AmoAccess, AmoClient, AmoCrm, AmoGate, AmoSettings, AmoTaskTo, AmoUnknown, AmoWays,
    checked_amo_base,
};
use navbat::connect::deliver::{Found, Later, Note, Outlet, Shelf, ShelfError, Verdict};
use navbat::connect::http::Http;
use navbat::model::{
    Authority, CallRow, Direction, Disposition, Mono, Name, NoteBody, Now, Number, OfferEnd,
    OfferId, OfferRow, Outcome, Party, Period, Seed, Wall,
};
use parking_lot::Mutex;
use serde_json::Value;

pub const TOKEN: &str = "long.lived-secret-token.x";
pub const SECRET: &str = "client-secret-of-the-integration";
pub const REDIRECT: &str = "https://navbat.example.uz/crm/amo/consent";
/// Aziza's and Bobur's users; Dilnoza has none.
pub const AZIZA: u64 = 10_002;
pub const BOBUR: u64 = 10_003;
/// When every call of the tests began.
pub const BEGAN: i64 = 1_795_000_000;

/// A shelf in memory that can refuse to keep.
#[derive(Default)]
pub struct Memory {
    words: Mutex<BTreeMap<(String, String), String>>,
    full: AtomicBool,
    /// Words that are kept before it is full by itself; negative: never.
    room: AtomicI64,
}

impl Memory {
    pub fn new() -> Arc<Memory> {
        let memory = Memory::default();
        memory.room.store(-1, Ordering::SeqCst);
        Arc::new(memory)
    }

    /// Keeps so many more words and none after them.
    pub fn full_after(&self, words: i64) {
        self.room.store(words, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.full.store(false, Ordering::SeqCst);
        self.room.store(-1, Ordering::SeqCst);
    }
}

impl Shelf for Memory {
    fn get<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
    ) -> Later<'a, Result<Option<String>, ShelfError>> {
        let key = (target.to_string(), key.to_owned());
        Box::pin(async move { Ok(self.words.lock().get(&key).cloned()) })
    }

    fn put<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
        word: &'a str,
    ) -> Later<'a, Result<(), ShelfError>> {
        let key = (target.to_string(), key.to_owned());
        Box::pin(async move {
            let room = self.room.load(Ordering::SeqCst);
            if self.full.load(Ordering::SeqCst) || room == 0 {
                return Err(ShelfError(String::from("the disk is full")));
            }
            self.room.store(if room > 0 { room - 1 } else { room }, Ordering::SeqCst);
            self.words.lock().insert(key, word.to_owned());
            Ok(())
        })
    }
}

/// What a test wishes of its account.
pub struct Wish {
    pub oauth: bool,
    pub unknown: AmoUnknown,
    pub task: AmoTaskTo,
    /// How many times as wide the limits of both sides are.
    pub times: u32,
}

impl Default for Wish {
    fn default() -> Wish {
        Wish { oauth: false, unknown: AmoUnknown::Note, task: AmoTaskTo::Responsible, times: 1 }
    }
}

/// Both sides of the socket.
pub struct Rig {
    pub stand: AmoStand,
    pub faults: Faults,
    pub served: Served,
    pub shelf: Arc<Memory>,
    pub amo: AmoCrm,
    /// Seconds that the clock is ahead.
    pub ahead: Arc<AtomicU64>,
    wish: Wish,
}

impl Rig {
    pub async fn new(wish: Wish) -> Rig {
        let stand = match wish.oauth {
            true => AmoStand::with_oauth("integration", SECRET, REDIRECT),
            false => AmoStand::with_token(TOKEN),
        };
        stand.user(AZIZA, "Aziza Karimova");
        stand.user(BOBUR, "Bobur Aliyev");
        stand.widen(wish.times as usize);
        let router = Arc::new(stand.clone());
        Rig { stand, ..Rig::before(router, wish).await }
    }

    /// An adapter before another account than the stand-in, which stays empty then.
    pub async fn before(router: Arc<dyn Router>, wish: Wish) -> Rig {
        let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
        let faults = Faults::none();
        let served = Served::begin(router, faults.clone()).await.unwrap();
        let (shelf, ahead) = (Memory::new(), Arc::new(AtomicU64::new(0)));
        let amo = adapter(&wish, &served, &shelf, &ahead);
        Rig { stand: AmoStand::with_token(TOKEN), faults, served, shelf, amo, ahead, wish }
    }

    /// The process dies and starts again: only the shelf is left.
    pub fn restart(&mut self) {
        self.amo = adapter(&self.wish, &self.served, &self.shelf, &self.ahead);
    }

    /// An administrator consents.
    pub async fn consent(&self) {
        self.amo.exchange(&self.stand.consent(), None).await.unwrap();
    }

    /// Brings a note as a worker does: repeats what had no effect, looks unclear ends up.
    pub async fn bring(&self, mut note: Note) -> Verdict {
        for _ in 0..TRIES_MAX {
            note.tries += 1;
            match self.amo.deliver(&note).await {
                Verdict::Retry { .. } | Verdict::Wait { .. } => {}
                Verdict::Paused { state: "needs_reauth", .. } if self.wish.oauth => {
                    let _unclear = self.amo.exchange(&self.stand.consent(), None).await;
                }
                Verdict::Ambiguous { .. } => {
                    if let Some(external) = self.looked_up(&note).await {
                        return Verdict::Done { external };
                    }
                }
                end @ (Verdict::Done { .. }
                | Verdict::Skipped { .. }
                | Verdict::Dead { .. }
                | Verdict::Paused { .. }) => return end,
            }
        }
        panic!("{TRIES_MAX} attempts were not enough for {}", note.id);
    }

    /// What an unclear attempt left; `None`: nothing.
    async fn looked_up(&self, note: &Note) -> Option<Option<Value>> {
        for _ in 0..TRIES_MAX {
            match self.amo.look_up(note).await {
                Found::Yes { external } => return Some(external),
                Found::No => return None,
                Found::NotNow { .. } => {
                    if self.wish.oauth {
                        let _unclear = self.amo.exchange(&self.stand.consent(), None).await;
                    }
                }
                Found::Cannot => panic!("amoCRM can always be asked"),
            }
        }
        panic!("{TRIES_MAX} looks were not enough for {}", note.id);
    }
}

/// More than any seed of the tests needs; an endless loop ends here.
const TRIES_MAX: usize = 600;

fn adapter(wish: &Wish, served: &Served, shelf: &Arc<Memory>, ahead: &Arc<AtomicU64>) -> AmoCrm {
    let allowed = [served.allowed()];
    let access = match wish.oauth {
        true => AmoAccess::OAuth(AmoClient {
            id: String::from("integration"),
            secret: SECRET.into(),
            redirect_uri: REDIRECT.to_owned(),
        }),
        false => AmoAccess::LongLived(TOKEN.into()),
    };
    let users = [("Aziza", AZIZA), ("Bobur", BOBUR)];
    let settings = AmoSettings {
        name: "amo".into(),
        base: checked_amo_base(&served.base(), &allowed).unwrap(),
        access,
        unknown: wish.unknown,
        task: wish.task.clone(),
        task_within: Period::hours(1),
        pipeline: None,
        users: users.map(|(name, id)| (Name::from(name), id)).into(),
        language: String::from("uz"),
        pages: Some(String::from("https://navbat.example.uz")),
    };
    let ahead = ahead.clone();
    AmoCrm::new(
        settings,
        AmoWays {
            http: Http::new(&allowed).unwrap(),
            gate: Arc::new(AmoGate::times(wish.times)),
            shelf: shelf.clone(),
            clock: Arc::new(move || {
                let wall = Wall::from_unix(BEGAN + ahead.load(Ordering::SeqCst) as i64);
                Now { mono: Mono(0), wall }
            }),
        },
    )
}

pub fn number(text: &str) -> Number {
    Number::new(text).unwrap()
}

/// An answered call: Bobur's telephone rang in vain, Aziza talked for 125 s.
pub fn answered(seed: u64, phone: &str) -> CallRow {
    CallRow {
        rung: vec!["Bobur".into(), "Aziza".into()],
        answered_by: Some("Aziza".into()),
        handled_by: vec!["Aziza".into()],
        missed: false,
        talk: Some(Period::secs(125)),
        disposition: Disposition::Answered,
        outcome: Some(Outcome::Answered),
        recording_url: Some(format!("https://rec.example.uz/r/{seed}.mp3?sig=1")),
        result: Some(String::from("Suhbat bo'ldi")),
        offers: vec![offer("Bobur", OfferEnd::NoAnswer), offer("Aziza", OfferEnd::Won)],
        ..missed(seed, phone)
    }
}

/// A missed call: Aziza's telephone rang, then Bobur's.
pub fn missed(seed: u64, phone: &str) -> CallRow {
    CallRow {
        id: Seed::new(seed).call_id(Wall::from_unix(BEGAN)),
        call_key: format!("sipuni-main/{seed}"),
        provider: String::from("sipuni"),
        account: "sipuni-main".into(),
        authority: Authority::Observed,
        direction: Some(Direction::In),
        client: Some(Party::Number(number(phone))),
        line: None,
        queue: Some("savdo".into()),
        rung: vec!["Aziza".into(), "Bobur".into()],
        answered_by: None,
        handled_by: Vec::new(),
        placed_by: None,
        missed: true,
        talk: Some(Period::ZERO),
        ring: None,
        wait: None,
        disposition: Disposition::Missed,
        outcome: Some(Outcome::Abandoned),
        recording_url: None,
        started_at: Wall::from_unix(BEGAN),
        ended_at: Some(Wall::from_unix(BEGAN + 160)),
        settled: true,
        result: None,
        revision: 1,
        entries: Vec::new(),
        offers: vec![offer("Aziza", OfferEnd::NoAnswer), offer("Bobur", OfferEnd::CallerGone)],
        talks: Vec::new(),
        stages: Vec::new(),
    }
}

pub fn offer(operator: &str, end: OfferEnd) -> OfferRow {
    OfferRow {
        id: OfferId(1),
        entry: None,
        operator: operator.into(),
        offered_at: Wall::from_unix(BEGAN),
        ringing_at: None,
        answered_at: None,
        over_at: None,
        end: Some(end),
        counts_as_miss: false,
    }
}

/// The note that tells a call.
pub fn note(call: &CallRow) -> Note {
    noted(NoteBody::Call { call: Box::new(call.clone()) }, call, "log")
}

/// The note that asks for a task.
pub fn call_back(call: &CallRow) -> Note {
    noted(NoteBody::CallBack { call: Box::new(call.clone()) }, call, "task")
}

/// The same note, with what an earlier delivery left.
pub fn amending(call: &CallRow, done: Verdict) -> Note {
    let Verdict::Done { external } = done else { panic!("{done:?}") };
    Note { external, ..note(call) }
}

fn noted(body: NoteBody, call: &CallRow, action: &str) -> Note {
    Note {
        id: format!("{}-{action}", call.id),
        once_key: format!("amo/{}/{action}", call.id),
        body,
        tries: 0,
        external: None,
    }
}

/// What a verdict says, for a table of them.
pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Done { .. } => String::from("done"),
        Verdict::Skipped { .. } => String::from("skipped"),
        Verdict::Retry { .. } => String::from("retry"),
        Verdict::Ambiguous { .. } => String::from("ambiguous"),
        Verdict::Wait { after, .. } => format!("wait {}", after.as_secs()),
        Verdict::Paused { state, probe, .. } => {
            format!("paused {state} {}", probe.map_or(0, |probe| probe.as_secs()))
        }
        Verdict::Dead { .. } => String::from("dead"),
    }
}
