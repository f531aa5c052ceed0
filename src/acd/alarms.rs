//! What is due when. Every due time follows from the state and the settings, so nothing here
//! has to survive a restart.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CallId, EntryId, EpisodeId, Mono, OfferId, OperatorId, TokenId};

/// Whose time has come. Things of one moment come in this order: who is free first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The site's day ends.
    Day,
    /// A calendar opens or closes.
    Schedule,
    /// Wrap-up, an automatic pause or a proven fault ends.
    Operator(OperatorId),
    /// The ring time or the lease of an offer ends.
    Offer(OfferId),
    /// A wait has to be looked at again.
    Entry(EntryId),
    /// A call settles or goes stale.
    Call(CallId),
    /// The lock of a call back lapses, or its time has come.
    Episode(EpisodeId),
    /// A callback's turn may come, or it is given up.
    Token(TokenId),
    /// The engine lets go of what it kept for late facts.
    Fade,
}

/// All that is due.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarms {
    by_due: BTreeSet<(Mono, Alarm)>,
    due_of: BTreeMap<Alarm, Mono>,
}

impl Alarms {
    /// Arms, moves or (`None`) disarms one.
    pub fn set(&mut self, alarm: Alarm, due: Option<Mono>) {
        if let Some(before) = self.due_of.remove(&alarm) {
            self.by_due.remove(&(before, alarm));
        }
        if let Some(due) = due {
            self.due_of.insert(alarm, due);
            self.by_due.insert((due, alarm));
        }
    }

    /// The next moment at which anything is due.
    pub fn next(&self) -> Option<Mono> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Takes the first that is due by `now`.
    pub fn take(&mut self, now: Mono) -> Option<Alarm> {
        let (due, alarm) = *self.by_due.first().filter(|(due, _)| *due <= now)?;
        self.by_due.remove(&(due, alarm));
        self.due_of.remove(&alarm);
        Some(alarm)
    }

    /// When one is due.
    pub fn due(&self, alarm: Alarm) -> Option<Mono> {
        self.due_of.get(&alarm).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_comes_first_and_a_moved_alarm_comes_once() {
        let mut alarms = Alarms::default();
        alarms.set(Alarm::Day, Some(Mono(10)));
        alarms.set(Alarm::Fade, Some(Mono(5)));
        alarms.set(Alarm::Day, Some(Mono(3)));
        assert_eq!(alarms.next(), Some(Mono(3)));
        assert_eq!(alarms.take(Mono(4)), Some(Alarm::Day));
        assert_eq!(alarms.take(Mono(4)), None);
        assert_eq!(alarms.take(Mono(5)), Some(Alarm::Fade));
        assert_eq!(alarms.next(), None);
    }
}
