//! What an observed call is, worked out from the whole set of its facts.
//!
//! The rules are those of providers/common.md sections 4 and 5: history over final over live; an
//! answer that is known is taken back by a history record only; what nobody told is `None`, what
//! did not happen is zero. One question, one function.

use std::collections::BTreeMap;

use super::observed::{QUIET, Rung, View};
use super::observed_evidence::{Evidence, Part, Sum};
use crate::model::{Alias, Direction, Disposition, Ends, Period, Source, Wall};

/// Weighs the evidence.
pub(super) fn view(evidence: &Evidence<'_>) -> View {
    let direction = evidence.direction();
    let weighed = Weighed {
        direction,
        placed_by: evidence.placed_by(direction),
        parts: evidence.parts(),
        last: evidence.sum(Source::Final),
        history: evidence.sum(Source::History),
        evidence,
    };
    weighed.view()
}

/// The evidence with the questions that the others lean on answered.
struct Weighed<'a> {
    evidence: &'a Evidence<'a>,
    direction: Option<Direction>,
    placed_by: Option<Alias>,
    parts: BTreeMap<&'a Alias, Part>,
    /// What final events sum up.
    last: Sum,
    /// What history records sum up.
    history: Sum,
}

/// Who talked with the client, and since when.
#[derive(Default)]
struct Answer {
    is_known: bool,
    at: Option<Wall>,
    by: Vec<Alias>,
}

impl Weighed<'_> {
    fn view(&self) -> View {
        let answer = self.answer();
        let all_left_at = self.all_left_at();
        let started_at = self.started_at();
        let is_quiet = self.evidence.ends() == Ends::WhenAllLeft && !self.has_talked();
        let is_over = self.evidence.is_ended() || (all_left_at.is_some() && !is_quiet);
        // Events carry the clocks of several machines: an end is never before the start.
        let ended_at = self.ended_at(started_at, all_left_at).filter(|_| is_over);
        let ended_at = ended_at.map(|end| started_at.map_or(end, |start| end.max(start)));
        let waiting_for_quiet = all_left_at.filter(|_| !is_over);
        let span = Span { started_at, ended_at, is_over };
        let disposition = self.disposition(is_over, answer.is_known);
        View {
            direction: self.direction,
            client: self.evidence.client(self.direction),
            line: self.evidence.line(self.direction),
            queue: self.evidence.queue(),
            first_at: self.evidence.first_at(),
            started_at,
            is_over,
            ended_at,
            all_left_at: waiting_for_quiet,
            quiet_at: waiting_for_quiet.map(|at| at + QUIET),
            rung: self.rung(),
            is_answered: answer.is_known,
            answered_at: answer.at,
            talk: self.talk(&answer, span),
            ring: self.ring(&answer, span),
            wait: self.wait(&answer, span),
            talks: self.talks(&answer, ended_at),
            answered_by: answer.by.first().cloned(),
            handled_by: answer.by,
            placed_by: self.placed_by.clone(),
            missed: disposition == Disposition::Missed,
            disposition,
            recording_url: self.evidence.recording_url(),
        }
    }

    fn is_out(&self) -> bool {
        self.direction == Some(Direction::Out)
    }

    fn placed(&self, alias: &Alias) -> bool {
        self.placed_by.as_ref() == Some(alias)
    }

    /// Whether any live event shows a conversation.
    fn has_talked(&self) -> bool {
        self.parts.values().any(|part| part.answered.or(part.talked_until).is_some())
            || self.evidence.nameless_answer().is_some()
    }

    /// Operators who answered or are known to have talked, in order.
    fn talkers(&self) -> Vec<(Wall, &Alias, &Part)> {
        let mut talkers: Vec<(Wall, &Alias, &Part)> = self
            .parts
            .iter()
            .filter_map(|(alias, part)| {
                part.answered.or(part.talked_until).map(|at| (at, *alias, part))
            })
            .collect();
        talkers.sort_by(|a, b| (a.0, order(a.1)).cmp(&(b.0, order(b.1))));
        talkers
    }

    fn answer(&self) -> Answer {
        if self.history.answered == Some(false) {
            return Answer::default();
        }
        let live = if self.is_out() { self.live_client() } else { self.live_operators() };
        let told = [&self.history, &self.last].into_iter().find(|sum| sum.answered == Some(true));
        if !live.is_known && told.is_none() {
            return Answer::default();
        }
        let by = if self.is_out() {
            let placed = self.placed_by.iter().chain(live.by.iter().filter(|by| !self.placed(by)));
            placed.cloned().collect()
        } else {
            self.by(live.by)
        };
        // A conversation lasts to the end of its call.
        let from_end = || Some(self.evidence.end_event()? - self.last.talk?);
        let told = self.history.answered_at.or(self.last.answered_at);
        let at = live.at.or(told).or_else(from_end);
        Answer { is_known: true, at, by }
    }

    fn live_operators(&self) -> Answer {
        let talkers = self.talkers();
        let nameless = self.evidence.nameless_answer();
        let named = talkers.first().map(|(_, _, part)| part.answered);
        let at = match (named, nameless) {
            (Some(Some(named)), Some(nameless)) => Some(named.min(nameless)),
            (Some(named), nameless) => named.or(nameless),
            (None, nameless) => nameless,
        };
        Answer {
            is_known: named.is_some() || nameless.is_some(),
            at,
            by: talkers.into_iter().map(|(_, alias, _)| alias.clone()).collect(),
        }
    }

    /// In an outbound call the conversation begins with the client, whoever of us spoke before.
    fn live_client(&self) -> Answer {
        let at = self.evidence.client_answer();
        let talkers = self.talkers();
        let has_talked = talkers.iter().any(|(_, _, part)| part.talked_until.is_some());
        Answer {
            is_known: at.is_some() || has_talked,
            at,
            by: talkers.into_iter().map(|(_, alias, _)| alias.clone()).collect(),
        }
    }

    /// Whom the sources name. A history record that names somebody the events do not know of is
    /// believed; one that names somebody they know says nothing about who was the first.
    fn by(&self, live: Vec<Alias>) -> Vec<Alias> {
        let stranger = self.history.by.first().filter(|alias| !live.contains(alias));
        match stranger {
            Some(_) => {
                let mut by = self.history.by.clone();
                by.extend(live.into_iter().filter(|alias| !self.history.by.contains(alias)));
                by
            }
            None if live.is_empty() => self.last.by.clone(),
            None => live,
        }
    }

    /// When everybody who was offered the call had left it; `None` while somebody rings or talks.
    fn all_left_at(&self) -> Option<Wall> {
        if self.evidence.ends() == Ends::ByEvent {
            return None;
        }
        let gone = |part: &Part| match part.answered {
            None => part.left,
            Some(answered) => part.talked_until.or(part.left.filter(|left| *left >= answered)),
        };
        let placing = self.placed_by.as_ref().filter(|alias| !self.parts.contains_key(alias));
        if placing.is_some() {
            return None;
        }
        let left: Option<Vec<Wall>> = self.parts.values().map(gone).collect();
        left.and_then(|left| left.into_iter().max())
    }

    fn started_at(&self) -> Option<Wall> {
        let from_end = || {
            let whole = self.history.whole.or(self.last.whole)?;
            self.evidence.end_event().map(|end| end - whole)
        };
        self.history
            .started_at
            .or(self.last.started_at)
            .or_else(|| self.evidence.call_started())
            .or_else(from_end)
    }

    /// A provider that tells when everybody has left is believed over the record that comes
    /// afterwards; any other by its history, then by its end event.
    fn ended_at(&self, started_at: Option<Wall>, all_left_at: Option<Wall>) -> Option<Wall> {
        let after = |whole: Option<Period>| Some(started_at? + whole?);
        let history = self.history.ended_at.or_else(|| after(self.history.whole));
        let event = self.evidence.end_event();
        let heard = || after(self.last.whole).or_else(|| self.evidence.end_heard());
        match (all_left_at, history) {
            (Some(left), history) => {
                let ends = [Some(left), history, event];
                ends.into_iter().flatten().min()
            }
            (None, Some(history)) => Some(history),
            (None, None) => event.or_else(heard),
        }
    }

    fn rung(&self) -> Vec<Rung> {
        let mut rung: Vec<Rung> = self
            .parts
            .iter()
            .filter(|(alias, _)| !self.placed(alias))
            .filter_map(|(alias, part)| {
                let at = part.rang?;
                let alias = (*alias).clone();
                Some(Rung { alias, at, answered_at: part.answered, left_at: part.left })
            })
            .collect();
        rung.sort_by(|a, b| (a.at, order(&a.alias)).cmp(&(b.at, order(&b.alias))));
        rung
    }

    fn talk(&self, answer: &Answer, span: Span) -> Option<Period> {
        if !answer.is_known {
            return Some(Period::ZERO);
        }
        let counted = || Some(span.ended_at?.since(answer.at?));
        self.history.talk.or(self.last.talk).or_else(counted)
    }

    fn wait(&self, answer: &Answer, span: Span) -> Option<Period> {
        let told = self.history.wait.or(self.last.wait);
        if answer.is_known {
            let rest = |sum: &Sum| Some(Period(sum.whole?.0.saturating_sub(sum.talk?.0)));
            let counted = || Some(answer.at?.since(span.started_at?));
            told.or_else(|| rest(&self.history)).or_else(|| rest(&self.last)).or_else(counted)
        } else if span.is_over {
            let whole = self.history.whole.or(self.last.whole);
            told.or(whole).or_else(|| Some(span.ended_at?.since(span.started_at?)))
        } else {
            None
        }
    }

    fn ring(&self, answer: &Answer, span: Span) -> Option<Period> {
        let first = if self.is_out() { self.dialled_at()? } else { self.rung().first()?.at };
        if !answer.is_known {
            return Some(span.ended_at?.since(first));
        }
        // An answer before every known offer: its own offer came late, or was never told.
        let own = answer.by.first().and_then(|alias| self.parts.get(alias)?.rang);
        let answered_at = answer.at?;
        let is_told = first <= answered_at || own.is_some() || self.is_out();
        is_told.then(|| answered_at.since(first))
    }

    /// The start of dialling the client.
    fn dialled_at(&self) -> Option<Wall> {
        let placing = || self.parts.get(self.placed_by.as_ref()?)?.rang;
        self.evidence.client_dialled().or_else(placing)
    }

    fn talks(&self, answer: &Answer, ended_at: Option<Wall>) -> Vec<(Alias, Wall, Option<Wall>)> {
        let began = |alias: &Alias| match self.parts.get(alias).and_then(|part| part.answered) {
            _ if self.is_out() && self.placed(alias) => answer.at,
            None if answer.by.len() == 1 => answer.at,
            began => began,
        };
        let starts: Vec<(&Alias, Wall)> =
            answer.by.iter().filter_map(|alias| Some((alias, began(alias)?))).collect();
        let nexts = starts.iter().skip(1).map(|(_, at)| Some(*at)).chain([ended_at]);
        starts
            .iter()
            .zip(nexts)
            .map(|((alias, from), next)| {
                let left = self.parts.get(*alias).and_then(|part| part.left);
                let to = left.filter(|left| left >= from).or(next);
                ((*alias).clone(), *from, to.map(|to| to.max(*from)))
            })
            .collect()
    }

    fn disposition(&self, is_over: bool, is_answered: bool) -> Disposition {
        if !is_over {
            return Disposition::Open;
        }
        match self.direction {
            Some(Direction::Internal) => Disposition::Internal,
            _ if is_answered => Disposition::Answered,
            Some(Direction::In) => Disposition::Missed,
            Some(Direction::Out) | None => {
                let told = self.history.disposition.or(self.last.disposition);
                told.unwrap_or(Disposition::NoAnswer)
            }
        }
    }
}

/// From when to when a call lasted.
#[derive(Clone, Copy)]
struct Span {
    started_at: Option<Wall>,
    ended_at: Option<Wall>,
    is_over: bool,
}

/// Of equal times the smaller extension first, and logins after them by their letters.
fn order(alias: &Alias) -> (bool, usize, &str) {
    let is_code = alias.0.bytes().all(|b| b.is_ascii_digit());
    (!is_code, if is_code { alias.0.len() } else { 0 }, &alias.0)
}
