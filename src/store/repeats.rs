//! Which events were kept within the last day, so that a repeat is seen without asking the disk.
//!
//! One task writes the inbox, so what it remembers and what is on the disk are the same. An
//! index on the disk would touch a page of its own for nearly every request.

use std::collections::{BTreeMap, VecDeque};

use sha2::{Digest, Sha256};

use super::request::NewRequest;
use crate::model::{Period, Seq, Wall};

/// A repeat within this time is a duplicate (providers/common.md section 5).
pub(super) const DUPLICATE_WITHIN: Period = Period::hours(24);

/// Events remembered, about 100 bytes each. Past it the oldest are forgotten before their day is
/// over; the engine then hears a repeat of theirs once more, and knows its facts already.
pub(super) const REMEMBERED_MAX: usize = 2_000_000;

/// An account and a fingerprint in one word of fixed length.
type Key = u128;

/// The events of the last day.
#[derive(Default)]
pub(super) struct Repeats {
    first: BTreeMap<Key, (Seq, Wall)>,
    in_order: VecDeque<(Key, Seq, Wall)>,
}

/// Events of a transaction that is not committed yet.
#[derive(Default)]
pub(super) struct Fresh {
    first: BTreeMap<Key, (Seq, Wall)>,
    in_order: Vec<(Key, Seq, Wall)>,
}

/// The word of an account and a fingerprint.
pub(super) fn key(account: &str, fingerprint: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update(account.as_bytes());
    hash.update([0]);
    hash.update(fingerprint.as_bytes());
    let mut word = [0_u8; 16];
    for (to, from) in word.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    u128::from_le_bytes(word)
}

impl Repeats {
    /// The first request of this one's kind within a day; when there is none, this is it.
    pub(super) fn first_of(
        &self,
        fresh: &mut Fresh,
        request: &NewRequest,
        seq: Seq,
    ) -> Option<Seq> {
        let key = key(request.account.as_str(), request.fingerprint.as_deref()?);
        let oldest = request.received - DUPLICATE_WITHIN;
        let known = fresh.first.get(&key).or_else(|| self.first.get(&key));
        if let Some((first, at)) = known
            && *at >= oldest
        {
            return Some(*first);
        }
        fresh.first.insert(key, (seq, request.received));
        fresh.in_order.push((key, seq, request.received));
        None
    }

    /// Remembers an event, and forgets what is too old or too much.
    pub(super) fn remember(&mut self, key: Key, seq: Seq, received: Wall) {
        self.first.insert(key, (seq, received));
        self.in_order.push_back((key, seq, received));
        let oldest = received - DUPLICATE_WITHIN;
        while let Some((key, seq, at)) = self.in_order.front().copied()
            && (at < oldest || self.in_order.len() > REMEMBERED_MAX)
        {
            self.in_order.pop_front();
            if self.first.get(&key).is_some_and(|(first, _)| *first == seq) {
                self.first.remove(&key);
            }
        }
    }

    /// Remembers what a transaction brought, once it is committed.
    pub(super) fn commit(&mut self, fresh: Fresh) {
        for (key, seq, received) in fresh.in_order {
            self.remember(key, seq, received);
        }
    }
}
