//! Work on one number goes in a row, so that two calls of one unknown caller make one contact.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::amocrm_trouble::Trouble;

/// How long after an unclear making nothing else is made for the number: what was just written
/// may not be listed at once.
pub const UNCLEAR_FOR: Duration = Duration::from_secs(5);
/// Numbers that are remembered; the search finds the older ones by itself.
const REMEMBERED_MAX: usize = 1_000;

/// What is going on with numbers, by their national part.
#[derive(Default)]
pub struct Numbers {
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    made: Mutex<BTreeMap<String, (&'static str, u64)>>,
    unclear: Mutex<BTreeMap<String, Instant>>,
}

impl Numbers {
    /// Waits until nobody else works on this number.
    pub async fn turn(&self, key: &str) -> OwnedMutexGuard<()> {
        let own = {
            let mut turns = self.turns.lock();
            turns.retain(|_, turn| Arc::strong_count(turn) > 1); // somebody has or awaits it
            turns.entry(key.to_owned()).or_default().clone()
        };
        own.lock_owned().await
    }

    /// Whom we made for this number.
    pub fn made(&self, key: &str) -> Option<(&'static str, u64)> {
        self.made.lock().get(key).copied()
    }

    /// Remembers whom we made.
    pub fn remember(&self, key: &str, made: (&'static str, u64)) {
        let mut known = self.made.lock();
        if known.len() >= REMEMBERED_MAX {
            known.pop_first();
        }
        known.insert(key.to_owned(), made);
    }

    /// Remembers a making whose end nobody knows.
    pub fn note_trouble(&self, key: &str, trouble: &Trouble) {
        if trouble.is_unclear() {
            self.unclear.lock().insert(key.to_owned(), Instant::now() + UNCLEAR_FOR);
        }
    }

    /// How long nothing is to be made for this number; `None`: it may.
    pub fn unclear_for(&self, key: &str) -> Option<Duration> {
        let now = Instant::now();
        let mut unclear = self.unclear.lock();
        unclear.retain(|_, until| *until > now);
        unclear.get(key).map(|until| *until - now)
    }
}
