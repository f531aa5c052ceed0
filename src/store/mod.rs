//! What is kept: the journal that acknowledges, the database that lists, and the way between.
//!
//! [`Journal`] is an embedded SQLite file, synced before a promise leaves. [`Store`] is the
//! database of the lists, SQLite or PostgreSQL, written from the journal by the projector and
//! always to be had again from it. The only room that names sqlx.

mod alerts;
mod calls;
mod claim;
mod db;
mod decisions;
mod desk;
mod episodes;
mod error;
mod gaps;
mod inbox;
mod intake;
mod journal;
mod journal_file;
mod journal_rows;
mod keep;
mod lock;
mod outbox;
mod outbox_desk;
mod outlet;
mod page;
mod people;
mod projector;
mod recovery;
mod repeats;
mod request;
mod reserve;
mod rows;
mod sql;
mod stats;
mod tail;
mod writer;

pub use calls::CallsAsk;
pub use claim::Claim;
pub use db::Store;
pub use decisions::OperatorRuling;
pub use desk::{AuditRow, Made, Once};
pub use episodes::{EpisodeCount, EpisodesAsk, EpisodesIn};
pub use error::{JournalError, StoreError};
pub use gaps::Gap;
pub use inbox::AccountCount;
pub use journal::{Commit, Health, Journal, JournalLimits};
pub use keep::{Forgotten, Retention, backup, forget};
pub use outbox::{
    ClaimAsk, ClaimedNote, Delivery, DueNotes, Lapsing, NewNote, NoteState, NotesOf, OUTBOX_ALARM,
    OUTBOX_MAX,
};
pub use outbox_desk::{NoteCount, NoteRow, NotesAsk};
pub use outlet::PopToldRow;
pub use page::{Cursor, CursorError, PAGE_MAX, Page};
pub use people::{Link, Person, Session, Token};
pub use projector::{Lag, Projector};
pub use recovery::Recovered;
pub use request::{NewRequest, StoredRequest, Taken, Verdict};
pub use stats::{OperatorTally, StatsAsk, StatsBy, Tally};
