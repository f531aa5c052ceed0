//! The shelf of adapters in the database.

use super::Clock;
use super::outlet::{Later, Shelf, ShelfError};
use crate::model::Name;
use crate::store::{Store, StoreError};

/// Words that are kept in the database, so that they are durable and found by the next start.
pub struct StoreShelf {
    store: Store,
    clock: Clock,
}

impl StoreShelf {
    /// A shelf in this database.
    pub fn new(store: Store, clock: Clock) -> StoreShelf {
        StoreShelf { store, clock }
    }
}

impl Shelf for StoreShelf {
    fn get<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
    ) -> Later<'a, Result<Option<String>, ShelfError>> {
        Box::pin(async move { self.store.outlet_word(target, key).await.map_err(told) })
    }

    fn put<'a>(
        &'a self,
        target: &'a Name,
        key: &'a str,
        word: &'a str,
    ) -> Later<'a, Result<(), ShelfError>> {
        Box::pin(async move {
            let now = (self.clock)().wall;
            self.store.keep_outlet_word(target, key, word, now).await.map_err(told)
        })
    }
}

fn told(error: StoreError) -> ShelfError {
    ShelfError(error.to_string())
}
