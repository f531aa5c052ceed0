//! What is remembered of the calls of one portal: their ids there, and whose screens show a card.
//!
//! A memory, not a record: after a restart the portal itself is asked (by our call id), so losing
//! it costs requests and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::CallId;

/// Calls remembered at once; the oldest goes first. Far more than ring and settle at one time, so
/// that only calls go whose notes went long ago. Each is some hundred bytes.
const CALLS_MAX: usize = 10_000;

/// The calls of one portal.
#[derive(Default)]
pub struct Calls(Mutex<BTreeMap<CallId, Arc<Course>>>);

/// One call.
#[derive(Default)]
pub struct Course {
    /// What each user's screen should show. Written without waiting, so that who comes to the
    /// gate first serves everybody with one request.
    wishes: Mutex<BTreeMap<u64, Wish>>,
    /// One request at a time about one call.
    pub gate: tokio::sync::Mutex<Registered>,
}

/// What a user's screen should show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A card, for the telephone rings.
    Ring,
    /// A card, for the user talks.
    Talk,
    /// No card.
    Nothing,
}

/// What the portal knows of a call, as far as we know.
#[derive(Default)]
pub struct Registered {
    /// Theirs; `None` while it is not registered.
    pub call_id: Option<String>,
    /// Who may have a card, and whether that is sure.
    pub cards: BTreeMap<u64, Card>,
    /// Whether it is in the statistics.
    pub finished: bool,
}

/// A card at the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// It was asked for and the answer is not known.
    Unsure,
    /// It is there.
    Shown,
}

impl Calls {
    /// A call, made known when it is not.
    pub fn of(&self, call: CallId) -> Arc<Course> {
        let mut calls = self.0.lock();
        let course = calls.entry(call).or_default().clone();
        if calls.len() > CALLS_MAX {
            calls.pop_first(); // ids rise with time
        }
        course
    }

    /// A call that is remembered.
    pub fn find(&self, call: CallId) -> Option<Arc<Course>> {
        self.0.lock().get(&call).cloned()
    }
}

impl Course {
    /// Says what a user's screen should show. Who talks has the call: nobody else rings.
    pub fn wish(&self, user: u64, wish: Wish) {
        let mut wishes = self.wishes.lock();
        wishes.insert(user, wish);
        if wish == Wish::Talk {
            for other in wishes.values_mut().filter(|other| **other == Wish::Ring) {
                *other = Wish::Nothing;
            }
        }
    }

    /// Nobody's screen should show anything.
    pub fn wish_nothing(&self) {
        self.wishes.lock().values_mut().for_each(|wish| *wish = Wish::Nothing);
    }

    /// Whose cards are to be shown and whose taken away.
    pub fn difference(&self, cards: &BTreeMap<u64, Card>) -> (Vec<u64>, Vec<u64>) {
        let wishes = self.wishes.lock();
        let wanted = wishes.iter().filter(|(_, wish)| **wish != Wish::Nothing);
        let show = wanted.map(|(user, _)| *user);
        let show = show.filter(|user| cards.get(user) != Some(&Card::Shown)).collect();
        let nothing = |user: &u64| wishes.get(user).is_none_or(|wish| *wish == Wish::Nothing);
        let hide = cards.keys().copied().filter(nothing).collect();
        (show, hide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn who_talks_has_the_call_and_the_others_lose_their_cards() {
        let course = Course::default();
        course.wish(1, Wish::Ring);
        course.wish(2, Wish::Ring);
        let mut cards = BTreeMap::new();
        assert_eq!(course.difference(&cards), (vec![1, 2], vec![]));
        cards.insert(1, Card::Shown);
        cards.insert(2, Card::Unsure);
        assert_eq!(course.difference(&cards), (vec![2], vec![]), "the unsure one is shown again");
        course.wish(2, Wish::Talk);
        assert_eq!(course.difference(&cards), (vec![2], vec![1]));
        course.wish_nothing();
        assert_eq!(course.difference(&cards), (vec![], vec![1, 2]));
    }

    #[test]
    fn the_memory_has_a_bound_and_forgets_the_oldest() {
        let calls = Calls::default();
        let id = |at: usize| CallId(Uuid::from_u128(at as u128));
        for at in 0..=CALLS_MAX {
            calls.of(id(at));
        }
        assert!(calls.find(id(0)).is_none());
        assert!(calls.find(id(1)).is_some() && calls.find(id(CALLS_MAX)).is_some());
    }
}
