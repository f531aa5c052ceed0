//! Keeping and forgetting: retention of each class, and backups.

use std::path::{Path, PathBuf};

use super::db::{Kind, Store};
use super::error::StoreError;
use super::journal::Journal;
use super::sql::{Columns, Sql};
use crate::model::{Period, Wall};

/// How long each class is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Calls with their parts, closed episodes, the records of the journal, presence and audit.
    pub calls: Period,
    /// Decisions.
    pub decisions: Period,
    /// Raw requests.
    pub raw: Period,
}

/// How many rows of each class were deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Calls.
    pub calls: u64,
    /// Decisions.
    pub decisions: u64,
    /// Raw requests.
    pub raw: u64,
    /// Records of the journal.
    pub records: u64,
    /// Notes.
    pub notes: u64,
}

/// Notes that arrived are kept for this long. Far longer than a call may be amended, because a
/// later revision needs what the adapter left.
const NOTES_FOR: Period = Period::days(30);
/// Answers of actions are repeated for this long.
const ANSWERS_FOR: Period = Period::hours(24);
/// Sessions end by themselves before this.
const SESSIONS_FOR: Period = Period::days(1);

/// Deletes what is older than each class is kept, a little at a time. May be repeated.
pub async fn forget(
    journal: &Journal,
    store: &Store,
    kept: &Retention,
    now: Wall,
) -> Result<Forgotten, StoreError> {
    let raw = journal.forget_requests(now - kept.raw).await?;
    let decisions = store.forget_decisions(now - kept.decisions).await?;
    let calls = store.forget_calls(now - kept.calls).await?;
    store.forget_desk(now, now - kept.calls).await?;
    store.forget_outlets(now - kept.calls).await?;
    let notes = store.forget_notes(now - NOTES_FOR, now - kept.calls).await?;
    let records = journal.forget_records(now - kept.calls).await?;
    Ok(Forgotten { calls, decisions, raw, records, notes })
}

impl Store {
    /// Deletes calls begun before a moment with their parts, and episodes closed before it.
    pub async fn forget_calls(&self, before: Wall) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let sql = Sql::new(
                "delete from call where id in (select id from call where settled = 1
                   and started_at < ",
            );
            let step = self.run(sql.number(before.0).push(" limit 500)")).await?;
            gone += step;
            if step == 0 {
                break;
            }
        }
        for orphaned in [
            "delete from entry where call not in (select id from call) and enqueued_at < ",
            "delete from offer where call not in (select id from call) and offered_at < ",
            "delete from talk where call not in (select id from call) and from_at < ",
            "delete from episode where closed = 1 and closed_at < ",
            "delete from presence where at < ",
        ] {
            self.run(Sql::new(orphaned).number(before.0)).await?;
        }
        Ok(gone)
    }

    /// Deletes decisions made before a moment.
    pub async fn forget_decisions(&self, before: Wall) -> Result<u64, StoreError> {
        self.run(Sql::new("delete from decision_member where at < ").number(before.0)).await?;
        self.run(Sql::new("delete from decision where at < ").number(before.0)).await
    }

    async fn forget_desk(&self, now: Wall, audit_before: Wall) -> Result<(), StoreError> {
        let answers = Sql::new("delete from idempotency where created_at < ");
        self.run(answers.number((now - ANSWERS_FOR).0)).await?;
        let sessions = Sql::new("delete from session where created_at < ");
        self.run(sessions.number((now - SESSIONS_FOR).0)).await?;
        self.run(Sql::new("delete from link where expires_at < ").number(now.0)).await?;
        self.run(Sql::new("delete from audit where at < ").number(audit_before.0)).await?;
        Ok(())
    }

    /// Writes a consistent copy of the database into a file that is not there yet; `None` for
    /// PostgreSQL, which has its own tools for that.
    pub async fn backup(&self, to: &Path) -> Result<Option<PathBuf>, StoreError> {
        if self.kind() == Kind::Postgres {
            return Ok(None);
        }
        // By a connection that reads: the one that writes must not be away for so long.
        self.rows(Sql::new("vacuum into ").text(&to.display().to_string())).await?;
        sync(to)?;
        Ok(Some(to.to_owned()))
    }

    /// Rows of the table `call`, for figures about the store itself.
    pub async fn calls_stored(&self) -> Result<u64, StoreError> {
        let row = self.one(Sql::new("select count(*) from call")).await?;
        Ok(Columns::of(&row).count()?)
    }
}

impl Journal {
    /// Writes a consistent copy of the journal into a file that is not there yet.
    pub async fn backup(&self, to: &Path) -> Result<PathBuf, StoreError> {
        let mut db = self.readers().acquire().await?;
        // Readers may write nothing, not even a file elsewhere.
        sqlx::raw_sql("pragma query_only = 0").execute(&mut *db).await?;
        let copied = sqlx::query("vacuum into $1").bind(to.display().to_string());
        let copied = copied.execute(&mut *db).await;
        sqlx::raw_sql("pragma query_only = 1").execute(&mut *db).await?;
        copied?;
        sync(to)?;
        Ok(to.to_owned())
    }
}

/// Copies journal and database into a folder, the journal last: a database that is behind its
/// journal is caught up by the projector, one that is ahead of it is not. Gives the files.
pub async fn backup(
    journal: &Journal,
    store: &Store,
    folder: &Path,
) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |source| StoreError::File { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let database = store.backup(&folder.join("navbat.db")).await?;
    let journal = journal.backup(&folder.join("journal.db")).await?;
    Ok(database.into_iter().chain([journal]).collect())
}

/// Waits until a file is on the disk.
fn sync(path: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| StoreError::File { path: path.to_owned(), source })
}
