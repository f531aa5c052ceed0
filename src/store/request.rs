//! A provider's raw request as it goes into the inbox, and as it comes out again.

use crate::model::{Name, Seq, Wall};

/// A raw request to be kept. The writer of it has hidden the token and dropped secret headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// The account's name.
    pub account: Name,
    /// The kind of the account.
    pub provider: String,
    /// When it reached us.
    pub received: Wall,
    /// `GET`, `POST` …
    pub method: String,
    /// The path, its token replaced by `***`.
    pub path: String,
    /// The query string as it came.
    pub query: String,
    /// Names and values; bounded, without cookies and authorization.
    pub headers: Vec<(String, String)>,
    /// The body as it came, at most 256 KiB.
    pub body: Vec<u8>,
    /// What makes two copies of one event equal; `None` where nothing does.
    pub fingerprint: Option<String>,
    /// What the reader made of it.
    pub verdict: Verdict,
    /// The event's word, for counters; bounded.
    pub kind: String,
    /// The provider's own ids of the calls it tells of.
    pub keys: Vec<String>,
    /// A repeat of it may tell that things happened earlier than the copy said that came first:
    /// then the engine hears that too. Not kept.
    pub retold: bool,
}

/// What a provider's reader made of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It told facts.
    Facts,
    /// Its kind is not known or its fields do not fit; kept and counted.
    Unknown,
    /// Its body or query could not be decoded; answered 400.
    Undecodable,
    /// It asked whom to ring; answered by the engine at once.
    Question,
}

impl Verdict {
    /// The word used in SQL and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Facts => "facts",
            Verdict::Unknown => "unknown",
            Verdict::Undecodable => "undecodable",
            Verdict::Question => "question",
        }
    }

    /// The verdict of a word; `None` for any other text.
    pub fn of(word: &str) -> Option<Verdict> {
        [Verdict::Facts, Verdict::Unknown, Verdict::Undecodable, Verdict::Question]
            .into_iter()
            .find(|verdict| verdict.word() == word)
    }

    /// Whether the engine is to hear of it. A question reaches the engine by itself, and what
    /// could not be decoded tells it nothing.
    pub const fn is_handed_on(self) -> bool {
        matches!(self, Verdict::Facts | Verdict::Unknown)
    }
}

/// A request with its place in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Its place, from 1, rising.
    pub seq: Seq,
    /// The first request of the same fingerprint within 24 hours, when this one repeats it.
    pub duplicate_of: Option<Seq>,
    /// What came. `keys` is empty when it was read back from the disk, and `retold` false.
    pub request: NewRequest,
}

/// The answer to a request that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Its place in the inbox.
    pub seq: Seq,
    /// Whether the same event was kept before; then the engine does not hear it again, but for
    /// what it tells anew ([`NewRequest::retold`]).
    pub duplicate: bool,
}
