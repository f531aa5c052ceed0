//! Random numbers and ids from a seed that is passed in, so that a day can be lived twice.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CallId, Wall};

/// A source of random numbers (SplitMix64). Part of the engine's state; not for secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(u64);

impl Seed {
    /// Starts from a number; the same number gives the same sequence.
    pub const fn new(start: u64) -> Seed {
        Seed(start)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, evenly; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True with a chance of `percent` in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A call id of this moment (UUID version 7, RFC 9562 section 5.7).
    pub fn call_id(&mut self, at: Wall) -> CallId {
        let mut random = [0_u8; 10];
        let (low, high) = (self.next_u64().to_le_bytes(), self.next_u64().to_le_bytes());
        for (to, from) in random.iter_mut().zip(low.iter().chain(high.iter())) {
            *to = *from;
        }
        let millis = u64::try_from(at.0).unwrap_or(0);
        CallId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The number that a text always gives, to seed a choice by what it is about.
    pub fn of(text: &str) -> Seed {
        let bits = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Seed(bits)
    }
}

impl From<Uuid> for CallId {
    fn from(id: Uuid) -> CallId {
        CallId(id)
    }
}
