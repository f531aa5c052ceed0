//! A token bucket: how often something may happen. Pure; the time is an argument.

use parking_lot::Mutex;

use super::Clock;
use crate::model::{Mono, Period};

/// Tokens are counted in thousandths, so that slow rates lose nothing to rounding.
const WHOLE: u64 = 1000;

/// How often something may happen.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// How long one token takes to come.
    every: Period,
    /// Thousandths at most.
    most: u64,
    /// Thousandths that are there.
    there: u64,
    at: Mono,
}

impl Bucket {
    /// One every so often, and so many at once after a pause.
    pub(super) const fn new(every: Period, burst: u32) -> Bucket {
        let most = burst as u64 * WHOLE;
        Bucket { every, most, there: most, at: Mono(0) }
    }

    /// How long to wait for the next token; nothing when one is there.
    pub(super) fn wait(&mut self, now: Mono) -> Period {
        self.fill(now);
        let missing = WHOLE.saturating_sub(self.there);
        Period(missing.saturating_mul(self.every.0).div_ceil(WHOLE))
    }

    /// Takes a token; the caller has waited for it.
    pub(super) fn take(&mut self, now: Mono) {
        self.fill(now);
        self.there = self.there.saturating_sub(WHOLE);
    }

    /// Whether it is full: it may be forgotten.
    pub(super) fn is_full(&mut self, now: Mono) -> bool {
        self.fill(now);
        self.there == self.most
    }

    fn fill(&mut self, now: Mono) {
        let passed = now.since(self.at).0;
        let came = passed.saturating_mul(WHOLE).checked_div(self.every.0).unwrap_or(self.most);
        if came == 0 {
            return; // the time stays, so that short looks add up
        }
        self.there = self.most.min(self.there.saturating_add(came));
        self.at = now;
    }
}

/// The turn of whoever sends text messages through one account: five a second.
pub(super) struct Turn {
    bucket: Mutex<Bucket>,
    clock: Clock,
}

impl Turn {
    /// No gateway publishes its limit; more than five a second is asked of none.
    pub(super) fn of_texts(clock: Clock) -> Turn {
        Turn { bucket: Mutex::new(Bucket::new(Period::millis(200), 1)), clock }
    }

    /// Waits for the turn and takes it.
    pub(super) async fn come(&self) {
        loop {
            let wait = {
                let mut bucket = self.bucket.lock();
                let now = (self.clock)().mono;
                let wait = bucket.wait(now);
                if wait == Period::ZERO {
                    bucket.take(now);
                    return;
                }
                wait
            };
            tokio::time::sleep(wait.as_duration()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a bucket for a while, always as fast as it lets, and counts the fullest window.
    fn fullest(mut bucket: Bucket, window: Period, run: Period) -> usize {
        let mut now = Mono(5_000_000);
        let mut taken: Vec<Mono> = Vec::new();
        while now < Mono(5_000_000) + run {
            match bucket.wait(now) {
                Period::ZERO => {
                    bucket.take(now);
                    taken.push(now);
                }
                wait => now = now + wait,
            }
        }
        let within =
            |from: Mono| taken.iter().filter(|at| (from..from + window).contains(at)).count();
        taken.iter().map(|from| within(*from)).max().unwrap_or(0)
    }

    #[test]
    fn no_window_is_fuller_than_the_rate_and_the_burst() {
        let minute = Period::mins(1);
        let group = Bucket::new(Period(60_000 / 18), 1);
        assert!((18..=20).contains(&fullest(group, minute, Period::mins(10))));
        let second = Period::secs(1);
        let bot = Bucket::new(Period::millis(40), 3);
        assert!((25..=29).contains(&fullest(bot, second, Period::secs(20))));
        assert_eq!(fullest(Bucket::new(second, 1), second, Period::secs(20)), 1);
    }
}
