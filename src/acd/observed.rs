//! A call that is told to us: the set of its facts, in whatever order they came.
//!
//! Providers repeat, lose and reorder events, so nothing here is a transition: a story only
//! grows, and what it means is worked out anew from all of it (`observed_view.rs`). The same
//! facts give the same view in every order of arrival.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::observed_evidence::Evidence;
use crate::model::{Alias, Direction, Disposition, Fact, Party, Period, Wall};

/// Facts kept of one call. A busy ring-all of fifty with two rounds makes about 250; past the
/// bound a sender at fault is not listened to.
const FACTS_MAX: usize = 1000;

/// How long a call that everybody has left without a conversation may still be offered to
/// somebody, where the provider has no event for the end (providers/uztelecom.md B3).
pub const QUIET: Period = Period::secs(30);

/// What is known about one call. It only grows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Story(BTreeSet<Fact>);

impl Story {
    /// Takes in a fact. `false`: it was known, or the story is full.
    pub fn learn(&mut self, fact: Fact) -> bool {
        self.0.len() < FACTS_MAX && self.0.insert(fact)
    }

    /// The facts, by key and time.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter()
    }

    /// What the facts mean together. `is_operator` is the operator table of the account: it
    /// decides about codes that may as well be a queue's or a group's ([`Fact::vague`]).
    pub fn view(&self, is_operator: &dyn Fn(&Alias) -> bool) -> View {
        super::observed_view::view(&Evidence::new(self.0.iter(), is_operator))
    }
}

/// A call as its facts tell it (providers/common.md section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// Who called whom.
    pub direction: Option<Direction>,
    /// The external party.
    pub client: Option<Party>,
    /// Our number.
    pub line: Option<Party>,
    /// Scheme, group or queue in the provider's words.
    pub queue: Option<String>,
    /// The earliest time of any fact.
    pub first_at: Option<Wall>,
    /// When it began; `None` when nobody told.
    pub started_at: Option<Wall>,
    /// Whether it is over. The end's time may be unknown all the same.
    pub is_over: bool,
    /// When it was over.
    pub ended_at: Option<Wall>,
    /// Everybody has left and nobody talked, and the provider has no event for the end: unless
    /// other facts come by [`View::quiet_at`], the engine makes a live `CallEnded` of this.
    pub all_left_at: Option<Wall>,
    /// [`QUIET`] after `all_left_at`.
    pub quiet_at: Option<Wall>,
    /// Operators that are known to have been offered the call, in order of first offer.
    pub rung: Vec<Rung>,
    /// Whether somebody talked with the client, known by name or not.
    pub is_answered: bool,
    /// When the first conversation with the client began.
    pub answered_at: Option<Wall>,
    /// Who first talked with the client.
    pub answered_by: Option<Alias>,
    /// Everybody who talked with the client, in order.
    pub handled_by: Vec<Alias>,
    /// Who placed the call.
    pub placed_by: Option<Alias>,
    /// Who talked from when to when, as far as the times are known.
    pub talks: Vec<(Alias, Wall, Option<Wall>)>,
    /// Conversation with operators.
    pub talk: Option<Period>,
    /// First offer to first answer or end.
    pub ring: Option<Period>,
    /// Start to first answer or end.
    pub wait: Option<Period>,
    /// What became of it; `Open` while it is not over.
    pub disposition: Disposition,
    /// Inbound, over, and nobody talked.
    pub missed: bool,
    /// The last link.
    pub recording_url: Option<String>,
}

/// One operator who was offered the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// Whom.
    pub alias: Alias,
    /// The earliest offer.
    pub at: Wall,
    /// The earliest answer.
    pub answered_at: Option<Wall>,
    /// The latest leave.
    pub left_at: Option<Wall>,
}

impl Default for View {
    /// A call nobody told anything about.
    fn default() -> View {
        View {
            direction: None,
            client: None,
            line: None,
            queue: None,
            first_at: None,
            started_at: None,
            is_over: false,
            ended_at: None,
            all_left_at: None,
            quiet_at: None,
            rung: Vec::new(),
            is_answered: false,
            answered_at: None,
            answered_by: None,
            handled_by: Vec::new(),
            placed_by: None,
            talks: Vec::new(),
            talk: Some(Period::ZERO),
            ring: None,
            wait: None,
            disposition: Disposition::Open,
            missed: false,
            recording_url: None,
        }
    }
}
