//! What is counted about each account's hook, how much it may send, and what the log says of it.
//!
//! The log names each cause once per account and minute; the counters have the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use dashmap::DashMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use parking_lot::Mutex;

use crate::connect::provider::Account;
use crate::model::{Alias, Fact, FactKind, Mono, Name, Period, Wall};
use crate::store::Verdict;

use super::state::Site;
use super::view::scrub;

/// How long a cause is not named again.
const SILENT_FOR: Period = Period::secs(60);

/// Unknown aliases remembered for one account; they are shown so that somebody configures them.
const ALIASES_MAX: usize = 32;

/// How much an account may send: key `rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate { per_second: 1000, burst: 10_000 }
    }
}

/// The gates of all accounts.
#[derive(Default)]
pub struct Gates {
    by_account: DashMap<Name, Arc<Gate>>,
    strangers: AtomicU64,
    stranger_named_at: Mutex<Option<Mono>>,
}

/// The gate of one account.
pub struct Gate {
    account: Name,
    rate: Rate,
    limiter: DefaultDirectRateLimiter,
    counts: Counts,
    aliases: Mutex<BTreeSet<String>>,
    named_at: Mutex<BTreeMap<&'static str, Mono>>,
    troubled_at: Mutex<Option<Mono>>,
}

/// Counters since the start.
#[derive(Default)]
struct Counts {
    received: AtomicU64,
    duplicates: AtomicU64,
    unknown: AtomicU64,
    undecodable: AtomicU64,
    refused: AtomicU64,
    limited: AtomicU64,
    last_at: AtomicI64,
}

/// Counters of one account as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests that were stored, repeats among them.
    pub received: u64,
    /// Repeats.
    pub duplicates: u64,
    /// Events whose kind is not known or whose fields do not fit.
    pub unknown: u64,
    /// Requests that could not be decoded.
    pub undecodable: u64,
    /// Wrong token, foreign cabinet or domain, too large.
    pub refused: u64,
    /// Over the rate.
    pub limited: u64,
    /// When the last one was stored.
    pub last_at: Option<Wall>,
    /// Aliases that no operator has.
    pub aliases: Vec<String>,
}

/// Why a request was not taken, or taken and not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Wrong token or path.
    Token,
    /// Over the rate.
    Limited,
    /// Body or query over the bound, or too slow.
    TooLarge,
    /// Not decodable.
    Undecodable {
        /// `query` or `body`.
        part: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Another cabinet or domain.
    Foreign,
    /// The token in the request.
    BodyToken,
    /// An event that is not known, by its word.
    Unknown(String),
    /// The journal.
    Storage(String),
    /// The exchange gave no answer in time.
    Unanswered,
}

impl Cause {
    const fn word(&self) -> &'static str {
        match self {
            Cause::Token => "token",
            Cause::Limited => "limited",
            Cause::TooLarge => "too_large",
            Cause::Undecodable { .. } => "undecodable",
            Cause::Foreign => "foreign",
            Cause::BodyToken => "body_token",
            Cause::Unknown(_) => "unknown",
            Cause::Storage(_) => "storage",
            Cause::Unanswered => "unanswered",
        }
    }

    /// What the log says; text from the wire is masked and bounded.
    fn text(&self) -> String {
        let shown = match self {
            Cause::Token => String::from("wrong token or path"),
            Cause::Limited => String::from("over the account's rate"),
            Cause::TooLarge => String::from("body or query too large or too slow"),
            Cause::Undecodable { part, why } => format!("cannot decode the {part}: {why}"),
            Cause::Foreign => String::from("names another cabinet or domain"),
            Cause::BodyToken => String::from("wrong token in the request"),
            Cause::Unknown(word) => format!("unknown event `{word}`"),
            Cause::Storage(why) => format!("not stored: {why}"),
            Cause::Unanswered => String::from("a question was not answered in time"),
        };
        scrub(&shown, &[]).chars().take(200).collect()
    }
}

impl Gates {
    /// The gate of an account; a changed rate makes a new limiter and keeps the counters' gate.
    pub fn of(&self, site: &Site, account: &Name) -> Arc<Gate> {
        let rate = site.rates.get(account).copied().unwrap_or_default();
        if let Some(gate) = self.by_account.get(account)
            && gate.rate == rate
        {
            return gate.value().clone();
        }
        let gate = Arc::new(Gate::new(account.clone(), rate));
        self.by_account.insert(account.clone(), gate.clone());
        gate
    }

    /// Counts a request whose account or token is wrong.
    pub fn stranger(&self, site: &Site, account: &str, now: Mono) {
        let name = Name::from(account);
        if site.accounts.iter().any(|known| known.name == name) {
            self.of(site, &name).note(Cause::Token, now);
            return;
        }
        self.strangers.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("navbat_hook_strangers_total").increment(1);
        let mut named_at = self.stranger_named_at.lock();
        if named_at.is_none_or(|at| now.since(at) >= SILENT_FOR) {
            *named_at = Some(now);
            tracing::warn!("a webhook named an unknown account");
        }
    }
}

impl Gate {
    fn new(account: Name, rate: Rate) -> Gate {
        let per_second = NonZeroU32::new(rate.per_second).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(rate.burst).unwrap_or(per_second);
        let limiter =
            DefaultDirectRateLimiter::direct(Quota::per_second(per_second).allow_burst(burst));
        Gate {
            account,
            rate,
            limiter,
            counts: Counts::default(),
            aliases: Mutex::default(),
            named_at: Mutex::default(),
            troubled_at: Mutex::default(),
        }
    }

    /// Lets one request in. Fails with the seconds after which the next one may come.
    pub fn admit(&self) -> Result<(), u64> {
        self.limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            wait.as_secs().saturating_add(1)
        })
    }

    /// Counts a stored request.
    pub fn took(&self, received: Wall, verdict: Verdict, duplicate: bool) {
        let add =
            |counter: &AtomicU64, on: bool| counter.fetch_add(u64::from(on), Ordering::Relaxed);
        add(&self.counts.received, true);
        add(&self.counts.duplicates, duplicate);
        self.counts.last_at.store(received.0, Ordering::Relaxed);
        metrics::counter!(
            "navbat_hook_requests_total",
            "account" => self.account.to_string(),
            "verdict" => if duplicate { "duplicate" } else { verdict.word() },
        )
        .increment(1);
    }

    /// Counts a cause, and names it in the log when it was not named within the last minute.
    pub fn note(&self, cause: Cause, now: Mono) {
        let word = cause.word();
        let counter = match cause {
            Cause::Limited => Some(&self.counts.limited),
            Cause::Undecodable { .. } => Some(&self.counts.undecodable),
            Cause::Unknown(_) => Some(&self.counts.unknown),
            Cause::Token | Cause::TooLarge | Cause::Foreign | Cause::BodyToken => {
                Some(&self.counts.refused)
            }
            Cause::Storage(_) | Cause::Unanswered => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        *self.troubled_at.lock() = Some(now);
        metrics::counter!(
            "navbat_hook_troubles_total", "account" => self.account.to_string(), "cause" => word,
        )
        .increment(1);
        let mut named_at = self.named_at.lock();
        if named_at.get(word).is_none_or(|at| now.since(*at) >= SILENT_FOR) {
            named_at.insert(word, now);
            let (account, why) = (&self.account, cause.text());
            tracing::warn!(%account, cause = word, why, "a webhook was not taken as it is");
        }
    }

    /// Whether something was not taken, or not understood, within the last `within`.
    pub fn troubled_within(&self, within: Period, now: Mono) -> bool {
        self.troubled_at.lock().is_some_and(|at| now.since(at) < within)
    }

    /// Remembers aliases that no operator has.
    pub fn saw(&self, account: &Account, facts: &[Fact]) {
        let named = facts.iter().filter_map(alias_of);
        for alias in named.filter(|alias| !account.aliases.contains(&alias.0)) {
            let mut aliases = self.aliases.lock();
            if aliases.len() < ALIASES_MAX {
                aliases.insert(alias.0.clone());
            }
        }
    }

    /// The counters as they stand.
    pub fn counted(&self) -> Counted {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last_at = self.counts.last_at.load(Ordering::Relaxed);
        Counted {
            received: read(&self.counts.received),
            duplicates: read(&self.counts.duplicates),
            unknown: read(&self.counts.unknown),
            undecodable: read(&self.counts.undecodable),
            refused: read(&self.counts.refused),
            limited: read(&self.counts.limited),
            last_at: (last_at != 0).then_some(Wall(last_at)),
            aliases: self.aliases.lock().iter().cloned().collect(),
        }
    }
}

/// The operator whom a fact names.
fn alias_of(fact: &Fact) -> Option<&Alias> {
    match &fact.kind {
        FactKind::OperatorRinging { alias, .. } | FactKind::OperatorLeft { alias, .. } => {
            Some(alias)
        }
        FactKind::OperatorAnswered { alias, .. } | FactKind::Accepted { alias, .. } => {
            alias.as_ref()
        }
        FactKind::Transferred { to, .. } => to.as_ref(),
        FactKind::CallStarted(legs)
        | FactKind::Told(legs)
        | FactKind::ClientDialled { legs }
        | FactKind::ClientAnswered { legs }
        | FactKind::CallEnded { legs, .. }
        | FactKind::Summary { legs, .. } => legs.placed_by.as_ref(),
        FactKind::Recording { .. } => None,
    }
}
