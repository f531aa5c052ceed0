//! An operator's counters: calls and talk of the day, ready time, and time free since the last
//! contact. The strategies that compare operators read nothing else.

use serde::{Deserialize, Serialize};

use crate::model::{Mono, Period};

/// Counters of one operator over all queues. Part of what survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Calls won since the day began.
    pub calls: u32,
    /// Conversation since the day began.
    pub talk_for: Period,
    /// Ready since the day began, up to `ready_since`.
    pub ready_for: Period,
    /// Since when ready; `None` while not.
    pub ready_since: Option<Mono>,
    /// Ready and idle since the last contact or miss, up to `idle_since`.
    pub idle_for: Period,
    /// Since when ready and idle; `None` while not.
    pub idle_since: Option<Mono>,
}

impl Tally {
    /// Follows the axes; to be told after every change of intent or work.
    pub fn follow(&mut self, ready: bool, idle: bool, now: Mono) {
        run(&mut self.ready_for, &mut self.ready_since, ready, now);
        run(&mut self.idle_for, &mut self.idle_since, ready && idle, now);
    }

    /// A call was won: one more, and the time free starts over.
    pub fn won(&mut self, now: Mono) {
        self.calls = self.calls.saturating_add(1);
        self.restart_idle(now);
    }

    /// A contact ended or an offer was missed: the time free starts over, so that a person who
    /// does not pick up is not asked again and again.
    pub fn restart_idle(&mut self, now: Mono) {
        self.idle_for = Period::ZERO;
        self.idle_since = self.idle_since.map(|_| now);
    }

    /// A stretch of conversation is over.
    pub fn talked(&mut self, length: Period) {
        self.talk_for = self.talk_for + length;
    }

    /// The site's day begins: its counters start over. Who is not ready loses the time free too.
    pub fn new_day(&mut self, now: Mono) {
        self.calls = 0;
        self.talk_for = Period::ZERO;
        self.ready_for = Period::ZERO;
        self.ready_since = self.ready_since.map(|_| now);
        if self.ready_since.is_none() {
            self.idle_for = Period::ZERO;
        }
    }
}

/// A stop-watch that is started and stopped.
fn run(length: &mut Period, since: &mut Option<Mono>, runs: bool, now: Mono) {
    match (*since, runs) {
        (None, true) => *since = Some(now),
        (Some(start), false) => {
            *length = *length + now.since(start);
            *since = None;
        }
        (None, false) | (Some(_), true) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_do_not_add_and_a_miss_starts_over() {
        let mut tally = Tally::default();
        tally.follow(true, true, Mono(0));
        tally.follow(false, true, Mono(1000));
        tally.follow(true, true, Mono(5000));
        tally.follow(true, false, Mono(6000));
        assert_eq!(tally.idle_for, Period::millis(2000));
        tally.restart_idle(Mono(6000));
        assert_eq!((tally.idle_for, tally.idle_since), (Period::ZERO, None));
        assert_eq!(tally.ready_since, Some(Mono(5000)));
    }

    #[test]
    fn a_day_starts_from_nothing() {
        let mut tally = Tally { calls: 7, talk_for: Period::secs(9), ..Tally::default() };
        tally.follow(true, true, Mono(10));
        tally.new_day(Mono(50));
        assert_eq!((tally.calls, tally.talk_for), (0, Period::ZERO));
        assert_eq!((tally.ready_since, tally.idle_since), (Some(Mono(50)), Some(Mono(10))));
    }
}
