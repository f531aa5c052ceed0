//! How a call of ours goes beyond its waits: who is joined with whom, who talked from when to
//! when, who is being passed on, and where in a dialplan the call is.

use serde::{Deserialize, Serialize};

use crate::model::{
    Disposition, LegId, Mono, OfferId, OperatorId, Outcome, Period, PlanStep, Wall,
};

/// The way of one call of ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// Legs of the call that are neither its first nor carry an offer.
    pub legs: Vec<LegId>,
    /// Such legs that were let go of.
    pub past: Vec<LegId>,
    /// The leg that the first one is joined with, or that was chosen to be.
    pub other: Option<LegId>,
    /// Whether the two are joined.
    pub joined: bool,
    /// Stretches of conversation, in order.
    pub talks: Vec<Segment>,
    /// Who is being passed on.
    pub passing: Option<Passing>,
    /// Where in a dialplan it is.
    pub step: Option<PlanStep>,
    /// When the present step, dialling or joining is given up.
    pub due_at: Option<Mono>,
    /// Whether a number outside rang.
    pub rang: bool,
    /// Who placed it.
    pub placed_by: Option<OperatorId>,
    /// How it ended, where no wait tells.
    pub outcome: Option<Outcome>,
    /// What became of it, where an operator placed it.
    pub disposition: Option<Disposition>,
}

/// One stretch of conversation of one person: sums of talk come from these only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Whose side it is told for.
    pub leg: LegId,
    /// Who that is; `None` for a number outside.
    pub operator: Option<OperatorId>,
    /// The offer that brought them into the call.
    pub offer: Option<OfferId>,
    /// When it began.
    pub from: Wall,
    /// When it ended; `None` while it lasts.
    pub to: Option<Wall>,
    /// How long the other party was on hold, without what lasts.
    pub held: Period,
    /// Since when the other party is on hold.
    pub held_since: Option<Mono>,
}

/// A party who is being passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// Who passes them on; `None` when they come back to somebody who left already.
    pub by: Option<LegId>,
    /// Which operator that is.
    pub operator: OperatorId,
    /// The leg that is rung for them.
    pub to: LegId,
}

impl Course {
    /// The stretch that lasts on a leg.
    pub fn talk_on(&mut self, leg: LegId) -> Option<&mut Segment> {
        self.talks.iter_mut().find(|talk| talk.leg == leg && talk.to.is_none())
    }
}

impl Segment {
    /// The hold, if any, is over.
    pub fn unhold(&mut self, now: Mono) {
        if let Some(since) = self.held_since.take() {
            self.held = self.held + now.since(since);
        }
    }
}
