//! The journal's SQLite file: opening, checking, and the statements of one transaction.
//!
//! `synchronous=FULL` in WAL mode: a commit returns after its frames are on the disk. `NORMAL`
//! would be about ten times faster and lose the last commits with the power.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::error::{JournalError, StoreError};
use super::intake::{Append, Old, Stretch, Take};
use super::journal_rows::{Inserts, ROWS, STATEMENTS, remembered};
use super::repeats::{Fresh, Repeats};
use super::request::Taken;
use crate::model::{Period, Record, Seq, Stamped, Wall};

/// The version of the journal's schema, kept in the file's `user_version`.
const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("migrations/journal/0001_records_and_inbox.sql");

/// Pages in the write-ahead log before SQLite moves them into the file (4 KiB each). More makes
/// the pauses rarer and longer.
const CHECKPOINT_PAGES: &str = "4000";
/// What stays of the write-ahead log after a burst.
const LOG_BYTES_MAX: &str = "67108864";

/// Rows deleted in one transaction, so that retention never holds the writer for long.
const FORGET_ROWS: i64 = 500;

/// How the file is opened, by the writer and by readers.
pub(super) fn options(path: &Path, lock_wait: Period) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(lock_wait.as_duration())
        .statement_cache_capacity(STATEMENTS)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", LOG_BYTES_MAX)
        .disable_statement_logging()
}

/// The writer's connection.
pub(super) struct JournalFile {
    db: SqliteConnection,
    inserts: Inserts,
    repeats: Repeats,
    /// The last place given out in the inbox.
    inbox_last: u64,
}

/// What one transaction did.
#[derive(Default)]
pub(super) struct Written {
    /// For each request, in order: its place and the first of its kind.
    pub(super) taken: Vec<(Taken, Option<Seq>)>,
    /// The last record.
    pub(super) last: Option<Seq>,
}

impl JournalFile {
    /// Opens or makes the file. Fails on an unknown version, and on damage: the whole file is
    /// checked when it is not larger than `check_max` bytes.
    pub(super) async fn open(
        path: &Path,
        lock_wait: Period,
        check_max: u64,
    ) -> Result<JournalFile, StoreError> {
        let file = path.display().to_string();
        let damaged = |what: String| StoreError::Damaged { file: file.clone(), what };
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        let mut db = match options(path, lock_wait).connect().await {
            Ok(db) => db,
            Err(error) if is_damage(&error) => return Err(damaged(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let found: i64 = sqlx::query_scalar("pragma user_version").fetch_one(&mut db).await?;
        if found > VERSION {
            return Err(StoreError::UnknownVersion { file, found, known: VERSION });
        }
        if found == 0 {
            make(&mut db).await?;
        } else if size <= check_max
            && let Some(what) = quick_check(&mut db).await?
        {
            return Err(damaged(what));
        }
        let inbox_last: i64 = sqlx::query_scalar("select coalesce(max(seq), 0) from inbox")
            .fetch_one(&mut db)
            .await?;
        let inbox_last = unsigned(inbox_last);
        let repeats = remembered(&mut db).await?;
        Ok(JournalFile { db, inserts: Inserts::new(), repeats, inbox_last })
    }

    /// Writes everything in one transaction and syncs it. On an error nothing was written.
    pub(super) async fn write(
        &mut self,
        takes: &[Take],
        appends: &[Append],
        gaps: &[(Stretch, bool, String)],
    ) -> Result<Written, JournalError> {
        let outcome = self.transaction(takes, appends, gaps).await;
        if outcome.is_err() {
            // Fails when SQLite has rolled back by itself, as it does on a full disk.
            let _ = sqlx::raw_sql("rollback").execute(&mut self.db).await;
        }
        let (written, inbox_last, fresh) = outcome.map_err(|error| refused(&error))?;
        self.inbox_last = inbox_last;
        self.repeats.commit(fresh);
        Ok(written)
    }

    async fn transaction(
        &mut self,
        takes: &[Take],
        appends: &[Append],
        gaps: &[(Stretch, bool, String)],
    ) -> Result<(Written, u64, Fresh), sqlx::Error> {
        let db = &mut self.db;
        let records = lasting(appends);
        let mut written = Written { last: records.last().map(|it| it.seq), ..Written::default() };
        let heard = records.iter().rev().find_map(|stamped| {
            let Record::Heard { request } = stamped.record else { return None };
            Some(request)
        });
        let is_one = takes.is_empty() && gaps.is_empty() && heard.is_none();
        if is_one && records.len() <= ROWS {
            // One statement is a transaction of its own.
            self.inserts.records(db, &records).await?;
            return Ok((written, self.inbox_last, Fresh::default()));
        }
        sqlx::raw_sql("begin immediate").execute(&mut *db).await?;
        self.inserts.records(db, &records).await?;
        if let Some(heard) = heard {
            set_heard(db, heard).await?;
        }
        for (stretch, lost, cause) in gaps {
            insert_gap(db, stretch, *lost, cause).await?;
        }
        let mut inbox_last = self.inbox_last;
        let mut fresh = Fresh::default();
        if !takes.is_empty() {
            let (inserts, repeats) = (&self.inserts, &self.repeats);
            (written.taken, fresh) = inserts.requests(db, takes, &mut inbox_last, repeats).await?;
        }
        sqlx::raw_sql("commit").execute(&mut *db).await?;
        Ok((written, inbox_last, fresh))
    }

    /// Notes a stretch of records that is there and came late.
    pub(super) async fn keep_gap(
        &mut self,
        stretch: &Stretch,
        cause: &str,
    ) -> Result<(), JournalError> {
        let kept = insert_gap(&mut self.db, stretch, false, cause).await;
        kept.map_err(|error| refused(&error))
    }

    /// Keeps a state and drops those before the last one.
    pub(super) async fn keep_state(
        &mut self,
        seq: Seq,
        bytes: Vec<u8>,
    ) -> Result<(), JournalError> {
        let kept = async {
            sqlx::query(
                "insert into state (seq, bytes) values ($1, $2)
                 on conflict (seq) do update set bytes = excluded.bytes",
            )
            .bind(signed(seq.0))
            .bind(bytes)
            .execute(&mut self.db)
            .await?;
            sqlx::query("delete from state where seq not in (select seq from state order by seq desc limit 2)")
                .execute(&mut self.db)
                .await
        };
        kept.await.map(|_| ()).map_err(|error| refused(&error))
    }

    /// Deletes some of what is older than `before`; 0 when nothing is left to delete. Records
    /// are kept as long as a state needs them. The last row of either stays, because places go
    /// on after it.
    pub(super) async fn forget(&mut self, what: Old, before: Wall) -> Result<u64, JournalError> {
        let sql = match what {
            Old::Requests => {
                "delete from inbox where seq in (select seq from inbox where received < $1
                  and seq <= (select value from mark where name = 'heard')
                  and seq < (select max(seq) from inbox) limit $2)"
            }
            Old::Records => {
                // Times grow with the places but for a clock that was set: who finds a thousand
                // records to be kept need not look at the million behind them.
                "delete from record where seq in (select seq from record where wall < $1
                  and seq < coalesce((select seq from record where wall >= $1
                    order by seq limit 1 offset 1000), 9223372036854775807)
                  and seq <= (select coalesce(min(seq), 0) from state)
                  and seq < (select max(seq) from record) order by seq limit $2)"
            }
        };
        let gone = async {
            let done =
                sqlx::query(sql).bind(before.0).bind(FORGET_ROWS).execute(&mut self.db).await?;
            if what == Old::Requests {
                let sql =
                    "delete from inbox_key where seq < (select coalesce(min(seq), 0) from inbox)";
                sqlx::query(sql).execute(&mut self.db).await?;
            }
            Ok(done.rows_affected())
        };
        gone.await.map_err(|error: sqlx::Error| refused(&error))
    }

    /// Moves the write-ahead log into the file and closes it.
    pub(super) async fn close(self) {
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "the journal was not closed cleanly; nothing is lost");
        }
    }
}

/// The records of one transaction without those that a later one of it replaces: a call that five
/// telephones ring for is otherwise written five times over within a few milliseconds.
fn lasting(appends: &[Append]) -> Vec<&Stamped> {
    let mut told = BTreeSet::new();
    let all = appends.iter().flat_map(|append| &append.records).rev();
    let mut records: Vec<&Stamped> =
        all.filter(|it| it.record.replaces().is_none_or(|whole| told.insert(whole))).collect();
    records.reverse();
    records
}

async fn make(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut all = db.begin().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *all).await?;
    sqlx::raw_sql("pragma user_version = 1").execute(&mut *all).await?;
    all.commit().await
}

/// What SQLite's own check says first; `None` when all is well.
pub(super) async fn quick_check(db: &mut SqliteConnection) -> Result<Option<String>, StoreError> {
    let told = sqlx::query_scalar("pragma quick_check(1)").fetch_one(db).await;
    match told {
        Ok(said) => Ok(Some(said).filter(|said: &String| said != "ok")),
        Err(error) if is_damage(&error) => Ok(Some(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn set_heard(db: &mut SqliteConnection, request: Seq) -> Result<(), sqlx::Error> {
    sqlx::query("update mark set value = $1 where name = 'heard'")
        .bind(signed(request.0))
        .execute(db)
        .await
        .map(|_| ())
}

async fn insert_gap(
    db: &mut SqliteConnection,
    stretch: &Stretch,
    lost: bool,
    cause: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into gap (from_seq, to_seq, began_at, ended_at, lost, cause)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(signed(stretch.from.0))
    .bind(signed(stretch.to.0))
    .bind(stretch.began_at.0)
    .bind(stretch.ended_at.0)
    .bind(lost)
    .bind(cause)
    .execute(db)
    .await
    .map(|_| ())
}

/// What a refusal of SQLite means to the asker.
fn refused(error: &sqlx::Error) -> JournalError {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const FULL: i32 = 13;
    match primary_code(error) {
        Some(BUSY | LOCKED) => JournalError::Busy,
        Some(FULL) => JournalError::Full,
        _ => JournalError::Unwritable(error.to_string()),
    }
}

fn is_damage(error: &sqlx::Error) -> bool {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    matches!(primary_code(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// SQLite's code without the extension in its upper bytes.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// A place as SQLite keeps it; places stay far below its limit.
pub(super) fn signed(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// A place as we know it.
pub(super) fn unsigned(place: i64) -> u64 {
    u64::try_from(place).unwrap_or(0)
}
