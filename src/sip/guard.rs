//! Who may come in: signed nonces, digest checks, and the memory of failed ones.
//!
//! A challenge leaves nothing behind: the nonce carries its own time and signature. Only a nonce
//! that was answered rightly is remembered, for its count must rise (RFC 7616 section 3.4.5).

use std::collections::BTreeMap;

use core::net::IpAddr;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::model::{Mono, Period};

use super::digest::{Challenge, Credentials, Ha1};
use super::ids::{hex, keyed};
use super::io::Flow;
use super::message::Request;
use super::settings::StackSettings;
use super::{Host, Known};

/// How long a nonce may be used. Longer gives a recorded request more time, shorter makes
/// telephones ask twice more often.
const NONCE_FOR: Period = Period::secs(300);

/// Failures in [`FAILURES_IN`] after which a source is not listened to for [`BLOCKED_FOR`].
const FAILURES_MAX: u8 = 10;

/// See [`FAILURES_MAX`].
const FAILURES_IN: Period = Period::secs(60);

/// See [`FAILURES_MAX`].
const BLOCKED_FOR: Period = Period::mins(10);

/// The longest user name that is remembered as having failed.
const USER_BYTES_MAX: usize = 64;

/// What a look at a request's credentials gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is this user.
    User(String),
    /// It must authenticate; `stale` when only the nonce was old.
    Challenge { stale: bool },
    /// It has failed too often: no answer over UDP, 403 over a stream.
    Blocked,
}

/// Failures of one address, or of one user at one address.
#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Mono,
    count: u8,
    blocked_until: Mono,
}

/// The guard.
pub(super) struct Guard {
    mac: Hmac<Sha256>,
    /// Answered nonces and their last count, the oldest first.
    counts: BTreeMap<(Mono, u64), u32>,
    /// Nonces up to here were forgotten to make room: they count as stale.
    forgotten_until: Option<(Mono, u64)>,
    failures: BTreeMap<(IpAddr, Box<str>), Failures>,
}

impl Guard {
    /// A guard that signs with the server's secret.
    pub(super) fn new(secret: &[u8; 32]) -> Guard {
        Guard {
            mac: keyed(secret),
            counts: BTreeMap::new(),
            forgotten_until: None,
            failures: BTreeMap::new(),
        }
    }

    /// The challenges of a request, one for each hash of the settings, in their order: SHA-256
    /// first unless said otherwise, then MD5 (RFC 8760 section 2.4).
    ///
    /// The nonce is the time, a number that only this request gives, and a signature over both.
    pub(super) fn challenges(
        &self,
        request: &Request,
        settings: &StackSettings,
        stale: bool,
        now: Mono,
    ) -> Vec<String> {
        let number = self.sign(&[request.call_id(), request.via().branch()]);
        let stamp = format!("{:012x}{}", now.0 & 0xffff_ffff_ffff, hex(number));
        let nonce = format!("{stamp}{}", hex(self.sign(&["nonce", &stamp])));
        let challenges = settings.digest.iter().map(|algorithm| {
            let challenge = Challenge {
                realm: settings.domain.clone(),
                nonce: nonce.clone(),
                opaque: None,
                algorithm: *algorithm,
                qop_auth: true,
                stale,
            };
            challenge.to_text()
        });
        challenges.collect()
    }

    fn sign(&self, parts: &[&str]) -> u64 {
        #[cfg(test)]
        super::work::done();
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.finalize().into_bytes().iter().take(8).fold(0, |word, b| word << 8 | u64::from(*b))
    }

    /// A password nobody has, for a user who is not there.
    fn nobody(&self, user: &str) -> Ha1 {
        #[cfg(test)]
        super::work::done();
        let mut mac = self.mac.clone();
        mac.update(b"nobody");
        mac.update(user.as_bytes());
        let sha256: [u8; 32] = mac.finalize().into_bytes().into();
        let mut md5 = [0; 16];
        md5.iter_mut().zip(sha256).for_each(|(to, from)| *to = from);
        Ha1 { md5, sha256 }
    }

    /// When a nonce of ours was made and its number; `None` for a foreign one.
    fn read_nonce(&self, nonce: &str) -> Option<(Mono, u64)> {
        let (stamp, signature) = nonce.split_at_checked(28)?;
        let right = hex(self.sign(&["nonce", stamp]));
        if !bool::from(right.as_bytes().ct_eq(signature.as_bytes())) {
            return None;
        }
        let (time, number) = stamp.split_at_checked(12)?;
        let time = u64::from_str_radix(time, 16).ok()?;
        Some((Mono(time), u64::from_str_radix(number, 16).ok()?))
    }

    /// Looks at the credentials of a request. `known` says whether a user registered from this
    /// very machine, so that one telephone with an old password does not silence an office.
    pub(super) fn look(
        &mut self,
        request: &Request,
        flow: Flow,
        settings: &StackSettings,
        now: Mono,
        known: &dyn Fn(&str) -> bool,
    ) -> Verdict {
        let credentials = own_credentials(request, settings);
        let user = credentials.as_ref().map_or_else(String::new, |own| own.username.clone());
        let user = user.as_str();
        let from = block_of(flow.peer.ip());
        let user_blocked = !user.is_empty() && self.is_blocked(from, user, now);
        let blocked = user_blocked || (self.is_blocked(from, "", now) && !known(user));
        if blocked {
            return Verdict::Blocked;
        }
        let Some(credentials) = credentials else { return Verdict::Challenge { stale: false } };
        let nonce = self.read_nonce(&credentials.nonce);
        // The same work for a user who is not there: the answer must not tell, nor its time.
        let nobody = self.nobody(user);
        let ha1 = settings.users.get(user).map_or(&nobody, |own| &own.ha1);
        let right = credentials.verify(ha1, request.method());
        let right = right & settings.users.contains_key(user) & nonce.is_some();
        if !right || !is_for(&credentials, request) {
            if nonce.is_some() {
                self.failed(from, user, settings.limits.failures_max, now);
            }
            return Verdict::Challenge { stale: false };
        }
        let nc = credentials.qop.as_ref().map_or(0, |qop| qop.nc);
        let fresh = nonce.is_some_and(|(made, number)| {
            now.since(made) <= NONCE_FOR
                && made <= now
                && self.count(made, number, nc, settings.limits.nonces_max, now)
        });
        if fresh { Verdict::User(user.to_owned()) } else { Verdict::Challenge { stale: true } }
    }

    /// Takes the count of a nonce; false when it did not rise.
    fn count(&mut self, made: Mono, number: u64, nc: u32, most: usize, now: Mono) -> bool {
        let key = (made, number);
        match self.counts.get_mut(&key) {
            Some(last) if nc > *last => {
                *last = nc;
                true
            }
            Some(_) => false,
            None if self.forgotten_until.is_some_and(|until| key <= until) => false,
            None => {
                while let Some((&oldest, _)) = self.counts.first_key_value() {
                    let old = now.since(oldest.0) > NONCE_FOR;
                    if !old && self.counts.len() < most {
                        break;
                    }
                    self.counts.pop_first();
                    self.forgotten_until = self.forgotten_until.max(Some(oldest));
                }
                self.counts.insert(key, nc);
                true
            }
        }
    }

    fn is_blocked(&self, from: IpAddr, user: &str, now: Mono) -> bool {
        let key = (from, short(user));
        self.failures.get(&key).is_some_and(|failures| failures.blocked_until > now)
    }

    /// Remembers a failure of the address and of the user at that address.
    fn failed(&mut self, from: IpAddr, user: &str, most: usize, now: Mono) {
        if self.failures.len() + 2 > most {
            // First what is over, then what blocks nobody; a flood of sources never grows this.
            self.failures
                .retain(|_, own| own.blocked_until > now || now.since(own.since) <= FAILURES_IN);
            if self.failures.len() + 2 > most {
                self.failures.retain(|_, own| own.blocked_until > now);
            }
            while self.failures.len() + 2 > most.max(2) {
                self.failures.pop_first();
            }
        }
        for user in ["", user] {
            let fresh = Failures { since: now, count: 0, blocked_until: Mono(0) };
            let own = self.failures.entry((from, short(user))).or_insert(fresh);
            if now.since(own.since) > FAILURES_IN {
                *own = fresh;
            }
            own.count = own.count.saturating_add(1);
            if own.count >= FAILURES_MAX {
                own.blocked_until = now + BLOCKED_FOR;
            }
        }
    }

    /// How many entries the tables hold.
    pub(super) fn len(&self) -> usize {
        self.counts.len() + self.failures.len()
    }
}

/// A key of bounded length.
fn short(user: &str) -> Box<str> {
    let end = (0..=USER_BYTES_MAX.min(user.len())).rev().find(|at| user.is_char_boundary(*at));
    user.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

/// What counts as one source: an IPv4 address, or the 64 bits of IPv6 that one customer has.
fn block_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

/// The credentials of a request for our realm; those for other realms are not our business.
fn own_credentials(request: &Request, settings: &StackSettings) -> Option<Credentials> {
    let lines = request.headers(Known::Authorization);
    let lines = lines.chain(request.headers(Known::ProxyAuthorization));
    let mut read = lines.filter_map(|value| Credentials::read(value).ok());
    read.find(|own| own.realm.eq_ignore_ascii_case(&settings.domain))
}

/// Whether the credentials were made for this request: the address they sign has the same user
/// and host. Telephones differ in parameters and ports, so those do not count.
fn is_for(credentials: &Credentials, request: &Request) -> bool {
    let Ok(signed) = super::Uri::read(&credentials.uri) else { return false };
    let asked = request.uri();
    signed.user == asked.user && (signed.host.same(&asked.host) || asked.host == Host::None)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
