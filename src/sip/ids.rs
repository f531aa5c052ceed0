//! Tags, branches and Call-IDs that a stranger cannot guess.
//!
//! The seed alone would not do: its next number can be worked out from the last one, and every
//! tag is shown to its peer. So each draw is signed with the server's secret, which also lets
//! a day be lived twice in tests. RFC 3261 section 19.3 asks for 32 random bits; these are 64.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::Seed;

/// A keyed source of ids.
pub(super) struct Ids {
    mac: Hmac<Sha256>,
    seed: Seed,
    pool: Vec<u64>,
}

impl Ids {
    /// Starts from the server's secret and a seed.
    pub(super) fn new(secret: &[u8; 32], seed: Seed) -> Ids {
        Ids { mac: keyed(secret), seed, pool: Vec::new() }
    }

    /// Sixty-four bits nobody else can foretell.
    pub(super) fn token(&mut self) -> u64 {
        if let Some(token) = self.pool.pop() {
            return token;
        }
        let mut mac = self.mac.clone();
        mac.update(&self.seed.next_u64().to_le_bytes());
        let bytes = mac.finalize().into_bytes();
        self.pool.extend(bytes.chunks_exact(8).map(first));
        self.pool.pop().unwrap_or_else(|| self.seed.next_u64())
    }

    /// The token that a text always gives, for answers that leave no state behind.
    pub(super) fn of(&self, text: &[&str]) -> u64 {
        let mut mac = self.mac.clone();
        for part in text {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        first(&mac.finalize().into_bytes())
    }

    /// A number below `end`, for waits; not for secrets.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.seed.below(end)
    }
}

/// A signer that knows the server's secret.
pub(super) fn keyed(secret: &[u8; 32]) -> Hmac<Sha256> {
    // Any length of key is allowed (RFC 2104 section 3), so the other arm is never taken.
    Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

/// The first eight bytes as a number.
fn first(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Sixteen hexadecimal digits.
pub(super) fn hex(token: u64) -> String {
    format!("{token:016x}")
}

/// Reads what [`hex`] wrote, and nothing else.
pub(super) fn unhex(text: &str) -> Option<u64> {
    let plain = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// What a branch must begin with (RFC 3261 section 8.1.1.7).
pub(super) const COOKIE: &str = "z9hG4bK";

/// The number in a branch of ours.
pub(super) fn branch_number(branch: &str) -> Option<u64> {
    unhex(branch.strip_prefix(COOKIE)?)
}
