//! Failed logins, counted per address and per login, so that guessing takes years.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use crate::model::{Mono, Name, Period};

/// Failures within [`WITHIN`] after which an address waits.
const OF_ADDRESS_MAX: u32 = 10;

/// The same for a login, over all addresses. Larger, because whoever knows a login could lock its
/// owner out with it; small enough that a thousand addresses guess no faster than a few.
const OF_LOGIN_MAX: u32 = 50;

/// Failures further apart than this are not added up.
const WITHIN: Period = Period::secs(60);

/// How long an address waits.
const ADDRESS_WAITS: Period = Period::mins(10);

/// How long a login waits; shorter, for the owner's sake.
const LOGIN_WAITS: Period = Period::mins(1);

/// Entries kept; at the bound the oldest goes.
const KEPT_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Address(IpAddr),
    Login(Name),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Mono,
    barred_until: Mono,
}

/// Who failed how often lately.
#[derive(Default)]
pub struct Attempts(Mutex<BTreeMap<Who, Failures>>);

impl Attempts {
    /// How long this address or login has to wait; `None` when it may try.
    pub fn barred(&self, address: IpAddr, login: &Name, now: Mono) -> Option<Period> {
        let kept = self.0.lock();
        [Who::Address(address), Who::Login(login.clone())]
            .iter()
            .filter_map(|who| kept.get(who))
            .filter(|failures| failures.barred_until > now)
            .map(|failures| failures.barred_until.since(now))
            .max()
    }

    /// Counts a failure.
    pub fn failed(&self, address: IpAddr, login: &Name, now: Mono) {
        let mut kept = self.0.lock();
        count(&mut kept, Who::Address(address), now, OF_ADDRESS_MAX, ADDRESS_WAITS);
        count(&mut kept, Who::Login(login.clone()), now, OF_LOGIN_MAX, LOGIN_WAITS);
    }

    /// Forgets an address's failures after a success.
    pub fn succeeded(&self, address: IpAddr) {
        self.0.lock().remove(&Who::Address(address));
    }
}

fn count(kept: &mut BTreeMap<Who, Failures>, who: Who, now: Mono, max: u32, waits: Period) {
    if kept.len() >= KEPT_MAX && !kept.contains_key(&who) {
        let oldest = kept.iter().min_by_key(|(_, failures)| failures.since).map(|(who, _)| who);
        if let Some(oldest) = oldest.cloned() {
            kept.remove(&oldest);
        }
    }
    let fresh = Failures { count: 0, since: now, barred_until: Mono(0) };
    let failures = kept.entry(who).or_insert(fresh);
    if now.since(failures.since) > WITHIN {
        *failures = fresh;
    }
    failures.count = failures.count.saturating_add(1);
    if failures.count >= max {
        *failures = Failures { count: 0, since: now, barred_until: now + waits };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_tenth_failure_in_a_minute_bars_the_address_for_ten() {
        let attempts = Attempts::default();
        let login = Name::from("aziza");
        for at in 0..9 {
            attempts.failed(HOME, &login, Mono(at));
        }
        assert_eq!(attempts.barred(HOME, &login, Mono(10)), None);
        attempts.failed(HOME, &login, Mono(10));
        assert!(attempts.barred(HOME, &login, Mono(11)).is_some());
        let elsewhere = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(attempts.barred(elsewhere, &login, Mono(11)), None);
        assert_eq!(attempts.barred(HOME, &login, Mono(10) + ADDRESS_WAITS), None);
    }

    #[test]
    fn failures_far_apart_and_a_success_are_forgiven() {
        let attempts = Attempts::default();
        let login = Name::from("aziza");
        for at in 0..30 {
            attempts.failed(HOME, &login, Mono(at * 10_000));
        }
        assert_eq!(attempts.barred(HOME, &login, Mono(300_000)), None);
        attempts.succeeded(HOME);
        assert_eq!(attempts.barred(HOME, &login, Mono(300_000)), None);
    }
}
