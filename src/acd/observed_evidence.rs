//! What the facts of an observed call say about each question, before the answers are weighed.
//!
//! Everything here is a fold over the facts in the order of their times, so that the order in
//! which they reached us cannot matter. Facts about codes that may be a queue's or a group's
//! count only where the operator table has the code.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Alias, Direction, Disposition, Ends, Fact, FactKind, Legs, Party, Period, Source, Totals, Wall,
};

/// What is known about one operator's part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The earliest offer.
    pub(super) rang: Option<Wall>,
    /// The earliest answer.
    pub(super) answered: Option<Wall>,
    /// The latest leave.
    pub(super) left: Option<Wall>,
    /// The latest leave that is said to end a conversation.
    pub(super) talked_until: Option<Wall>,
}

/// What one source sums up: of several events the last one that tells a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) answered: Option<bool>,
    pub(super) by: Vec<Alias>,
    pub(super) started_at: Option<Wall>,
    pub(super) answered_at: Option<Wall>,
    pub(super) ended_at: Option<Wall>,
    pub(super) talk: Option<Period>,
    pub(super) wait: Option<Period>,
    pub(super) whole: Option<Period>,
    pub(super) disposition: Option<Disposition>,
}

/// The facts of one call, sorted by their times, with the operator table beside them.
pub(super) struct Evidence<'a> {
    facts: Vec<&'a Fact>,
    is_operator: &'a dyn Fn(&Alias) -> bool,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(
        facts: impl Iterator<Item = &'a Fact>,
        is_operator: &'a dyn Fn(&Alias) -> bool,
    ) -> Evidence<'a> {
        let mut facts: Vec<&Fact> = facts.collect();
        facts.sort_by_key(|fact| (fact.at, fact.source, &fact.kind));
        let latest = facts.last().map(|fact| fact.at);
        facts.retain(|fact| !is_silence(fact) || Some(fact.at) == latest);
        Evidence { facts, is_operator }
    }

    /// The earliest time of any fact.
    pub(super) fn first_at(&self) -> Option<Wall> {
        self.facts.first().map(|fact| fact.at)
    }

    fn counts(&self, fact: &Fact, alias: &Alias) -> bool {
        !fact.vague || (self.is_operator)(alias)
    }

    /// Who called whom. A leg between two extensions says little: a transfer makes one too. The
    /// provider's history knows best, then the leg that began the call.
    pub(super) fn direction(&self) -> Option<Direction> {
        let told = |wanted: &dyn Fn(&Fact) -> bool| {
            let facts = self.facts.iter().filter(|fact| wanted(fact));
            let mut told = facts.filter_map(|fact| legs(fact).and_then(|legs| legs.direction));
            told.find(|direction| *direction != Direction::Internal)
        };
        let inside = || self.legs().any(|(_, legs)| legs.direction == Some(Direction::Internal));
        told(&|fact| fact.source == Source::History)
            .or_else(|| told(&|fact| matches!(fact.kind, FactKind::CallStarted(_))))
            .or_else(|| told(&|_| true))
            .or_else(|| inside().then_some(Direction::Internal))
            .or_else(|| self.guessed_direction())
    }

    /// For events that name no direction at all.
    fn guessed_direction(&self) -> Option<Direction> {
        let is_out = self.facts.iter().any(|fact| {
            matches!(fact.kind, FactKind::ClientAnswered { .. } | FactKind::ClientDialled { .. })
                || legs(fact).is_some_and(|legs| legs.placed_by.is_some())
        });
        if is_out {
            return Some(Direction::Out);
        }
        // An answer that does not say on which side may be the client's: that is decided when
        // nothing more is to come.
        let is_in = self.facts.iter().any(|fact| match fact.kind {
            FactKind::OperatorRinging { .. } | FactKind::OperatorAnswered { .. } => true,
            FactKind::Accepted { .. } => self.is_ended(),
            FactKind::CallStarted(_)
            | FactKind::ClientDialled { .. }
            | FactKind::ClientAnswered { .. }
            | FactKind::OperatorLeft { .. }
            | FactKind::Transferred { .. }
            | FactKind::CallEnded { .. }
            | FactKind::Summary { .. }
            | FactKind::Told(_)
            | FactKind::Recording { .. } => false,
        });
        is_in.then_some(Direction::In)
    }

    fn legs(&self) -> impl Iterator<Item = (&'a Fact, &'a Legs)> + '_ {
        self.facts.iter().filter_map(|fact| legs(fact).map(|legs| (*fact, legs)))
    }

    /// Legs of the call itself: a transfer to an outside number has legs the other way round.
    fn own_legs(&self, direction: Option<Direction>) -> impl Iterator<Item = (&'a Fact, &'a Legs)> {
        self.legs().filter(move |(_, legs)| legs.direction.is_none() || legs.direction == direction)
    }

    /// The external party: the first that has a number, or how the first hides it.
    pub(super) fn client(&self, direction: Option<Direction>) -> Option<Party> {
        if direction == Some(Direction::Internal) {
            return None;
        }
        first_number(self.own_legs(direction).filter_map(|(_, legs)| legs.client.as_ref()))
    }

    /// Our number, in the same way.
    pub(super) fn line(&self, direction: Option<Direction>) -> Option<Party> {
        first_number(self.own_legs(direction).filter_map(|(_, legs)| legs.line.as_ref()))
    }

    /// The last scheme, group or queue that was named.
    pub(super) fn queue(&self) -> Option<String> {
        self.legs().filter_map(|(_, legs)| legs.queue.clone()).last()
    }

    /// The last link that was not empty; of copies of one event the link of the earliest.
    pub(super) fn recording_url(&self) -> Option<String> {
        let mut events: BTreeSet<&str> = BTreeSet::new();
        let mut last = None;
        for fact in &self.facts {
            if let FactKind::Recording { url, event } = &fact.kind
                && !url.is_empty()
                && (event.is_empty() || events.insert(event))
            {
                last = Some(url.clone());
            }
        }
        last
    }

    /// Who placed a call that came from inside: the history knows best, then the earliest event.
    pub(super) fn placed_by(&self, direction: Option<Direction>) -> Option<Alias> {
        if direction == Some(Direction::In) {
            return None;
        }
        let told = || {
            self.own_legs(direction).filter_map(|(fact, legs)| {
                let alias = legs.placed_by.as_ref().filter(|alias| self.counts(fact, alias))?;
                Some((fact.source, alias))
            })
        };
        let history = told().find(|(source, _)| *source == Source::History);
        history.or_else(|| told().next()).map(|(_, alias)| alias.clone())
    }

    /// The parts of all operators that any fact names as rung, answering or leaving.
    pub(super) fn parts(&self) -> BTreeMap<&'a Alias, Part> {
        let mut parts: BTreeMap<&Alias, Part> = BTreeMap::new();
        for fact in &self.facts {
            let Some(alias) = operator(fact).filter(|alias| self.counts(fact, alias)) else {
                continue;
            };
            let part = parts.entry(alias).or_default();
            let (at, first) = (fact.at, |known: Option<Wall>| known.or(Some(fact.at)));
            match &fact.kind {
                FactKind::OperatorRinging { .. } => part.rang = first(part.rang),
                FactKind::OperatorAnswered { .. } | FactKind::Accepted { .. } => {
                    part.answered = first(part.answered);
                }
                FactKind::OperatorLeft { talked, ends, .. } => {
                    part.left = Some(at);
                    if *talked == Some(true) && *ends != Ends::ByEvent {
                        part.talked_until = Some(at);
                    }
                }
                FactKind::CallStarted(_)
                | FactKind::ClientDialled { .. }
                | FactKind::ClientAnswered { .. }
                | FactKind::Transferred { .. }
                | FactKind::CallEnded { .. }
                | FactKind::Summary { .. }
                | FactKind::Told(_)
                | FactKind::Recording { .. } => {}
            }
        }
        parts
    }

    /// The earliest answer by an operator whom the event does not name.
    pub(super) fn nameless_answer(&self) -> Option<Wall> {
        self.first(|kind| {
            matches!(
                kind,
                FactKind::OperatorAnswered { alias: None, .. }
                    | FactKind::Accepted { alias: None, .. }
            )
        })
    }

    /// The earliest answer of the client of an outbound call.
    pub(super) fn client_answer(&self) -> Option<Wall> {
        self.first(|kind| {
            matches!(kind, FactKind::ClientAnswered { .. } | FactKind::Accepted { .. })
        })
    }

    /// When the client of an outbound call began to be dialled.
    pub(super) fn client_dialled(&self) -> Option<Wall> {
        self.first(|kind| matches!(kind, FactKind::ClientDialled { .. }))
    }

    /// The earliest event that begins the call.
    pub(super) fn call_started(&self) -> Option<Wall> {
        self.first(|kind| matches!(kind, FactKind::CallStarted(_)))
    }

    fn first(&self, wanted: impl Fn(&FactKind) -> bool) -> Option<Wall> {
        self.facts.iter().find(|fact| wanted(&fact.kind)).map(|fact| fact.at)
    }

    /// Whether an event said that the call is over.
    pub(super) fn is_ended(&self) -> bool {
        self.facts.iter().any(|fact| totals(fact).is_some())
    }

    /// How calls of this provider end, by the most telling of the leaves.
    pub(super) fn ends(&self) -> Ends {
        let ends = self.facts.iter().filter_map(|fact| match &fact.kind {
            FactKind::OperatorLeft { ends, .. } => Some(*ends),
            FactKind::CallStarted(_)
            | FactKind::OperatorRinging { .. }
            | FactKind::OperatorAnswered { .. }
            | FactKind::Accepted { .. }
            | FactKind::ClientDialled { .. }
            | FactKind::ClientAnswered { .. }
            | FactKind::Transferred { .. }
            | FactKind::CallEnded { .. }
            | FactKind::Summary { .. }
            | FactKind::Told(_)
            | FactKind::Recording { .. } => None,
        });
        ends.max().unwrap_or_default()
    }

    /// What the sources of this standing sum up.
    pub(super) fn sum(&self, wanted: Source) -> Sum {
        let mut sum = Sum::default();
        for fact in self.facts.iter().filter(|fact| fact.source == wanted) {
            if let Some(totals) = totals(fact) {
                self.add(&mut sum, fact, totals);
            }
        }
        sum
    }

    fn add(&self, sum: &mut Sum, fact: &Fact, totals: &Totals) {
        let by_code = totals.answered_by.as_ref().is_some_and(|alias| !self.counts(fact, alias));
        if !by_code {
            sum.answered = totals.answered.or(sum.answered);
            if let Some(first) = &totals.answered_by {
                sum.by = vec![first.clone()];
                sum.by.extend(totals.handled_by.iter().filter(|alias| *alias != first).cloned());
            }
        }
        sum.started_at = totals.started_at.or(sum.started_at);
        sum.answered_at = totals.answered_at.or(sum.answered_at);
        sum.ended_at = totals.ended_at.or(sum.ended_at);
        sum.talk = totals.talk.or(sum.talk);
        sum.wait = totals.wait.or(sum.wait);
        sum.whole = totals.whole.or(sum.whole);
        sum.disposition = totals.disposition.or(sum.disposition);
    }

    /// When the call was over by its end events: the latest of them, where copies of one event
    /// count with their earliest time.
    pub(super) fn end_event(&self) -> Option<Wall> {
        let mut copies: BTreeMap<(Source, &Legs, &Totals), Wall> = BTreeMap::new();
        for fact in &self.facts {
            if let FactKind::CallEnded { legs, totals } = &fact.kind
                && !totals.end_untold
            {
                let at = totals.ended_at.unwrap_or(fact.at);
                copies.entry((fact.source, legs, totals)).or_insert(at);
            }
        }
        copies.into_values().max()
    }

    /// When the last end event reached us, for events that have no time of their own.
    pub(super) fn end_heard(&self) -> Option<Wall> {
        self.facts.iter().rev().find_map(|fact| match &fact.kind {
            FactKind::CallEnded { .. } => Some(fact.at),
            FactKind::CallStarted(_)
            | FactKind::OperatorRinging { .. }
            | FactKind::OperatorAnswered { .. }
            | FactKind::Accepted { .. }
            | FactKind::ClientDialled { .. }
            | FactKind::ClientAnswered { .. }
            | FactKind::OperatorLeft { .. }
            | FactKind::Transferred { .. }
            | FactKind::Summary { .. }
            | FactKind::Told(_)
            | FactKind::Recording { .. } => None,
        })
    }
}

/// The end that the engine makes of a silence ([`super::observed::QUIET`]); later news takes it
/// back.
const fn is_silence(fact: &Fact) -> bool {
    matches!((&fact.kind, fact.source), (FactKind::CallEnded { .. }, Source::Live))
}

fn first_number<'a>(parties: impl Iterator<Item = &'a Party>) -> Option<Party> {
    let parties: Vec<&Party> = parties.collect();
    let number = parties.iter().find(|party| party.e164().is_some());
    number.or_else(|| parties.first()).map(|party| (*party).clone())
}

/// The operator whose part a fact tells.
fn operator(fact: &Fact) -> Option<&Alias> {
    match &fact.kind {
        FactKind::OperatorRinging { alias, .. } | FactKind::OperatorLeft { alias, .. } => {
            Some(alias)
        }
        FactKind::OperatorAnswered { alias, .. } | FactKind::Accepted { alias, .. } => {
            alias.as_ref()
        }
        FactKind::CallStarted(_)
        | FactKind::ClientDialled { .. }
        | FactKind::ClientAnswered { .. }
        | FactKind::Transferred { .. }
        | FactKind::CallEnded { .. }
        | FactKind::Summary { .. }
        | FactKind::Told(_)
        | FactKind::Recording { .. } => None,
    }
}

fn legs(fact: &Fact) -> Option<&Legs> {
    match &fact.kind {
        FactKind::CallStarted(legs)
        | FactKind::OperatorRinging { legs, .. }
        | FactKind::OperatorAnswered { legs, .. }
        | FactKind::Accepted { legs, .. }
        | FactKind::ClientDialled { legs }
        | FactKind::ClientAnswered { legs }
        | FactKind::CallEnded { legs, .. }
        | FactKind::Summary { legs, .. }
        | FactKind::Told(legs) => Some(legs),
        FactKind::OperatorLeft { .. }
        | FactKind::Transferred { .. }
        | FactKind::Recording { .. } => None,
    }
}

fn totals(fact: &Fact) -> Option<&Totals> {
    match &fact.kind {
        FactKind::CallEnded { totals, .. } | FactKind::Summary { totals, .. } => Some(totals),
        FactKind::CallStarted(_)
        | FactKind::OperatorRinging { .. }
        | FactKind::OperatorAnswered { .. }
        | FactKind::Accepted { .. }
        | FactKind::ClientDialled { .. }
        | FactKind::ClientAnswered { .. }
        | FactKind::OperatorLeft { .. }
        | FactKind::Transferred { .. }
        | FactKind::Told(_)
        | FactKind::Recording { .. } => None,
    }
}
