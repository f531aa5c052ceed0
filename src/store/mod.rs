//! What is kept: the journal that acknowledges, the database that lists, and the way between.
//!
//! [`Journal`] is an embedded SQLite file, synced before a promise leaves. [`Store`] is the
//! database of the lists, SQLite or PostgreSQL, written from the journal by the projector and
//! always to be had again from it. The only room that names sqlx.

mod error;
mod inbox;
mod intake;
mod journal;
mod journal_file;
mod journal_rows;
mod lock;
mod recovery;
mod request;
mod reserve;
mod writer;

pub use error::{JournalError, StoreError};
pub use inbox::AccountCount;
pub use journal::{Commit, Health, Journal, JournalLimits};
pub use recovery::Recovered;
pub use request::{NewRequest, StoredRequest, Taken, Verdict};
