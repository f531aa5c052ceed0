//! A call as it is kept and shown: one row with everything under it, worked out from the state.

use super::call::Call;
use super::course::Segment;
use super::engine::Engine;
use super::entry::Entry;
use super::observed::View;
use super::offer::{Offer, OfferState};
use super::roster::NO_QUEUE;
use crate::model::{
    Authority, CallId, CallRow, Direction, Disposition, EntryRow, Name, OfferEnd, OfferRow,
    Outcome, Period, Stage, TalkRow, Wall,
};

impl Engine {
    /// The row of a call as it stands, one revision after the last that was saved.
    pub(super) fn row_of(&self, id: CallId) -> Option<CallRow> {
        let call = self.state.calls.get(&id)?;
        let entries: Vec<&Entry> =
            call.entries.iter().filter_map(|id| self.state.entries.get(id)).collect();
        let mut offers: Vec<&Offer> =
            call.offers.iter().filter_map(|id| self.state.offers.get(id)).collect();
        offers.sort_by_key(|offer| (offer.offered_at, offer.id));
        let base = self.own_row(call, &entries, &offers);
        let row = match self.view_of(id) {
            Some(view) => self.told_row(base, call, view),
            None => base,
        };
        Some(row)
    }

    /// The row as far as our own offers and legs tell.
    fn own_row(&self, call: &Call, entries: &[&Entry], offers: &[&Offer]) -> CallRow {
        let mut rung: Vec<Name> = Vec::new();
        for offer in offers.iter().filter(|offer| offer.ringing_at.is_some()) {
            if !rung.contains(&offer.name) {
                rung.push(offer.name.clone());
            }
        }
        let mut talks: Vec<TalkRow> = match call.course.talks.as_slice() {
            [] => offers.iter().filter_map(|offer| talk_of(offer)).collect(),
            talks => talks.iter().filter_map(|talk| self.talk_row(talk)).collect(),
        };
        talks.sort_by_key(|talk| talk.from);
        let mut handled_by: Vec<Name> = Vec::new();
        for talk in &talks {
            if !handled_by.contains(&talk.operator) {
                handled_by.push(talk.operator.clone());
            }
        }
        let first = talks.first().map(|talk| talk.from);
        let end = first.or(call.conversed_at).or(call.ended_at);
        let first_offer = offers.iter().map(|offer| offer.offered_at).min();
        let missed = self.is_missed(call);
        let placer = call.course.placed_by.and_then(|id| self.state.operators.get(&id));
        let talked = first.is_some() || call.conversed_at.is_some();
        // The wait of a callback is the one that ended as `callback_taken`: it counts once.
        let counted = if call.token.is_some() { &[] } else { entries };
        let outcome = counted.iter().rev().find_map(|entry| entry.state.outcome());
        let outcome = outcome.or(call.course.outcome);
        CallRow {
            id: call.id,
            call_key: call.key.clone(),
            provider: call.provider.clone(),
            account: call.account.clone(),
            authority: call.authority,
            direction: call.direction,
            client: call.client.clone(),
            line: call.line.clone(),
            queue: entries.last().map(|entry| entry.queue_name.clone()).filter(is_queue),
            rung,
            answered_by: handled_by.first().cloned(),
            handled_by,
            placed_by: placer.map(|it| it.name.clone()).or_else(|| self.callback_by(call.id)),
            missed,
            talk: Some(talk_sum(&talks, call.ended_at)),
            ring: first_offer.and_then(|from| end.map(|end| end.since(from))),
            wait: end.map(|end| end.since(call.started_at)),
            disposition: disposition(call, talked, outcome),
            outcome: if call.is_open() && !talked { None } else { outcome },
            recording_url: None,
            started_at: call.started_at,
            ended_at: call.ended_at.filter(|_| !call.stale),
            settled: call.settled,
            result: call.result.clone(),
            revision: call.revision.saturating_add(1),
            entries: counted.iter().map(|entry| entry_row(entry)).collect(),
            offers: offers.iter().map(|offer| offer_row(offer)).collect(),
            talks,
            stages: call
                .stages
                .iter()
                .map(|(stage, at)| Stage { stage: *stage, at: *at })
                .collect(),
        }
    }

    /// A stretch of conversation of an operator; those of numbers outside are not told.
    fn talk_row(&self, talk: &Segment) -> Option<TalkRow> {
        let operator = self.state.operators.get(&talk.operator?)?;
        let lasting = talk.held_since.map_or(Period::ZERO, |since| self.now.mono.since(since));
        Some(TalkRow {
            operator: operator.name.clone(),
            from: talk.from,
            to: talk.to,
            held: talk.held + lasting,
        })
    }

    /// The row with what facts say, where they say anything.
    fn told_row(&self, base: CallRow, call: &Call, view: View) -> CallRow {
        let name = |alias: &crate::model::Alias| self.name_of(&call.account, alias);
        let names = |aliases: &[crate::model::Alias]| -> Vec<Name> {
            let mut seen = Vec::new();
            for alias in aliases.iter().map(name) {
                if !seen.contains(&alias) {
                    seen.push(alias);
                }
            }
            seen
        };
        let rung: Vec<crate::model::Alias> =
            view.rung.iter().map(|rung| rung.alias.clone()).collect();
        let talks = view.talks.iter().map(|(alias, from, to)| TalkRow {
            operator: name(alias),
            from: *from,
            to: *to,
            held: Period::ZERO,
        });
        let answered_by = view.answered_by.as_ref().map(name);
        // A provider asks about inbound calls only, whatever its events leave out.
        let asked = call.authority == Authority::Advised && view.direction.is_none();
        let unanswered = asked && view.is_over && !view.is_answered;
        let disposition = match (call.stale, view.disposition) {
            (true, Disposition::Open) => Disposition::UnknownEnd,
            (_, _) if unanswered => Disposition::Missed,
            (_, told) => told,
        };
        let closed = call.stale && !view.is_over;
        // A call outside queues that nobody closed has failed as much as one in a queue.
        let lost = disposition == Disposition::UnknownEnd && answered_by.is_none();
        // An entry made before a fact told the direction is nobody's wait.
        let waits = !matches!(view.direction, Some(Direction::Out | Direction::Internal));
        // The wait outside queues is for reports; a row tells the outcome of waits in queues.
        let queued = base.queue.is_some();
        let outcome = base.outcome.filter(|_| waits && queued).or(lost.then_some(Outcome::Failed));
        let missed = view.missed
            || unanswered
            || (closed && view.direction == Some(Direction::In) && answered_by.is_none());
        CallRow {
            direction: view.direction.or(base.direction),
            client: view.client.or(base.client),
            line: view.line.or(base.line),
            queue: base.queue.filter(|_| waits),
            rung: names(&rung),
            answered_by,
            handled_by: names(&view.handled_by),
            placed_by: view.placed_by.as_ref().map(name),
            missed,
            talk: view.talk,
            ring: view.ring,
            wait: view.wait,
            disposition,
            outcome,
            recording_url: view.recording_url,
            started_at: view.started_at.unwrap_or(base.started_at),
            ended_at: view.ended_at,
            talks: talks.collect(),
            ..base
        }
    }
}

fn is_queue(name: &Name) -> bool {
    name.as_str() != NO_QUEUE
}

/// What became of a call without facts.
fn disposition(call: &Call, talked: bool, outcome: Option<Outcome>) -> Disposition {
    if !call.is_open() && call.authority == Authority::Owned {
        match (call.direction, talked) {
            (Some(Direction::Internal), _) => return Disposition::Internal,
            (Some(Direction::Out), false) => {
                return call.course.disposition.unwrap_or(Disposition::Cancelled);
            }
            (Some(Direction::Out | Direction::In) | None, _) => {}
        }
    }
    match (call.is_open(), call.stale, talked) {
        (true, _, _) => Disposition::Open,
        (false, true, _) => Disposition::UnknownEnd,
        (false, false, true) => Disposition::Answered,
        (false, false, false) if outcome == Some(Outcome::Failed) && call.direction.is_none() => {
            Disposition::Failed
        }
        (false, false, false) => Disposition::Missed,
    }
}

/// The stretch of conversation that an offer won.
fn talk_of(offer: &Offer) -> Option<TalkRow> {
    match offer.state {
        OfferState::Over(OfferEnd::Won) => Some(TalkRow {
            operator: offer.name.clone(),
            from: offer.answered_at?,
            to: offer.left_at,
            held: Period::ZERO,
        }),
        OfferState::Dialing | OfferState::Ringing | OfferState::Answered | OfferState::Over(_) => {
            None
        }
    }
}

/// Conversation in all: from the first answer on, and what still lasts up to the end.
fn talk_sum(talks: &[TalkRow], ended_at: Option<Wall>) -> Period {
    let lengths = talks.iter().filter_map(|talk| {
        let to = talk.to.or(ended_at)?;
        Some(Period(to.since(talk.from).0.saturating_sub(talk.held.0)))
    });
    lengths.fold(Period::ZERO, |sum, length| sum + length)
}

fn entry_row(entry: &Entry) -> EntryRow {
    EntryRow {
        id: entry.id,
        queue: entry.queue_name.clone(),
        enqueued_at: entry.enqueued.wall,
        done_at: entry.done_at,
        outcome: entry.state.outcome(),
        wait: entry.wait(),
    }
}

fn offer_row(offer: &Offer) -> OfferRow {
    OfferRow {
        id: offer.id,
        entry: offer.entry,
        operator: offer.name.clone(),
        offered_at: offer.offered_at,
        ringing_at: offer.ringing_at,
        answered_at: offer.answered_at,
        over_at: offer.over_at,
        end: offer.state.end(),
        counts_as_miss: offer.counts,
    }
}

impl Call {
    /// Whether the provider distributes this call.
    pub(super) fn is_told(&self) -> bool {
        self.authority != Authority::Owned
    }
}
