//! What becomes of a note after an attempt, and what the attempt says of its target. Pure: the
//! time and the dice are arguments.

use std::time::Duration;

use super::outlet::{Found, Verdict};
use crate::model::{Period, Wall};
use crate::store::Delivery;

/// The first pause after a failure.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause. Longer finds out later that a target is back, shorter asks a dead one oftener.
const PAUSE_LAST: Duration = Duration::from_secs(3600);
/// For so long a note is tried.
const TRIED_FOR: Period = Period::hours(72);
/// A note is tried so often at least, however long its target was switched off.
const TRIES_MIN: u64 = 20;

/// What is known of a note when its attempt ends.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Attempts, this one among them.
    pub tries: u64,
    /// Look-ups since it was sent, this one among them.
    pub looks: u64,
    /// When it began to wait.
    pub since: Wall,
    /// Whether it was repeated blindly before.
    pub is_repeated: bool,
    /// The moment.
    pub now: Wall,
    /// From 0 to 1.
    pub dice: f64,
    /// How long what was just written may be unlisted.
    pub look_up_after: Duration,
    /// Whether one blind repetition does no harm.
    pub repeats_unclear: bool,
}

/// What an attempt says of its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It works.
    Works,
    /// It does not, or not for this note.
    Fails(String),
    /// A limit was met.
    Limit(Duration, String),
    /// Switched off: the state's word, why, and when to probe by itself.
    Off(&'static str, String, Option<Duration>),
    /// Nothing.
    Nothing,
}

impl Attempt {
    /// After a delivery.
    pub fn delivered(self, verdict: Verdict) -> (Delivery, Told) {
        match verdict {
            Verdict::Done { external } => (done(external), Told::Works),
            Verdict::Skipped { why } => (Delivery::Skipped { told: why }, Told::Works),
            Verdict::Dead { why } => (Delivery::Dead { told: why }, Told::Works),
            Verdict::Retry { after, why } => (self.retry(after, &why), Told::Fails(why)),
            Verdict::Ambiguous { why } => {
                let look_at = later(self.now, self.look_up_after);
                (Delivery::Ambiguous { look_at, told: why.clone() }, Told::Fails(why))
            }
            Verdict::Wait { after, why } => {
                let at = later(self.now, after);
                (Delivery::Postponed { at, told: why.clone() }, Told::Limit(after, why))
            }
            Verdict::Paused { state, why, probe } => {
                let told = format!("{state}: {why}");
                (Delivery::Postponed { at: self.now, told }, Told::Off(state, why, probe))
            }
        }
    }

    /// After a look-up.
    pub fn looked_up(self, found: Found) -> (Delivery, Told) {
        match found {
            Found::Yes { external } => (done(external), Told::Works),
            Found::No => {
                let told = String::from("it had not arrived");
                (Delivery::Retry { at: self.now, told }, Told::Works)
            }
            Found::Cannot if self.repeats_unclear && !self.is_repeated => {
                let told = String::from("nobody can look it up; it is sent once more");
                (Delivery::Repeat { at: self.now, told }, Told::Nothing)
            }
            Found::Cannot => {
                let told = String::from("it may have arrived, and nobody can look it up");
                (Delivery::Unclear { told }, Told::Nothing)
            }
            Found::NotNow { why } if self.is_old() => {
                (Delivery::Unclear { told: why.clone() }, Told::Fails(why))
            }
            Found::NotNow { why } => {
                let pause = pause(self.looks, self.dice).max(self.look_up_after);
                let look_at = later(self.now, pause);
                (Delivery::Ambiguous { look_at, told: why.clone() }, Told::Fails(why))
            }
        }
    }

    fn retry(self, after: Option<Duration>, why: &str) -> Delivery {
        if self.is_old() && self.tries >= TRIES_MIN {
            return Delivery::Dead { told: format!("given up after 72 hours: {why}") };
        }
        let pause = pause(self.tries, self.dice).max(after.unwrap_or_default());
        Delivery::Retry { at: later(self.now, pause), told: why.to_owned() }
    }

    fn is_old(self) -> bool {
        self.now.since(self.since) >= TRIED_FOR
    }
}

/// The pause after so many failures: it doubles from a second to an hour.
pub fn pause(failures: u64, dice: f64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    spread(PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(doublings)), dice)
}

/// From three quarters to five quarters of a length, so that what failed together does not come
/// back together; within the bounds of pauses.
fn spread(length: Duration, dice: f64) -> Duration {
    let bounded = length.clamp(PAUSE_FIRST, PAUSE_LAST);
    bounded.mul_f64(0.75 + dice.clamp(0.0, 1.0) / 2.0).clamp(PAUSE_FIRST, PAUSE_LAST)
}

/// A moment after another.
pub fn later(now: Wall, length: Duration) -> Wall {
    now + Period(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

fn done(external: Option<serde_json::Value>) -> Delivery {
    Delivery::Done { external: external.map(|external| external.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(tries: u64, hours: u64) -> Attempt {
        Attempt {
            tries,
            looks: 3,
            since: Wall(0),
            is_repeated: false,
            now: Wall(0) + Period::hours(hours),
            dice: 0.5,
            look_up_after: Duration::from_secs(5),
            repeats_unclear: false,
        }
    }

    fn failed() -> Verdict {
        Verdict::Retry { after: None, why: String::from("503") }
    }

    #[test]
    fn pauses_double_from_a_second_to_an_hour() {
        let secs = |failures, dice| pause(failures, dice).as_secs_f64();
        assert_eq!([1, 2, 3, 4].map(|n| secs(n, 0.5)), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!((secs(5, 0.0), secs(5, 1.0)), (12.0, 20.0));
        assert_eq!((secs(60, 0.0), secs(u64::MAX, 1.0)), (2700.0, 3600.0));
    }

    #[test]
    fn a_note_dies_after_three_days_of_trying() {
        let (delivery, _) = attempt(30, 71).delivered(failed());
        assert!(matches!(delivery, Delivery::Retry { .. }));
        let (delivery, _) = attempt(30, 72).delivered(failed());
        assert!(matches!(delivery, Delivery::Dead { .. }));
        let (delivery, told) = attempt(2, 100).delivered(failed());
        assert!(matches!(delivery, Delivery::Retry { .. }), "its target was switched off");
        assert_eq!(told, Told::Fails(String::from("503")));
        let wait = Verdict::Wait { after: Duration::from_secs(300), why: String::from("429") };
        let (delivery, _) = attempt(30, 100).delivered(wait);
        assert!(matches!(delivery, Delivery::Postponed { .. }), "a limit kills nothing");
    }

    #[test]
    fn the_peer_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        let asked = |secs| {
            let after = Some(Duration::from_secs(secs));
            let verdict = Verdict::Retry { after, why: String::new() };
            let (delivery, _) = attempt(4, 0).delivered(verdict);
            let Delivery::Retry { at, .. } = delivery else { panic!("{delivery:?}") };
            at.0
        };
        assert_eq!((asked(1), asked(60)), (8_000, 60_000));
    }

    #[test]
    fn what_nobody_can_look_up_is_unclear_or_repeated_once() {
        let (delivery, _) = attempt(1, 0).looked_up(Found::Cannot);
        assert!(matches!(delivery, Delivery::Unclear { .. }));
        let harmless = Attempt { repeats_unclear: true, ..attempt(1, 0) };
        assert!(matches!(harmless.looked_up(Found::Cannot).0, Delivery::Repeat { .. }));
        let again = Attempt { is_repeated: true, ..harmless };
        assert!(matches!(again.looked_up(Found::Cannot).0, Delivery::Unclear { .. }));
        let later = Found::NotNow { why: String::from("503") };
        let (delivery, _) = attempt(1, 1).looked_up(later.clone());
        let look_at = Wall(0) + Period::hours(1) + Period::secs(5);
        assert_eq!(delivery, Delivery::Ambiguous { look_at, told: String::from("503") });
        let (delivery, _) = attempt(1, 72).looked_up(later);
        assert!(matches!(delivery, Delivery::Unclear { .. }));
    }
}
