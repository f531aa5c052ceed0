//! From a provider's request to a reading: which reader, and what can come of it.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::account::{Account, Kind, Profile};
use super::wire::Wire;
use super::{generic, itoolabs, onlinepbx, sipuni, utel};
use crate::model::{Fact, FactKind, Party, Wall};
use crate::switch::AskKind;

/// Bytes of a fingerprint that is kept as it is. Real ones have about 100, readable ones help
/// whoever looks into the inbox.
const FINGERPRINT_MAX: usize = 400;

/// One request of a provider, as it came. The path has been used up by then.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST` …; every reader takes them alike.
    pub method: &'a str,
    /// The query string, not decoded, without the question mark.
    pub query: &'a str,
    /// Names and values.
    pub headers: &'a [(String, String)],
    /// The body as it came.
    pub body: &'a [u8],
}

/// What a request tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What makes two copies of one event equal; `None` where nothing does.
    pub fingerprint: Option<String>,
    /// What it tells.
    pub what: What,
    /// The event's own word, for counters: at most 32 plain letters, `none` where it has none.
    pub kind: String,
    /// Whether the event has a time of its own; otherwise the time of receipt stands for it.
    pub is_timed: bool,
}

/// The kinds of tellings.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Facts about calls.
    Facts(Vec<Fact>),
    /// An event that is not known, or whose fields do not fit: kept, counted, acknowledged.
    Unknown,
    /// It asks whom to ring.
    Question(Question),
}

/// A provider's question whom to ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The provider's call id, where the question carries one.
    pub key: Option<String>,
    /// Who calls.
    pub client: Party,
    /// Our number.
    pub line: Option<Party>,
    /// Scheme, group or queue in the provider's words.
    pub queue: Option<String>,
    /// What the answer must look like.
    pub kind: AskKind,
}

/// Why a request told nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, not UTF-8, too deep: the sender is broken or is not who it claims to be.
    #[error("cannot decode the {part}: {why}")]
    Undecodable {
        /// `query` or `body`.
        part: &'static str,
        /// What is wrong with it, without its text.
        why: String,
    },
    /// It names another cabinet or domain than the account's.
    #[error("the request names another cabinet or domain")]
    Foreign,
    /// The token that stands in the request itself is wrong or missing.
    #[error("wrong token in the request")]
    BadBodyToken,
}

/// Reads one request. Pure: the same request at the same moment gives the same reading.
///
/// `received` stands for the time of events that have none. Fails where nothing may or can be
/// taken; an event that decodes and does not fit is [`What::Unknown`].
pub fn read(
    account: &Account,
    request: &Request<'_>,
    received: Wall,
) -> Result<Reading, ReadError> {
    let wire = Wire::decode(request)?;
    match (account.kind, account.profile) {
        (Kind::Sipuni, _) => sipuni::read(account, &wire, received),
        (Kind::OnlinePbx, _) => onlinepbx::read(account, &wire, received),
        (Kind::Uztelecom, Some(Profile::Utel)) => utel::read(account, &wire, received),
        (Kind::Uztelecom, Some(Profile::Itoolabs)) => itoolabs::read(account, &wire, received),
        (Kind::Uztelecom, None) if wire.has("cmd") => itoolabs::read(account, &wire, received),
        (Kind::Uztelecom, None) => utel::read(account, &wire, received),
        (Kind::Uztelecom, Some(Profile::Generic)) | (Kind::Sarkor | Kind::Generic, _) => {
            Ok(generic::read(account, &wire, received))
        }
        (Kind::Asterisk, _) => Ok(Reading::unknown("none")),
    }
}

/// Whether `{provider}` of a hook address fits the account: its kind, or its profile.
pub fn provider_path_matches(account: &Account, provider: &str) -> bool {
    account.kind.word() == provider
        || account.profile.is_some_and(|profile| profile.word() == provider)
}

impl Reading {
    /// A reading that tells facts.
    pub(super) fn facts(kind: &str, fingerprint: String, mut facts: Vec<Fact>) -> Reading {
        let fingerprint = short(fingerprint);
        for fact in &mut facts {
            if let FactKind::Recording { event, .. } = &mut fact.kind {
                event.clone_from(&fingerprint);
            }
        }
        let fingerprint = Some(fingerprint);
        Reading { fingerprint, what: What::Facts(facts), kind: word(kind), is_timed: false }
    }

    /// The same of an event that has a time of its own.
    pub(super) fn timed(self) -> Reading {
        Reading { is_timed: true, ..self }
    }

    /// What a repeat may still tell: that things happened earlier than the copy said that came
    /// first. Some providers send an event again a second later, and the two can overtake each
    /// other; the call must come out the same.
    pub fn of_repeat(&self) -> Vec<Fact> {
        let What::Facts(facts) = &self.what else { return Vec::new() };
        let counts_earliest = |fact: &&Fact| match fact.kind {
            FactKind::CallStarted(_)
            | FactKind::OperatorRinging { .. }
            | FactKind::OperatorAnswered { .. }
            | FactKind::Accepted { .. }
            | FactKind::ClientDialled { .. }
            | FactKind::ClientAnswered { .. }
            | FactKind::CallEnded { .. }
            | FactKind::Recording { .. } => self.is_timed,
            FactKind::OperatorLeft { .. }
            | FactKind::Transferred { .. }
            | FactKind::Summary { .. }
            | FactKind::Told(_) => false,
        };
        facts.iter().filter(counts_earliest).cloned().collect()
    }

    /// An event that means nothing to us.
    pub(super) fn unknown(kind: &str) -> Reading {
        Reading { fingerprint: None, what: What::Unknown, kind: word(kind), is_timed: false }
    }

    /// A question.
    pub(super) fn question(kind: &str, question: Question) -> Reading {
        Reading {
            fingerprint: None,
            what: What::Question(question),
            kind: word(kind),
            is_timed: false,
        }
    }
}

/// A fingerprint as the inbox may keep it: a sender can make its parts long.
fn short(fingerprint: String) -> String {
    if fingerprint.len() <= FINGERPRINT_MAX {
        return fingerprint;
    }
    Sha256::digest(fingerprint.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An event's word as a counter may show it: a sender chooses it, so it is cut and cleaned.
fn word(text: &str) -> String {
    let clean = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let word: String = text.chars().filter(|c| clean(*c)).take(32).collect();
    if word.is_empty() { String::from("none") } else { word }
}

/// A recording's link; [`Reading::facts`] adds the event it came with.
pub(super) const fn recording(url: String) -> FactKind {
    FactKind::Recording { url, event: String::new() }
}

/// Compares a secret without telling by the time taken how much of it was right.
pub(super) fn is_secret(given: &str, secret: &SecretString) -> bool {
    given.as_bytes().ct_eq(secret.expose_secret().as_bytes()).into()
}
