//! Why the store could not do what it was asked.

use std::path::PathBuf;

/// Why the journal did not keep something. Nothing that was kept before is harmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Too much is waiting, or somebody else holds the file: ask again in a moment.
    #[error("the journal is busy; ask again in a moment")]
    Busy,
    /// The disk is full: goes on by itself when space returns.
    #[error("the disk of the journal is full; free some space")]
    Full,
    /// The disk refused for another reason.
    #[error("the journal cannot be written: {0}")]
    Unwritable(String),
    /// More records waited for the disk than are kept in memory; the gap is recorded.
    #[error("records were lost while the journal could not be written")]
    Lost,
    /// A record's place does not rise.
    #[error("record {seq} does not come after {last}")]
    OutOfOrder {
        /// The place of the record.
        seq: u64,
        /// The place of the last one.
        last: u64,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process works in the same directory.
    #[error("{0} is in use by another navbat; stop it first, or give this one its own data_dir")]
    InUse(PathBuf),
    /// Another server writes the same database.
    #[error("another navbat works on this database; stop it first, or give this one its own")]
    Taken,
    /// A file was written by a later version.
    #[error(
        "{file} has schema version {found}, this navbat knows up to {known}; use the later one"
    )]
    UnknownVersion {
        /// The file or database.
        file: String,
        /// Its version.
        found: i64,
        /// The last version that is known.
        known: i64,
    },
    /// A file failed its check.
    #[error("{file} is damaged ({what}); restore it from a backup")]
    Damaged {
        /// The file.
        file: String,
        /// What the check said first.
        what: String,
    },
    /// A stored row cannot be read back.
    #[error("{table} row {row} cannot be read")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// Its key.
        row: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A migration failed.
    #[error("the database could not be brought to this version")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database address is of no kind that is supported.
    #[error("database url: write sqlite:FILE or postgres://USER@HOST/NAME")]
    BadUrl,
    /// A directory or file could not be made or opened.
    #[error("{path} cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database did not answer or refused.
    #[error("the database cannot be used")]
    Database(#[from] sqlx::Error),
    /// The journal did not do it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
