//! One note to several recipients, each of them once.
//!
//! What became of each recipient is written down before and after its attempt, so that neither a
//! repetition nor a restart sends again to those who have it. An attempt that was written down
//! and never answered is unclear: it is looked up, repeated once where the channel lets that be,
//! and else left for a person.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::report::{Fared, Report, keep_reports};
use super::text::masked;
use crate::connect::deliver::{
    Brought, Found, Later, Note, Outlet, Shelf, ShelfError, Unwelcome, Verdict, Visits,
};
use crate::model::{Message, Name, NoteBody};

/// Notes remembered for one target. A forgotten one would be sent again if it came back; fewer
/// make the word on the shelf shorter.
const NOTES_MAX: usize = 256;
/// Of these, notes that every recipient is done with: a worker that died before it settled one
/// asks again within its claim, a few notes later at most.
const DONE_KEPT: usize = 64;
/// How often an unclear attempt at one recipient is repeated.
const REPEATS_MAX: u8 = 1;

/// How long one attempt at a note goes on to the next recipient; the rest is the next attempt's. A
/// worker gives an attempt up after two minutes.
const GOES_ON_FOR: Duration = Duration::from_secs(60);

/// Where the progress is kept.
const PROGRESS: &str = "progress";
/// Where the recipients are kept that refuse us for good.
pub const OFF: &str = "off";

/// What became of an attempt at one recipient.
#[derive(Debug)]
pub(super) enum Sent {
    /// It was taken; the channel's own id of it.
    Done(String),
    /// It never will be.
    Refused(String),
    /// Never, and nothing else either: the recipient is switched off until a test reaches it.
    Off(String),
    /// Surely without effect; again later, the other recipients go on.
    Again {
        /// How long to wait.
        after: Option<Duration>,
        /// What was said.
        why: String,
    },
    /// Nobody knows.
    Unclear(String),
    /// Surely without effect, and the same for every recipient.
    Stop(Verdict),
}

impl Sent {
    /// What was said, for a person.
    pub(super) fn why(self) -> String {
        match self {
            Sent::Done(id) => id,
            Sent::Refused(why) | Sent::Off(why) | Sent::Unclear(why) => why,
            Sent::Again { why, .. } => why,
            Sent::Stop(verdict) => match verdict {
                Verdict::Done { .. } => String::new(),
                Verdict::Skipped { why }
                | Verdict::Retry { why, .. }
                | Verdict::Ambiguous { why }
                | Verdict::Wait { why, .. }
                | Verdict::Paused { why, .. }
                | Verdict::Dead { why } => why,
            },
        }
    }
}

/// What looking for an attempt at one recipient found.
#[derive(Debug)]
pub(super) enum Seen {
    /// It arrived; the channel's own id of it.
    Yes(String),
    /// It did not.
    No,
    /// There is no way to look.
    Cannot,
    /// Not at this moment.
    NotNow(String),
}

/// One note for one recipient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    /// The note.
    pub note: &'a Note,
    /// Its text.
    pub message: &'a Message,
    /// Whom to tell.
    pub to: &'a str,
}

/// A way to reach one recipient.
pub(super) trait Channel: Send + Sync {
    /// Requests a second, and how many at once.
    fn pace(&self) -> (f64, u32);

    /// Sends.
    fn send<'a>(&'a self, piece: Piece<'a>) -> Later<'a, Sent>;

    /// Whether an attempt with a lost answer arrived.
    fn find<'a>(&'a self, piece: Piece<'a>) -> Later<'a, Seen>;

    /// How long to wait before looking.
    fn look_after(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Whether an attempt that nobody can look up is repeated once all the same: a duplicate is
    /// recognisable and free of charge.
    fn repeats(&self) -> bool {
        false
    }

    /// Whether the peer answers and knows us.
    fn probe(&self) -> Later<'_, Result<(), String>>;

    /// Reads what the peer reports of messages that it took; nothing where it reports nothing.
    fn report(&self, _content_type: &str, _body: &[u8]) -> Vec<Report> {
        Vec::new()
    }
}

/// A channel with its recipients: the outlet.
pub(super) struct Fan<C> {
    name: Name,
    recipients: Vec<String>,
    shelf: Arc<dyn Shelf>,
    channel: C,
    /// One note at a time: the word on the shelf is read and written whole.
    turn: Mutex<()>,
    /// The same for the word of reports, which must not wait for what is being sent.
    reporting: Mutex<()>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    /// By id; ids rise with time.
    notes: BTreeMap<String, Entry>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Entry {
    done: bool,
    to: BTreeMap<String, Stand>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Stand {
    is: Is,
    repeats: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "told", rename_all = "snake_case")]
enum Is {
    /// Still to be sent.
    #[default]
    Open,
    /// An attempt began; after a restart nobody knows more.
    Begun,
    /// An attempt ended and nobody knows how.
    Unclear(String),
    /// The same, and it may not be repeated.
    Left(String),
    /// It arrived.
    Sent(String),
    /// It never will.
    Refused(String),
}

impl<C: Channel> Fan<C> {
    pub(super) fn new(
        name: Name,
        recipients: Vec<String>,
        shelf: Arc<dyn Shelf>,
        channel: C,
    ) -> Fan<C> {
        let (turn, reporting) = (Mutex::default(), Mutex::default());
        Fan { name, recipients, shelf, channel, turn, reporting }
    }

    async fn try_all(&self, note: &Note) -> Result<Verdict, ShelfError> {
        let NoteBody::Message(message) = &note.body else {
            return Ok(Verdict::Skipped { why: String::from("people are told messages only") });
        };
        let _turn = self.turn.lock().await;
        let mut book = self.book().await?;
        let mut off = off_of(self.shelf.get(&self.name, OFF).await?);
        let mut again = None;
        let ends_at = Instant::now() + GOES_ON_FOR;
        for to in &self.recipients {
            let stand = book.stand(&note.id, to).clone();
            if stand.is != Is::Open {
                continue;
            }
            if let Some(why) = off.get(to).filter(|_| message.event != super::TEST) {
                book.set(&note.id, to, Is::Refused(why.clone()));
                continue;
            }
            if Instant::now() > ends_at {
                break;
            }
            book.set(&note.id, to, Is::Begun);
            self.keep(&mut book).await?;
            let sent = self.channel.send(Piece { note, message, to }).await;
            match sent {
                Sent::Done(id) => {
                    book.set(&note.id, to, Is::Sent(id));
                    if off.remove(to).is_some() {
                        self.keep_off(&off).await?;
                    }
                }
                Sent::Refused(why) => book.set(&note.id, to, Is::Refused(why)),
                Sent::Off(why) => {
                    tracing::warn!(target = %self.name, to = masked(to), why, "a recipient refuses us");
                    book.set(&note.id, to, Is::Refused(why.clone()));
                    off.insert(to.clone(), why);
                    self.keep_off(&off).await?;
                }
                Sent::Again { after, why } => {
                    book.set(&note.id, to, Is::Open);
                    again = Some(Verdict::Retry { after, why });
                }
                Sent::Unclear(why) => book.set(&note.id, to, Is::Unclear(why)),
                Sent::Stop(verdict) => {
                    book.set(&note.id, to, Is::Open);
                    self.keep(&mut book).await?;
                    return Ok(verdict);
                }
            }
        }
        let verdict = book.verdict(&note.id, &self.recipients, again);
        self.keep(&mut book).await?;
        Ok(verdict)
    }

    async fn look(&self, note: &Note) -> Result<Found, ShelfError> {
        let NoteBody::Message(message) = &note.body else { return Ok(Found::No) };
        let _turn = self.turn.lock().await;
        let mut book = self.book().await?;
        if !book.knows(&note.id) {
            return Ok(Found::No); // the worker stopped before anything was sent
        }
        let mut not_now = None;
        for to in &self.recipients {
            let Stand { is, repeats } = book.stand(&note.id, to).clone();
            if !matches!(is, Is::Begun | Is::Unclear(_)) {
                continue;
            }
            let may_repeat = repeats < REPEATS_MAX;
            match self.channel.find(Piece { note, message, to }).await {
                Seen::Yes(id) => book.set(&note.id, to, Is::Sent(id)),
                Seen::No if may_repeat => book.repeat(&note.id, to),
                Seen::Cannot if may_repeat && self.channel.repeats() => book.repeat(&note.id, to),
                Seen::No => {
                    book.set(&note.id, to, Is::Left(String::from("repeated once, not found")));
                }
                Seen::Cannot => {
                    book.set(&note.id, to, Is::Left(String::from("nobody can look it up")));
                }
                Seen::NotNow(why) => not_now = Some(why),
            }
        }
        let found = match (not_now, book.verdict(&note.id, &self.recipients, None)) {
            (Some(why), _) => Found::NotNow { why },
            (None, Verdict::Done { external }) => Found::Yes { external },
            (None, Verdict::Dead { .. }) => Found::No, // delivering it again tells what was said
            (None, _) if book.has_open(&note.id, &self.recipients) => Found::No,
            (None, _) => Found::Cannot,
        };
        self.keep(&mut book).await?;
        Ok(found)
    }

    async fn book(&self) -> Result<Book, ShelfError> {
        let word = self.shelf.get(&self.name, PROGRESS).await?;
        Ok(word.and_then(|word| serde_json::from_str(&word).ok()).unwrap_or_default())
    }

    async fn keep(&self, book: &mut Book) -> Result<(), ShelfError> {
        book.forget();
        let word = serde_json::to_string(book).map_err(|error| ShelfError(error.to_string()))?;
        self.shelf.put(&self.name, PROGRESS, &word).await
    }

    async fn keep_off(&self, off: &BTreeMap<String, String>) -> Result<(), ShelfError> {
        self.shelf.put(&self.name, OFF, &json!(off).to_string()).await
    }
}

/// The recipients of a target that refuse us for good, and what they said: what the word of
/// [`OFF`] means.
pub fn off_of(word: Option<String>) -> BTreeMap<String, String> {
    word.and_then(|word| serde_json::from_str(&word).ok()).unwrap_or_default()
}

impl Book {
    fn knows(&self, note: &str) -> bool {
        self.notes.contains_key(note)
    }

    fn stand(&mut self, note: &str, to: &str) -> &mut Stand {
        let entry = self.notes.entry(note.to_owned()).or_default();
        entry.to.entry(to.to_owned()).or_default()
    }

    fn set(&mut self, note: &str, to: &str, is: Is) {
        self.stand(note, to).is = is;
    }

    fn repeat(&mut self, note: &str, to: &str) {
        let stand = self.stand(note, to);
        stand.is = Is::Open;
        stand.repeats = stand.repeats.saturating_add(1);
    }

    fn has_open(&mut self, note: &str, recipients: &[String]) -> bool {
        recipients.iter().any(|to| self.stand(note, to).is == Is::Open)
    }

    /// What all recipients together come to; `again` is what one of them asked for.
    fn verdict(&mut self, note: &str, recipients: &[String], again: Option<Verdict>) -> Verdict {
        let mut sent = Vec::new();
        let (mut refused, mut unclear, mut open) = (Vec::new(), Vec::new(), false);
        for to in recipients {
            let shown = masked(to);
            match &self.stand(note, to).is {
                Is::Open => open = true,
                Is::Begun => unclear.push(format!("{shown}: stopped on the way")),
                Is::Unclear(why) | Is::Left(why) => unclear.push(format!("{shown}: {why}")),
                Is::Sent(id) => sent.push(json!({ "to": shown, "id": id })),
                Is::Refused(why) => refused.push(format!("{shown}: {why}")),
            }
        }
        match again {
            _ if !unclear.is_empty() => Verdict::Ambiguous { why: unclear.join("; ") },
            Some(again) => again,
            None if open => Verdict::Retry { after: None, why: String::from("not tried yet") },
            None => {
                self.notes.entry(note.to_owned()).or_default().done = true;
                if sent.is_empty() {
                    Verdict::Dead { why: refused.join("; ") }
                } else {
                    Verdict::Done { external: Some(json!({ "sent": sent, "refused": refused })) }
                }
            }
        }
    }

    /// Forgets the oldest of what is too much; ids rise with time.
    fn forget(&mut self) {
        let done = self.notes.iter().filter(|(_, entry)| entry.done);
        let done: Vec<String> = done.map(|(note, _)| note.clone()).collect();
        for note in done.iter().take(done.len().saturating_sub(DONE_KEPT)) {
            self.notes.remove(note);
        }
        while self.notes.len() > NOTES_MAX {
            self.notes.pop_first();
        }
    }
}

impl<C: Channel> Outlet for Fan<C> {
    fn name(&self) -> &Name {
        &self.name
    }

    fn pace(&self) -> (f64, u32) {
        self.channel.pace()
    }

    fn deliver<'a>(&'a self, note: &'a Note) -> Later<'a, Verdict> {
        Box::pin(async move {
            // What was sent before the shelf failed stands there as begun and is looked up.
            let retry = |error: ShelfError| Verdict::Retry { after: None, why: error.to_string() };
            self.try_all(note).await.unwrap_or_else(retry)
        })
    }

    fn look_up<'a>(&'a self, note: &'a Note) -> Later<'a, Found> {
        Box::pin(async move {
            let later = |error: ShelfError| Found::NotNow { why: error.to_string() };
            self.look(note).await.unwrap_or_else(later)
        })
    }

    fn look_up_after(&self) -> Duration {
        self.channel.look_after()
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        self.channel.probe()
    }

    fn visits(&self) -> Option<&dyn Visits> {
        Some(self)
    }
}

impl<C: Channel> Visits for Fan<C> {
    fn take<'a>(
        &'a self,
        content_type: &'a str,
        body: &'a [u8],
        _address: &'a str,
    ) -> Later<'a, Result<Brought, Unwelcome>> {
        Box::pin(async move {
            let told = self.channel.report(content_type, body);
            if told.is_empty() {
                return Err(Unwelcome::Useless(String::from("no report of a message")));
            }
            let _turn = self.reporting.lock().await;
            let kept = keep_reports(self.shelf.as_ref(), &self.name, &told).await;
            kept.map_err(|error| Unwelcome::NotNow(error.to_string()))?;
            told.iter().for_each(|report| self.say(report));
            Ok(Brought::Taken)
        })
    }
}

impl<C: Channel> Fan<C> {
    /// Counts what was reported; what does not arrive is for a person to know.
    fn say(&self, report: &Report) {
        let target = self.name.to_string();
        let state = report.state.word();
        metrics::counter!("navbat_sms_reports_total", "target" => target, "state" => state)
            .increment(1);
        if report.state == Fared::Failed {
            let word: String = report.word.chars().take(40).collect();
            tracing::warn!(target = %self.name, word, "a text message did not arrive");
        }
    }
}
