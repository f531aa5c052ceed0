//! What the tests of Bitrix24 work with: a portal on loopback, a client of it, calls to tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use navbat::app::demo::bitrix24::{Bitrix24 as Portal, Entity, User};
use navbat::app::demo::bitrix24_tokens::{CLIENT_ID, CLIENT_SECRET};
use navbat::app::demo::http::{Faults, Served};
use navbat::connect::crm::{Bitrix24, Bitrix24Rate, Bitrix24Settings, Bitrix24Staff};
use navbat::connect::deliver::{Crm, Later, Note, Outlet, PopTold, Shelf, ShelfError, Verdict};
use navbat::connect::http::Http;
use navbat::model::{
    Authority, CallId, CallRow, Direction, Disposition, Name, NoteBody, Number, OfferId, OfferRow,
    Party, Period, Pop, PopState, Seed, Wall,
};
use parking_lot::Mutex;

/// Of every call, unless a test says otherwise.
pub const BEGAN: Wall = Wall(1_795_150_800_000);
/// The client of every call, unless a test says otherwise.
pub const CLIENT: &str = "+998901112233";
pub const LINE: &str = "+998712000011";

/// A shelf in memory that can refuse.
#[derive(Default)]
pub struct Memory {
    words: Mutex<BTreeMap<(Name, String), String>>,
    pub refuses: AtomicBool,
}

impl Shelf for Memory {
    fn get<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
    ) -> Later<'a, Result<Option<String>, ShelfError>> {
        let word = self.words.lock().get(&(target.clone(), key.to_owned())).cloned();
        Box::pin(async move { Ok(word) })
    }

    fn put<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
        word: &'a str,
    ) -> Later<'a, Result<(), ShelfError>> {
        Box::pin(async move {
            if self.refuses.load(Ordering::SeqCst) {
                return Err(ShelfError(String::from("the disk is full")));
            }
            self.words.lock().insert((target.clone(), key.to_owned()), word.to_owned());
            Ok(())
        })
    }
}

/// A portal, what is between it and us, and what outlives a restart of ours.
pub struct World {
    pub portal: Portal,
    pub served: Served,
    pub faults: Faults,
    pub shelf: Arc<Memory>,
    first: String,
    rate: Bitrix24Rate,
}

impl World {
    /// A portal that bears a thousand requests a second, so that nothing waits.
    pub async fn new() -> World {
        World::with_rate(Bitrix24Rate { per_second: 1000.0, burst: 1000.0 }).await
    }

    pub async fn with_rate(rate: Bitrix24Rate) -> World {
        World::with_faults(rate, Faults::none()).await
    }

    pub async fn with_faults(rate: Bitrix24Rate, faults: Faults) -> World {
        let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
        let portal = Portal::new(users(), entities(), rate.per_second, rate.burst);
        let served = Served::begin(Arc::new(portal.clone()), faults.clone()).await.unwrap();
        let first = portal.tokens(|tokens| tokens.first());
        World { portal, served, faults, shelf: Arc::default(), first, rate }
    }

    /// Our side, as it is after a start.
    pub fn start(&self) -> Bitrix24 {
        self.start_with(|_| {})
    }

    pub fn start_with(&self, change: impl FnOnce(&mut Bitrix24Settings)) -> Bitrix24 {
        let mut settings = Bitrix24Settings {
            name: "b24".into(),
            portal: String::from("example.bitrix24.uz"),
            base: Some(self.served.base()),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            token: Some(self.first.as_str().into()),
            staff: staff(),
            creates: false,
            rate: self.rate,
            look_up_after: Duration::from_millis(1),
        };
        change(&mut settings);
        let http = Http::new(&[self.served.allowed()]).unwrap();
        Bitrix24::new(settings, http, self.shelf.clone()).unwrap()
    }

    /// How often a call of ours is in the statistics.
    pub fn times(&self, call: CallId) -> usize {
        let ours = call.to_string();
        let finished = self.portal.finished();
        finished.iter().filter(|one| one.external.as_deref() == Some(&ours)).count()
    }
}

fn users() -> Vec<User> {
    let user = |id, name: &str, extension: Option<&str>| User {
        id,
        name: name.to_owned(),
        extension: extension.map(str::to_owned),
        active: true,
    };
    let mut users = vec![
        user(1, "Administrator", None),
        user(7, "Aziza Karimova", Some("201")),
        user(8, "Bobur Aliyev", Some("202")),
        user(9, "Dilnoza Tosheva", None),
    ];
    // More than one page, so that the last of them is on the third.
    users.extend((100..220).map(|id| user(id, "Somebody", None)));
    users.push(user(300, "Jasur Nazarov", Some("203")));
    users
}

/// Aziza by her user id, the others by extension; Malika is nobody there.
fn staff() -> BTreeMap<Name, Bitrix24Staff> {
    let one = |user, alias: &str| Bitrix24Staff { user, aliases: vec![alias.to_owned()] };
    BTreeMap::from([
        ("Aziza".into(), one(Some(7), "201")),
        ("Bobur".into(), one(None, "202")),
        ("Jasur".into(), one(None, "203")),
        ("Malika".into(), one(None, "204")),
    ])
}

fn entities() -> Vec<Entity> {
    let one = |kind, id, name: &str, assigned| Entity {
        kind,
        id,
        name: name.to_owned(),
        number: CLIENT.to_owned(),
        assigned,
    };
    vec![
        one("LEAD", 31, "Qo'ng'iroq", 8),
        one("COMPANY", 643, "Romashka MChJ", 8),
        one("CONTACT", 652, "Anvar Karimov (old)", 9),
        one("CONTACT", 651, "Anvar Karimov", 7),
    ]
}

pub fn number(text: &str) -> Number {
    Number::new(text).unwrap()
}

pub fn call_id(seed: u64) -> CallId {
    Seed::new(seed).call_id(BEGAN)
}

/// A card of an offer at the moment of its state.
pub fn pop(call: CallId, operator: &str, state: PopState) -> Pop {
    Pop {
        offer: OfferId(1),
        call,
        operator: operator.into(),
        state,
        client: Some(Party::Number(number(CLIENT))),
        line: Some(Party::Number(number(LINE))),
        queue: Some("sales".into()),
        direction: Some(Direction::In),
        authority: Authority::Observed,
        account: "sipuni-main".into(),
        offered_at: BEGAN,
    }
}

/// A call that Aziza answered and talked 125 s in.
pub fn answered(call: CallId) -> CallRow {
    CallRow {
        id: call,
        call_key: String::from("sipuni-main/1"),
        provider: String::from("sipuni"),
        account: "sipuni-main".into(),
        authority: Authority::Observed,
        direction: Some(Direction::In),
        client: Some(Party::Number(number(CLIENT))),
        line: Some(Party::Number(number(LINE))),
        queue: Some("sales".into()),
        rung: vec!["Bobur".into(), "Aziza".into()],
        answered_by: Some("Aziza".into()),
        handled_by: vec!["Aziza".into()],
        placed_by: None,
        missed: false,
        talk: Some(Period::millis(125_900)),
        ring: Some(Period::secs(4)),
        wait: Some(Period::secs(5)),
        disposition: Disposition::Answered,
        outcome: None,
        recording_url: None,
        started_at: BEGAN,
        ended_at: Some(BEGAN + Period::secs(131)),
        settled: true,
        result: None,
        revision: 1,
        entries: Vec::new(),
        offers: Vec::new(),
        talks: Vec::new(),
        stages: Vec::new(),
    }
}

pub fn offer(operator: &str, end: navbat::model::OfferEnd) -> OfferRow {
    OfferRow {
        id: OfferId(1),
        entry: None,
        operator: operator.into(),
        offered_at: BEGAN,
        ringing_at: None,
        answered_at: None,
        over_at: None,
        end: Some(end),
        counts_as_miss: false,
    }
}

/// A note of a call at its first attempt.
pub fn note(call: &CallRow) -> Note {
    Note {
        id: format!("note-{}", call.id),
        once_key: format!("b24/{}/call", call.id),
        body: NoteBody::Call { call: Box::new(call.clone()) },
        tries: 1,
        external: None,
    }
}

pub async fn show(client: &Bitrix24, call: CallId, operator: &str, state: PopState) -> PopTold {
    client.pop(&pop(call, operator, state)).await
}

/// Delivers a note whose end must be that it arrived; gives what is to be kept.
pub async fn done(client: &Bitrix24, note: &Note) -> serde_json::Value {
    match client.deliver(note).await {
        Verdict::Done { external: Some(external) } => external,
        other => panic!("{other:?}"),
    }
}
