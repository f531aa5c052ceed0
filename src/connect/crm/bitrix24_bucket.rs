//! The portal's leaky bucket, kept on our side so that it never overflows on theirs.
//!
//! Each request fills it by one and time empties it. What a ringing telephone needs may fill it
//! nearly to the brim; notes may only use a low part, so that the burst is there when it rings.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// What a portal bears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How fast the bucket empties: 2 requests a second, 5 for the largest tariff.
    pub per_second: f64,
    /// Above this the portal refuses: 50, or 250 for the largest tariff.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate { per_second: 2.0, burst: 50.0 }
    }
}

impl Rate {
    /// The words of [`Rate::of`].
    pub const TARIFFS: [&str; 2] = ["usual", "enterprise"];

    /// What a tariff bears.
    pub fn of(tariff: &str) -> Option<Rate> {
        let [usual, enterprise] = Rate::TARIFFS;
        match tariff {
            _ if tariff == usual => Some(Rate::default()),
            _ if tariff == enterprise => Some(Rate { per_second: 5.0, burst: 250.0 }),
            _ => None,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Something that is worthless after the ring.
    Live,
    /// Something patient.
    Notes,
}

/// How full the bucket may be for the live lane. The rest is for requests that were held up on
/// the way and arrive together: less of a margin risks a refusal, more wastes the burst.
const LIVE_SHARE: f64 = 0.9;
/// How full the bucket may be for notes. More delays a card behind a backlog, less gains nothing.
const NOTES_SHARE: f64 = 0.2;

/// The bucket of one portal.
pub struct Bucket {
    rate: Rate,
    state: Mutex<State>,
}

struct State {
    level: f64,
    at: Instant,
    rests_until: Option<Instant>,
}

impl Bucket {
    /// An empty one.
    pub fn new(rate: Rate) -> Bucket {
        let state = State { level: 0.0, at: Instant::now(), rests_until: None };
        Bucket { rate, state: Mutex::new(state) }
    }

    /// Waits for room for one request, and takes it.
    pub async fn room(&self, lane: Lane) {
        while let Err(wait) = self.take(lane, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// The portal refused: it gets nothing for a while.
    pub fn rest(&self, length: Duration) {
        self.state.lock().rests_until = Instant::now().checked_add(length);
    }

    /// Takes room, or says how long until there may be some.
    fn take(&self, lane: Lane, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock();
        if let Some(until) = state.rests_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        state.rests_until = None;
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.level = (state.level - passed * self.rate.per_second).max(0.0);
        state.at = now;
        let share = match lane {
            Lane::Live => LIVE_SHARE,
            Lane::Notes => NOTES_SHARE,
        };
        let room = (self.rate.burst * share).max(1.0);
        if state.level + 1.0 <= room {
            state.level += 1.0;
            return Ok(());
        }
        let wait = (state.level + 1.0 - room) / self.rate.per_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::from_secs(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_leave_the_burst_to_the_ring() {
        let bucket = Bucket::new(Rate::default());
        let now = Instant::now();
        let count = |lane| (0..100).take_while(|_| bucket.take(lane, now).is_ok()).count();
        assert_eq!(count(Lane::Notes), 10);
        assert_eq!(count(Lane::Live), 35);
        assert!(bucket.take(Lane::Notes, now).is_err());
    }

    #[test]
    fn it_empties_at_its_rate() {
        let bucket = Bucket::new(Rate::default());
        let now = Instant::now();
        while bucket.take(Lane::Live, now).is_ok() {}
        let later = now + Duration::from_secs(5);
        let count = (0..100).take_while(|_| bucket.take(Lane::Live, later).is_ok()).count();
        assert_eq!(count, 10);
    }

    #[test]
    fn after_a_refusal_nothing_leaves_for_a_while() {
        let bucket = Bucket::new(Rate::default());
        bucket.rest(Duration::from_secs(5));
        let now = Instant::now();
        assert!(bucket.take(Lane::Live, now).is_err());
        assert!(bucket.take(Lane::Live, now + Duration::from_secs(6)).is_ok());
    }
}
