//! A target of notes, and what it says of one.
//!
//! An adapter turns a note into the requests of its peer and its peer's answers into a
//! [`Verdict`]. It keeps no queue and does not repeat: the worker does, by what the verdict says.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

use crate::model::{ClientView, Name, NoteBody, Number, Pop};

/// What is awaited of an adapter.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A note on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Ours.
    pub id: String,
    /// Account, call and action; the same at every repetition, for peers that honour a key.
    pub once_key: String,
    /// What to tell.
    pub body: NoteBody,
    /// Attempts, this one among them.
    pub tries: u64,
    /// What an earlier delivery of this key left with us (ids at the peer): this one amends it.
    pub external: Option<Value>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Done {
        /// What to keep for amendments: ids at the peer.
        external: Option<Value>,
    },
    /// There is nothing to do, by a setting or by what the peer holds.
    Skipped {
        /// The reason, for people.
        why: String,
    },
    /// Surely without effect; again later.
    Retry {
        /// How long the peer asks to wait.
        after: Option<Duration>,
        /// What it said.
        why: String,
    },
    /// Perhaps with an effect: an answer was lost, cut, or a 5xx. To be looked up before it is
    /// repeated.
    Ambiguous {
        /// What was seen.
        why: String,
    },
    /// The whole target has to wait: a limit was met. Surely without effect.
    Wait {
        /// How long.
        after: Duration,
        /// What it said.
        why: String,
    },
    /// The whole target is switched off until a person or a probe mends it (authorisation,
    /// subscription, blocked). Surely without effect; nothing is dropped.
    Paused {
        /// The state's word, `needs_reauth` and the like.
        state: &'static str,
        /// What it said.
        why: String,
        /// When to try by itself again; `None`: a person must act.
        probe: Option<Duration>,
    },
    /// It can never succeed.
    Dead {
        /// What the peer said.
        why: String,
    },
}

/// What looking an unclear attempt up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It had its effect.
    Yes {
        /// What to keep for amendments.
        external: Option<Value>,
    },
    /// It had none: it may be repeated.
    No,
    /// The peer has no way to look. The note ends `unclear`, for a person, unless the adapter's
    /// [`Outlet::repeats_unclear`] says that one repetition does no harm.
    Cannot,
    /// Not now; ask again later.
    NotNow {
        /// What was seen.
        why: String,
    },
}

/// A CRM or a messenger.
pub trait Outlet: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &Name;

    /// Notes a second that the worker may begin, and how many at once. Pops and lookups of a
    /// ringing call do not wait for that: an adapter that has them holds its peer's own limit
    /// request by request, with what rings first.
    fn pace(&self) -> (f64, u32);

    /// Brings one note.
    fn deliver<'a>(&'a self, note: &'a Note) -> Later<'a, Verdict>;

    /// Whether an attempt with a lost answer had its effect. Of a note without `external` that
    /// is whether its entry is there at all, because the body may have been amended since; of an
    /// amendment, whether the entry says what the note tells.
    fn look_up<'a>(&'a self, note: &'a Note) -> Later<'a, Found>;

    /// How long to wait before an unclear attempt is looked up; what was just written may not be
    /// listed at once.
    fn look_up_after(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// Whether an attempt that nobody can look up may be repeated once (a duplicate is
    /// recognisable and free of charge).
    fn repeats_unclear(&self) -> bool {
        false
    }

    /// Whether the peer answers and knows us: for health and to end a pause.
    fn probe(&self) -> Later<'_, Result<(), String>>;

    /// The CRM it is, where it is one.
    fn crm(&self) -> Option<&dyn Crm> {
        None
    }

    /// What its peer brings to us of its own accord, where it does.
    fn visits(&self) -> Option<&dyn Visits> {
        None
    }
}

/// How a card at a CRM fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PopTold {
    /// It left and was taken.
    Shown,
    /// Not shown, and why: no user for this operator, the CRM is down, too late.
    NotShown {
        /// The reason, for people.
        why: String,
    },
}

/// What CRMs can do beyond notes. Nothing here is ever repeated after its moment.
pub trait Crm: Send + Sync {
    /// A card opened, changed or closed for an operator. Perishable: the caller gives it a deadline.
    fn pop<'a>(&'a self, pop: &'a Pop) -> Later<'a, PopTold>;

    /// Who has this number. `call` and `at` of the view are the caller's to fill in.
    fn client<'a>(&'a self, number: &'a Number) -> Later<'a, ClientView>;
}

/// A consent that came back from the peer's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Works once.
    pub code: String,
    /// The account in which it was given, by host, where the peer says so.
    pub account: Option<String>,
}

/// What a peer brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// It was taken in; nobody else has to do anything.
    Taken,
    /// Somebody there clicked a number: their telephone is to ring, then that number's.
    Click {
        /// Who.
        operator: Name,
        /// Whom to call.
        number: Number,
    },
}

/// Why what a peer brought was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    /// It does not prove that it comes from the peer.
    #[error("it does not prove that it comes from the peer")]
    Forged,
    /// Nothing that we can use; bringing it again changes nothing.
    #[error("{0}")]
    Useless(String),
    /// Not at this moment.
    #[error("{0}")]
    NotNow(String),
}

/// What peers bring to us: consents, events, reports.
pub trait Visits: Send + Sync {
    /// The peer's page on which a person consents that we work in its name; it comes back with
    /// this `state`. `None`: nobody has to consent.
    fn consent_page(&self, _state: &str) -> Option<String> {
        None
    }

    /// Takes a consent in. `address` is where the peer's events are to go from then on.
    fn consent<'a>(
        &'a self,
        _consent: &'a Consent,
        _address: &'a str,
    ) -> Later<'a, Result<(), String>> {
        Box::pin(std::future::ready(Err(String::from("nobody has to consent"))))
    }

    /// Takes an event or a report in, which came to `address`.
    fn take<'a>(
        &'a self,
        content_type: &'a str,
        body: &'a [u8],
        address: &'a str,
    ) -> Later<'a, Result<Brought, Unwelcome>>;
}

/// Why a word could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ShelfError(pub String);

/// Where an adapter keeps what must outlive a restart: tokens that change, chat ids that moved.
/// A word is durable when `put` returns.
pub trait Shelf: Send + Sync {
    /// The word of a key.
    fn get<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
    ) -> Later<'a, Result<Option<String>, ShelfError>>;

    /// Keeps a word.
    fn put<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
        word: &'a str,
    ) -> Later<'a, Result<(), ShelfError>>;
}
