//! A shelf in memory, a clock that can be set forward, and a worker of one note.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use navbat::app::demo::http::{Faults, Router, Served};
use navbat::app::demo::telegram::Ticks;
use navbat::connect::deliver::{Found, Later, Note, Outlet, Shelf, ShelfError, Verdict};
use navbat::connect::http::Http;
use navbat::connect::notify::{Clock, Means};
use navbat::model::{CallId, Message, Mono, Name, NoteBody, Now, Period, Wall};
use parking_lot::Mutex;

/// Attempts at one note; the sheets' faults end long before.
const STEPS_MAX: usize = 60;

/// Between two notes, so that no limit of a chat makes a test wait.
const BETWEEN: Duration = Duration::from_secs(4);

/// How far the clocks of one test are set forward, in milliseconds.
pub type Ahead = Arc<AtomicU64>;

/// Words that outlive an outlet.
#[derive(Default)]
pub struct Words(Mutex<BTreeMap<String, String>>);

impl Shelf for Words {
    fn get<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
    ) -> Later<'a, Result<Option<String>, ShelfError>> {
        let word = self.0.lock().get(&format!("{target}/{key}")).cloned();
        Box::pin(async move {
            tokio::task::yield_now().await; // as a database would
            Ok(word)
        })
    }

    fn put<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
        word: &'a str,
    ) -> Later<'a, Result<(), ShelfError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.lock().insert(format!("{target}/{key}"), word.to_owned());
            Ok(())
        })
    }
}

/// The network around one stand-in, and what outlives a restart of ours.
pub struct Rig {
    pub served: Served,
    pub faults: Faults,
    pub shelf: Arc<Words>,
    pub means: Means,
    ahead: Ahead,
}

impl Rig {
    pub async fn before(stand_in: Arc<dyn Router>, ahead: &Ahead) -> Rig {
        Rig::with(stand_in, ahead, Faults::none()).await
    }

    pub async fn with(stand_in: Arc<dyn Router>, ahead: &Ahead, faults: Faults) -> Rig {
        let served = Served::begin(stand_in, faults.clone()).await.unwrap();
        let (ahead, shelf) = (ahead.clone(), Arc::new(Words::default()));
        let means = means(&[served.allowed()], shelf.clone(), ahead.clone());
        Rig { served, faults, shelf, means, ahead }
    }

    /// Sets the clock forward.
    pub fn pass(&self, length: Duration) {
        let millis = u64::try_from(length.as_millis()).unwrap();
        self.ahead.fetch_add(millis, Ordering::SeqCst);
    }

    /// Works at a note until it has ended, as the worker does; waiting is set forward.
    pub async fn bring(&self, outlet: &dyn Outlet, note: &Note) -> End {
        let mut seen = Vec::new();
        self.pass(BETWEEN);
        for _ in 0..STEPS_MAX {
            let verdict = outlet.deliver(note).await;
            seen.push(format!("{verdict:?}"));
            match verdict {
                Verdict::Done { .. } => return End::Done,
                Verdict::Skipped { .. } => return End::Skipped,
                Verdict::Dead { why } => return End::Dead(why),
                Verdict::Paused { state, why, .. } => return End::Paused(state, why),
                Verdict::Retry { after, .. } => self.pass(after.unwrap_or(Duration::from_secs(2))),
                Verdict::Wait { after, .. } => self.pass(after),
                Verdict::Ambiguous { .. } => match self.look(outlet, note).await {
                    Some(end) => return end,
                    None => continue,
                },
            }
        }
        panic!("no end: {seen:#?}");
    }

    /// Looks an unclear attempt up until that says something; `None`: it may be repeated.
    pub async fn look(&self, outlet: &dyn Outlet, note: &Note) -> Option<End> {
        for _ in 0..STEPS_MAX {
            self.pass(outlet.look_up_after());
            match outlet.look_up(note).await {
                Found::Yes { .. } => return Some(End::Done),
                Found::No => return None,
                Found::Cannot if !outlet.repeats_unclear() => return Some(End::Unclear),
                Found::Cannot => return None,
                Found::NotNow { .. } => {}
            }
        }
        panic!("it is never found out");
    }
}

/// How a note ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Done,
    Skipped,
    Dead(String),
    Paused(&'static str, String),
    Unclear,
}

pub fn means(allowed: &[String], shelf: Arc<Words>, ahead: Ahead) -> Means {
    let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
    let began = Instant::now();
    let clock: Clock = Arc::new(move || {
        let passed = began.elapsed() + Duration::from_millis(ahead.load(Ordering::SeqCst));
        let passed = Period(u64::try_from(passed.as_millis()).unwrap());
        Now { mono: Mono(1_000_000) + passed, wall: Wall::from_unix(1_795_150_800) + passed }
    });
    Means { http: Http::new(allowed).unwrap(), shelf, clock }
}

/// The hand of a clock.
pub fn ahead() -> Ahead {
    Arc::default()
}

/// The same time for a stand-in.
pub fn ticks(ahead: &Ahead) -> Ticks {
    let (began, ahead) = (Instant::now(), ahead.clone());
    Arc::new(move || began.elapsed() + Duration::from_millis(ahead.load(Ordering::SeqCst)))
}

/// A note about a missed call. Ids rise with the number.
pub fn note(number: u32) -> Note {
    worded(number, "Oʻtkazib yuborilgan qoʻngʻiroq", "+998 90 ••• •• 67 · sales")
}

pub fn worded(number: u32, title: &str, text: &str) -> Note {
    let call = CallId(uuid::Uuid::from_u128(u128::from(number)));
    let message = Message {
        event: String::from("missed"),
        title: title.to_owned(),
        text: text.to_owned(),
        link: Some(format!("https://navbat.example.uz/calls/{call}")),
        call: Some(call),
    };
    Note {
        id: format!("note-{number:06}"),
        once_key: format!("target/alert/missed/{call}"),
        body: NoteBody::Message(Box::new(message)),
        tries: 1,
        external: None,
    }
}

pub fn message_mut(note: &mut Note) -> &mut Message {
    match &mut note.body {
        NoteBody::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

pub fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|one| (*one).to_owned()).collect()
}
