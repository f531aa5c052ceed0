//! Every deadline of the stack, in one ordered set.

use std::collections::BTreeSet;

use crate::model::{Mono, Period};

use super::io::SessionId;

/// What falls due. Small and `Copy`: a busy system holds a hundred thousand of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Timer A or E of a request of ours.
    ClientResend(u64),
    /// Timers B, D, F, K, M.
    ClientWait(u64),
    /// Timer G.
    ServerResend(u64),
    /// Timers H, I, J, L.
    ServerWait(u64),
    /// One of a session's own.
    Session(SessionId, Alarm),
    /// A binding ends.
    Binding(u64),
    /// A telephone is asked whether it lives.
    DeviceProbe(u64),
    /// A trunk registers again, or is asked whether it lives.
    Trunk(u32),
}

/// The timers of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The 2xx or the reliable provisional answer goes out again.
    Repeat,
    /// No ACK or PRACK came in 64 × T1.
    Unheard,
    /// Our INVITE over a trunk has no sign of life.
    Silent,
    /// It has rung long enough (timer C).
    RingOver,
    /// A cancelled INVITE is still not answered.
    CancelOver,
    /// The caller is told once more that it rings (RFC 3261 section 13.3.1.1).
    StillRinging,
    /// The session is refreshed (RFC 4028).
    Refresh,
    /// The session was not refreshed in time.
    Expired,
    /// The wait after a 491 is over.
    Glare,
    /// A request inside the dialog has waited for its answer long enough to be told so.
    SlowAnswer,
}

/// The ordered set. Each entry stands for one armed timer; owners remember their moment.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Mono, Due)>);

impl Timers {
    /// Arms, or moves, the timer whose moment is kept in `slot`.
    pub(super) fn arm(&mut self, slot: &mut Option<Mono>, due: Due, at: Mono) {
        self.disarm(slot, due);
        self.0.insert((at, due));
        *slot = Some(at);
    }

    /// Takes the timer out, if it is armed.
    pub(super) fn disarm(&mut self, slot: &mut Option<Mono>, due: Due) {
        if let Some(at) = slot.take() {
            self.0.remove(&(at, due));
        }
    }

    /// The earliest moment.
    pub(super) fn next(&self) -> Option<Mono> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes out one that is due; its owner must clear its slot.
    pub(super) fn pop(&mut self, now: Mono) -> Option<Due> {
        let (at, due) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(due)
    }

    /// How many are armed.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The armed timers of one session: at most a handful, so a plain list.
#[derive(Debug, Default)]
pub(super) struct Alarms(Vec<(Alarm, Option<Mono>)>);

impl Alarms {
    /// Arms or moves one.
    pub(super) fn arm(
        &mut self,
        timers: &mut Timers,
        session: SessionId,
        alarm: Alarm,
        now: Mono,
        after: Period,
    ) {
        let due = Due::Session(session, alarm);
        match self.0.iter_mut().find(|(own, _)| *own == alarm) {
            Some((_, slot)) => timers.arm(slot, due, now + after),
            None => {
                let mut slot = None;
                timers.arm(&mut slot, due, now + after);
                self.0.push((alarm, slot));
            }
        }
    }

    /// Takes one out.
    pub(super) fn disarm(&mut self, timers: &mut Timers, session: SessionId, alarm: Alarm) {
        if let Some(at) = self.0.iter().position(|(own, _)| *own == alarm) {
            let (_, mut slot) = self.0.swap_remove(at);
            timers.disarm(&mut slot, Due::Session(session, alarm));
        }
    }

    /// Forgets one that has just fired.
    pub(super) fn fired(&mut self, alarm: Alarm) {
        self.0.retain(|(own, _)| *own != alarm);
    }

    /// Takes all of them out.
    pub(super) fn clear(&mut self, timers: &mut Timers, session: SessionId) {
        for (alarm, mut slot) in self.0.drain(..) {
            timers.disarm(&mut slot, Due::Session(session, alarm));
        }
    }
}
