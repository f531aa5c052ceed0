//! A connected target: its adapter, its pace, and how it fares.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::judge::{Told, pause};
use super::outlet::Outlet;
use crate::model::{Name, Wall};

/// Notes a second at least.
const PER_SECOND_MIN: f64 = 0.01;
/// So many failures in a row are the target's fault and not a note's.
const FAILURES_MAX: u64 = 5;
/// A target that fails rests at most this long before one note tries it again. Longer finds out
/// later that it is back; shorter costs it a request oftener.
const REST_MAX: Duration = Duration::from_secs(60);

/// A target as the configuration names it.
pub struct NewTarget {
    /// The adapter.
    pub outlet: Arc<dyn Outlet>,
    /// The kind in the configuration.
    pub kind: &'static str,
    /// Nothing leaves; what would is listed.
    pub dry_run: bool,
}

/// A target that runs.
pub struct Target {
    outlet: Arc<dyn Outlet>,
    kind: &'static str,
    dry_run: bool,
    pace: DefaultDirectRateLimiter,
    state: Mutex<State>,
    moved: watch::Sender<()>,
}

struct State {
    rest: Rest,
    why: String,
    since: Wall,
    failures: u64,
    works_at: Option<Wall>,
    sent: u64,
}

/// Whether a target takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It does.
    None,
    /// Not until then: it fails, or a limit was met (the word says which).
    Until(&'static str, Instant),
    /// It is switched off, in the words of its adapter, and probed then by itself; or never.
    Off(&'static str, Option<Instant>, Option<Duration>),
}

/// How a target fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    /// Its name.
    pub name: Name,
    /// The kind in the configuration.
    pub kind: &'static str,
    /// Whether nothing leaves.
    pub dry_run: bool,
    /// `ok`, `dry_run`, `failing`, `limited`, or the adapter's own word, `needs_reauth` and the like.
    pub state: &'static str,
    /// What was said last that was no success.
    pub why: Option<String>,
    /// Since when it is in this state.
    pub since: Wall,
    /// When something last worked.
    pub works_at: Option<Wall>,
    /// Notes that arrived since the start.
    pub sent: u64,
}

impl Target {
    /// A target that works until something else is seen.
    pub fn new(new: NewTarget, now: Wall) -> Target {
        let pace = DefaultDirectRateLimiter::direct(quota(new.outlet.pace()));
        let state = State {
            rest: Rest::None,
            why: String::new(),
            since: now,
            failures: 0,
            works_at: None,
            sent: 0,
        };
        let (outlet, kind, dry_run) = (new.outlet, new.kind, new.dry_run);
        Target {
            outlet,
            kind,
            dry_run,
            pace,
            state: Mutex::new(state),
            moved: watch::channel(()).0,
        }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        self.outlet.name()
    }

    /// The adapter.
    pub fn outlet(&self) -> &dyn Outlet {
        &*self.outlet
    }

    /// Waits for the next note's turn, and takes more turns that are there, up to so many.
    pub async fn turns(&self, most: u32) -> u32 {
        while let Err(later) = self.pace.check() {
            let now = DefaultClock::default().now();
            tokio::time::sleep(later.wait_time_from(now)).await;
        }
        let mut turns = 1;
        while turns < most && self.pace.check().is_ok() {
            turns += 1;
        }
        turns
    }

    /// Whether nothing may leave.
    pub const fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// Whether it takes requests.
    pub fn rest(&self) -> Rest {
        self.state.lock().rest
    }

    /// Whether its last attempts failed: then one at a time is enough.
    pub fn is_failing(&self) -> bool {
        self.state.lock().failures >= FAILURES_MAX
    }

    /// Told when it begins or ends to rest.
    pub fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Why nothing may be asked of it at this moment; `None`: it may.
    pub fn refuses(&self) -> Option<String> {
        let state = self.state.lock();
        match state.rest {
            Rest::None => None,
            Rest::Until(_, until) if until <= Instant::now() => None,
            Rest::Until(word, _) | Rest::Off(word, _, _) => Some(format!("{word}: {}", state.why)),
        }
    }

    /// A note arrived.
    pub fn count_sent(&self) {
        self.state.lock().sent += 1;
    }

    /// Takes in what an attempt said of it.
    pub fn hear(&self, told: Told, now: Wall, dice: f64) {
        let mut state = self.state.lock();
        match told {
            Told::Nothing => return,
            Told::Works => {
                state.works_at = Some(now);
                state.failures = 0;
                if state.rest == Rest::None {
                    return;
                }
                tracing::info!(target = %self.name(), "the target works again");
                state.turn(Rest::None, String::new(), now);
            }
            Told::Fails(why) => {
                state.failures = state.failures.saturating_add(1);
                if state.failures < FAILURES_MAX || matches!(state.rest, Rest::Off(..)) {
                    state.why = why;
                    return;
                }
                let rest = pause(state.failures - FAILURES_MAX + 1, dice).min(REST_MAX);
                if state.failures == FAILURES_MAX {
                    tracing::warn!(target = %self.name(), why, "the target fails; notes wait");
                }
                state.turn(Rest::Until("failing", Instant::now() + rest), why, now);
            }
            Told::Limit(after, why) => {
                tracing::warn!(target = %self.name(), ?after, why, "a limit was met; notes wait");
                state.turn(Rest::Until("limited", Instant::now() + after), why, now);
            }
            Told::Off(word, why, probe) => {
                if !matches!(state.rest, Rest::Off(..)) {
                    tracing::error!(target = %self.name(), state = word, why,
                        "the target is switched off; notes wait");
                }
                let at = probe.map(|after| Instant::now() + after);
                state.turn(Rest::Off(word, at, probe), why, now);
            }
        }
        drop(state);
        self.moved.send_replace(());
    }

    /// Asks whether the peer answers and knows us; success ends a rest.
    pub async fn probe(&self, now: impl Fn() -> Wall) -> Result<(), String> {
        let answer = self.outlet.probe().await;
        match &answer {
            Ok(()) => self.hear(Told::Works, now(), 0.5),
            Err(why) => {
                let rest = self.rest();
                if let Rest::Off(word, _, probe) = rest {
                    self.hear(Told::Off(word, why.clone(), probe), now(), 0.5);
                }
            }
        }
        answer
    }

    /// How it fares.
    pub fn health(&self) -> TargetHealth {
        let state = self.state.lock();
        let word = match state.rest {
            Rest::None if self.dry_run => "dry_run",
            Rest::None => "ok",
            Rest::Until(word, _) | Rest::Off(word, _, _) => word,
        };
        TargetHealth {
            name: self.name().clone(),
            kind: self.kind,
            dry_run: self.dry_run,
            state: word,
            why: (!state.why.is_empty()).then(|| state.why.clone()),
            since: state.since,
            works_at: state.works_at,
            sent: state.sent,
        }
    }
}

/// A pace as the limiter takes it; a pace of nothing is slow and not a stop.
fn quota((per_second, burst): (f64, u32)) -> Quota {
    let every = Duration::from_secs_f64(1.0 / per_second.max(PER_SECOND_MIN));
    let quota = Quota::with_period(every).unwrap_or(Quota::per_second(NonZeroU32::MIN));
    quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
}

impl State {
    fn turn(&mut self, rest: Rest, why: String, now: Wall) {
        let word = |rest: Rest| match rest {
            Rest::None => "",
            Rest::Until(word, _) | Rest::Off(word, _, _) => word,
        };
        if word(self.rest) != word(rest) {
            self.since = now;
        }
        (self.rest, self.why) = (rest, why);
    }
}
