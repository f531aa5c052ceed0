//! The one place that reads the machine's clocks.
//!
//! The monotonic reading goes on over restarts: it begins at the last journalled reading plus the
//! wall time that has passed since, and never before that reading. A deadline in the journal is
//! then still a deadline, and a wall clock that was set back can not undo one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::{Mono, Now, Wall};

/// A monotonic clock with an anchor, beside the wall clock. Copies tell the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Mono,
    started: Instant,
}

/// A timer that was asked for a moment further away than this is asked again. It only bounds the
/// arithmetic of the runtime's timer; an hour costs one needless wake-up an hour.
const UNTIL_MAX: Duration = Duration::from_secs(3600);

impl Clock {
    /// Starts where the journal ended; `None` for an empty one.
    pub fn after(last: Option<Now>) -> Clock {
        Clock::anchored(last, wall())
    }

    fn anchored(last: Option<Now>, wall: Wall) -> Clock {
        let anchor = last.map_or(Mono(0), |last| last.mono + wall.since(last.wall));
        Clock { anchor, started: Instant::now() }
    }

    /// This moment, on both clocks.
    pub fn now(&self) -> Now {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { mono: Mono(self.anchor.0.saturating_add(passed)), wall: wall() }
    }

    /// Waits for a moment; for ever when there is none, not at all when it has passed.
    pub async fn until(&self, due: Option<Mono>) {
        let Some(due) = due else { return std::future::pending().await };
        let due = due.since(self.anchor).as_duration();
        loop {
            let left = due.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(UNTIL_MAX)).await;
        }
    }
}

/// The wall clock: milliseconds since 1970; 0 on a machine whose clock stands before that.
pub fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_goes_on_after_the_last_reading() {
        let last = Now { mono: Mono(5_000), wall: Wall(1_000_000) };
        assert!(Clock::anchored(Some(last), Wall(1_060_000)).now().mono >= Mono(65_000));
    }

    #[test]
    fn a_wall_clock_that_was_set_back_takes_nothing_away() {
        let last = Now { mono: Mono(5_000), wall: Wall(1_000_000) };
        assert!(Clock::anchored(Some(last), Wall(900_000)).now().mono >= Mono(5_000));
    }

    #[tokio::test]
    async fn what_is_due_is_not_waited_for() {
        let clock = Clock::after(Some(Now { mono: Mono(5_000), wall: wall() }));
        clock.until(Some(Mono(4_000))).await;
        let soon = clock.now().mono + crate::model::Period::millis(5);
        clock.until(Some(soon)).await;
        assert!(clock.now().mono >= soon);
    }
}
