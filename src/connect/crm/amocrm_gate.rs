//! The limit of amoCRM: who may send the next request, and when.
//!
//! Going over the limit is answered 429 at first and with a block for minutes to hours then, so
//! this holds the rate before the peer has to (crm/amocrm.md sections 3 and 9).

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Requests of one second, whatever they are for: amoCRM's own limit.
const SECOND_MAX: u32 = 7;
/// Notes of one second; they leave evenly. One less than all, so that a pop finds a place at once.
const NOTES_MAX: u32 = SECOND_MAX - 1;
/// How long an answered request still counts: a second, and what two clocks may differ in it.
const COUNTS_FOR: Duration = Duration::from_millis(1_010);
/// A 403 within this after a 429 is a block; longer takes a missing right for one.
const BLOCK_FOLLOWS: Duration = Duration::from_secs(600);
/// How long the first block is sat out; each further one doubles it.
const BLOCK_MIN: Duration = Duration::from_secs(300);
/// The longest wait for the end of a block.
const BLOCK_MAX: Duration = Duration::from_secs(3_600);

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A telephone rings: ahead of all notes.
    Live,
    /// It can wait.
    Note,
}

/// The gate that all requests of one address of ours pass. One for all accounts: Kommo counts by
/// address, not by account.
///
/// amoCRM counts a request somewhere between its leaving and its answer, which we do not see. So
/// it counts here from its leaving until a second after its answer: whatever the network does to
/// the requests in between, no second of amoCRM's holds more of them.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    /// A request was answered.
    answered: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that count at once, and those of them that notes may use.
    all_max: usize,
    notes_max: usize,
    /// From one note to the next.
    note_every: Duration,
    /// Requests without an answer yet.
    open: usize,
    /// When the last requests were answered, the oldest first.
    answered: VecDeque<Instant>,
    /// When the last note left.
    note: Option<Instant>,
    /// Live requests that wait here.
    live: usize,
    /// Nothing leaves before.
    held_until: Option<Instant>,
    /// The last 429.
    limited_at: Option<Instant>,
    /// Blocks since the last answer that was none.
    blocks: u32,
}

/// A request on its way; to be dropped when its answer is there, or is given up.
#[must_use]
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.state.lock().answer(Instant::now());
        self.0.answered.notify_waiters();
    }
}

/// A live request that waits; counted down however it stops waiting.
struct Waiting<'a>(&'a Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.live = state.live.saturating_sub(1);
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::times(1)
    }
}

impl Gate {
    /// A gate so many times as wide as amoCRM's limit: for stand-ins that are as wide.
    pub fn times(factor: u32) -> Gate {
        Gate { state: Mutex::new(State::times(factor.max(1))), answered: Notify::new() }
    }

    /// The gate of a program that begins: one that was killed a moment ago may have used the second
    /// that runs, so nothing leaves until that is over.
    pub fn begun() -> Gate {
        let gate = Gate::default();
        {
            let mut state = gate.state.lock();
            let all = state.all_max;
            state.answered.extend(std::iter::repeat_n(Instant::now(), all));
        }
        gate
    }

    /// Waits for a turn. Fails with the rest of a wait that the peer asked for.
    pub async fn pass(&self, lane: Lane) -> Result<Pass<'_>, Duration> {
        let _waiting = (lane == Lane::Live).then(|| {
            self.state.lock().live += 1;
            Waiting(self)
        });
        loop {
            let mut answered = std::pin::pin!(self.answered.notified());
            answered.as_mut().enable(); // before the look, so that no answer is missed
            let now = Instant::now();
            let again = {
                let mut state = self.state.lock();
                if let Some(until) = state.held_until.filter(|until| *until > now) {
                    return Err(until - now);
                }
                match state.turn(lane, now) {
                    Turn::Now => {
                        state.leave(lane, now);
                        return Ok(Pass(self));
                    }
                    Turn::At(at) => Some(at),
                    Turn::AtAnswer => None,
                }
            };
            match again {
                Some(at) => tokio::time::sleep_until(at).await,
                None => answered.await,
            }
        }
    }

    /// The peer asked to wait: nothing leaves until then.
    pub fn hold(&self, length: Duration) {
        self.state.lock().hold(length, Instant::now());
    }

    /// A 403: how long to sit it out where it follows a 429; `None` where it is a missing right.
    pub fn block(&self) -> Option<Duration> {
        self.state.lock().block(Instant::now())
    }

    /// The peer answered as usual: there is no block.
    pub fn is_open(&self) {
        self.state.lock().blocks = 0;
    }

    /// A probe may go before the wait is over, to see whether it is.
    pub fn let_probe(&self) {
        self.state.lock().held_until = None;
    }
}

/// When to look again whether a request may leave.
enum Turn {
    Now,
    At(Instant),
    AtAnswer,
}

impl State {
    fn times(factor: u32) -> State {
        let notes = NOTES_MAX.saturating_mul(factor);
        State {
            all_max: SECOND_MAX.saturating_mul(factor) as usize,
            notes_max: notes as usize,
            note_every: Duration::from_secs(1) / notes,
            ..State::default()
        }
    }

    fn leave(&mut self, lane: Lane, now: Instant) {
        self.open += 1;
        if lane == Lane::Note {
            self.note = Some(now);
        }
    }

    fn answer(&mut self, now: Instant) {
        self.open = self.open.saturating_sub(1);
        self.answered.push_back(now);
    }

    fn hold(&mut self, length: Duration, now: Instant) {
        self.limited_at = Some(now);
        self.held_until = self.held_until.max(Some(now + length));
    }

    fn block(&mut self, now: Instant) -> Option<Duration> {
        let limited = self.limited_at.is_some_and(|at| now.duration_since(at) < BLOCK_FOLLOWS);
        if self.blocks == 0 && !limited {
            return None;
        }
        let wait = BLOCK_MIN.saturating_mul(2_u32.saturating_pow(self.blocks)).min(BLOCK_MAX);
        self.blocks += 1;
        self.held_until = self.held_until.max(Some(now + wait));
        Some(wait)
    }

    fn turn(&mut self, lane: Lane, now: Instant) -> Turn {
        while self.answered.front().is_some_and(|at| *at + COUNTS_FOR <= now) {
            self.answered.pop_front();
        }
        let places = match lane {
            Lane::Live => self.all_max,
            Lane::Note => self.notes_max,
        };
        if lane == Lane::Note {
            let even = self.note.map_or(now, |last| last + self.note_every);
            let behind = if self.live > 0 { now + self.note_every } else { now };
            let earliest = even.max(behind);
            if earliest > now {
                return Turn::At(earliest);
            }
        }
        if self.open + self.answered.len() < places {
            return Turn::Now;
        }
        self.answered.front().map_or(Turn::AtAnswer, |oldest| Turn::At(*oldest + COUNTS_FOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The gate in a time of its own.
    struct Day {
        state: State,
        now: Instant,
    }

    impl Day {
        fn new() -> Day {
            Day { state: State::times(1), now: Instant::now() }
        }

        /// Waits for a turn and leaves; gives how long it took.
        fn leave(&mut self, lane: Lane) -> Duration {
            let asked = self.now;
            loop {
                match self.state.turn(lane, self.now) {
                    Turn::Now => break,
                    Turn::At(at) => self.now = at,
                    Turn::AtAnswer => panic!("nothing is on its way"),
                }
            }
            self.state.leave(lane, self.now);
            self.now - asked
        }
    }

    #[test]
    fn notes_leave_six_a_second_and_no_second_sees_more_than_seven() {
        let mut day = Day::new();
        let began = day.now;
        let mut left = Vec::new();
        for at in 0..60_u32 {
            day.leave(if at % 10 == 3 { Lane::Live } else { Lane::Note });
            left.push(day.now - began);
            day.state.answer(day.now);
        }
        for (at, first) in left.iter().enumerate() {
            let within = left.iter().skip(at).filter(|one| **one - *first < COUNTS_FOR).count();
            assert!(within <= 7, "{within} from {first:?}");
        }
        let took = left.last().copied().unwrap();
        assert!(took < Duration::from_secs(11), "{took:?}");
    }

    #[test]
    fn a_slow_answer_holds_its_place_until_a_second_after_it() {
        let mut day = Day::new();
        for _ in 0..7 {
            assert_eq!(day.leave(Lane::Live), Duration::ZERO);
        }
        day.now += Duration::from_secs(9);
        let eighth = day.state.turn(Lane::Live, day.now);
        assert!(matches!(eighth, Turn::AtAnswer), "seven may be counted at any moment");
        day.state.answer(day.now);
        assert_eq!(day.leave(Lane::Live), COUNTS_FOR);
    }

    #[test]
    fn a_pop_finds_a_place_at_once_while_notes_wait() {
        let mut day = Day::new();
        for _ in 0..12 {
            day.leave(Lane::Note);
            day.state.answer(day.now);
        }
        assert_eq!(day.leave(Lane::Live), Duration::ZERO);
        // And while one waits, no note goes before it.
        day.state.live = 1;
        assert!(matches!(day.state.turn(Lane::Note, day.now + COUNTS_FOR), Turn::At(_)));
    }

    #[test]
    fn a_403_is_a_block_only_after_a_429_and_each_block_is_longer() {
        let mut day = Day::new();
        assert_eq!(day.state.block(day.now), None);
        day.state.hold(Duration::from_secs(60), day.now);
        assert_eq!(day.state.held_until, Some(day.now + Duration::from_secs(60)));
        day.now += Duration::from_secs(61);
        assert_eq!(day.state.block(day.now), Some(Duration::from_secs(300)));
        assert_eq!(day.state.block(day.now + MS), Some(Duration::from_secs(600)));
        for _ in 0..9 {
            assert!(day.state.block(day.now).is_some_and(|wait| wait <= BLOCK_MAX));
        }
    }

    #[test]
    fn a_missing_right_long_after_a_429_is_no_block() {
        let mut day = Day::new();
        day.state.hold(Duration::from_secs(60), day.now);
        assert_eq!(day.state.block(day.now + BLOCK_FOLLOWS), None);
    }

    #[tokio::test]
    async fn a_hold_and_a_probe_are_told_to_whoever_waits() {
        let gate = Gate::default();
        gate.hold(Duration::from_secs(60));
        let rest = gate.pass(Lane::Live).await.err().unwrap();
        assert!(rest > Duration::from_secs(55), "{rest:?}");
        gate.let_probe();
        assert!(gate.pass(Lane::Note).await.is_ok());
    }
}
