//! The journal: what was acknowledged is here, and survives the power.
//!
//! One task writes (`writer.rs`), many askers wait for the same sync. Requests of providers go
//! into the inbox and, once committed, to the engine in the order of the inbox; the engine's
//! records go behind each other in the order of [`Journal::append`]. A few more connections
//! read. SECURITY-AND-FAULTS sections 4 and 5 say what must hold.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::{JournalError, StoreError};
use super::intake::{Append, Chore, Intake, Old, Stretch, Take};
use super::journal_file::{JournalFile, options, quick_check};
use super::lock::DirectoryLock;
use super::recovery::{Recovered, records_after, recover};
use super::request::{NewRequest, StoredRequest, Taken};
use super::reserve::Reserve;
use super::tail::Tail;
use super::writer::Writer;
use crate::model::{Period, Seq, Stamped, Wall};

/// The bounds of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLimits {
    /// Requests between the web and the engine, committed or not. More rides out a longer
    /// stall of the engine and costs up to 256 KiB each; past it webhooks are refused.
    pub taking_max: usize,
    /// Records kept in memory while the disk does not take them. More loses less in a long
    /// outage and costs about 2 KiB each.
    pub records_max: usize,
    /// Requests, and records, in one transaction. More gives more per sync and a longer one.
    pub group_max: usize,
    /// How long the writer waits for somebody else who holds the file.
    pub lock_wait: Period,
    /// How long one asker waits for a commit before being told to come again.
    pub answer_within: Period,
    /// What is held back of the disk; 0 holds nothing.
    pub reserve_bytes: u64,
    /// A larger file is checked while it is in use instead of before.
    pub check_max: u64,
}

impl Default for JournalLimits {
    fn default() -> JournalLimits {
        JournalLimits {
            taking_max: 2048,
            records_max: 100_000,
            group_max: 512,
            lock_wait: Period::millis(500),
            answer_within: Period::secs(5),
            reserve_bytes: 64 * 1024 * 1024,
            check_max: 256 * 1024 * 1024,
        }
    }
}

/// How the journal is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the last write failed; `None` after one that worked. An alarm while it is set.
    pub failing: Option<JournalError>,
    /// What the check of a large file found; only a restart from a backup mends it.
    pub damaged: Option<String>,
    /// Requests that wait for a commit.
    pub requests_waiting: usize,
    /// Records that wait for a commit.
    pub records_waiting: usize,
    /// Commits since the start.
    pub commits: u64,
    /// Records since the start that were refused once and written later.
    pub records_late: u64,
    /// Stretches of records since the start that were lost.
    pub gaps_lost: u64,
    /// Whole states of the engine that were kept since the start.
    pub states: u64,
    /// Whether the reserve of the disk is held back. While it is not, the disk is full and
    /// webhooks are refused.
    pub reserve_held: bool,
}

/// What the handles and the writer share.
pub(super) struct Shared {
    pub(super) intake: Intake,
    pub(super) tail: Tail,
    pub(super) health: Mutex<Health>,
    pub(super) committed: watch::Sender<Seq>,
    pub(super) losses: watch::Sender<u64>,
}

/// A handle of the journal; clones are the same journal.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    to_engine: mpsc::Sender<StoredRequest>,
    answer_within: Period,
    readers: SqlitePool,
    ended: watch::Receiver<bool>,
}

/// The commit of some records; resolves when they are on the disk, or could not be put there.
/// Dropping it changes nothing about the records.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<Result<(), JournalError>>);

impl Future for Commit {
    type Output = Result<(), JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or(Err(JournalError::Closed)))
    }
}

/// Connections that read beside the writer: the projector, and lists of raw requests.
const READERS: u32 = 4;

impl Journal {
    /// Opens or makes the journal of a data directory.
    ///
    /// Gives what a restart needs, and the requests that are committed from here on, in the
    /// order of the inbox, without repeats. Fails when another process works in the directory,
    /// when the file is of a later version, and when it is damaged.
    pub async fn open(
        directory: &Path,
        limits: JournalLimits,
    ) -> Result<(Journal, Recovered, mpsc::Receiver<StoredRequest>), StoreError> {
        let lock = DirectoryLock::take(directory)?;
        let path = directory.join("journal.db");
        let file = JournalFile::open(&path, limits.lock_wait, limits.check_max).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options(&path, limits.lock_wait).pragma("query_only", "1"))
            .await?;
        let recovered = recover(&readers).await?;
        let last = recovered.last.map_or(Seq(0), |(seq, _)| seq);
        let reserve = Reserve::hold(&directory.join("reserve"), limits.reserve_bytes);
        let health = Health { reserve_held: reserve.is_held(), ..Health::default() };
        let shared = Arc::new(Shared {
            intake: Intake::new(last, limits.records_max, limits.group_max),
            tail: Tail::default(),
            health: Mutex::new(health),
            committed: watch::Sender::new(last),
            losses: watch::Sender::new(0),
        });
        let (to_engine, from_inbox) = mpsc::channel(limits.taking_max);
        let (end, ended) = watch::channel(false);
        let writer = Writer::new(file, reserve, shared.clone());
        tokio::spawn(async move {
            writer.run().await;
            drop(lock);
            end.send_replace(true);
        });
        if std::fs::metadata(&path).map_or(0, |found| found.len()) > limits.check_max {
            tokio::spawn(check_beside(readers.clone(), shared.clone()));
        }
        let answer_within = limits.answer_within;
        let journal = Journal { shared, to_engine, answer_within, readers, ended };
        Ok((journal, recovered, from_inbox))
    }

    /// Keeps a request; returns after the commit that survives a power loss. Fails without
    /// waiting when too many wait; the request may then be sent again. After
    /// [`JournalError::Busy`] past `answer_within` it may still be kept later, once.
    pub async fn take(&self, request: NewRequest) -> Result<Taken, JournalError> {
        if !self.shared.health.lock().reserve_held {
            return Err(JournalError::Full);
        }
        let slot = self.to_engine.clone().try_reserve_owned().map_err(|error| match error {
            TrySendError::Full(_) => JournalError::Busy,
            TrySendError::Closed(_) => JournalError::Closed,
        })?;
        let (reply, told) = oneshot::channel();
        self.shared.intake.put_take(Take { request, slot, reply })?;
        match tokio::time::timeout(self.answer_within.as_duration(), told).await {
            Ok(told) => told.unwrap_or(Err(JournalError::Closed)),
            Err(_) => Err(JournalError::Busy),
        }
    }

    /// Adds records behind all that were added before; the order of the calls is the order on
    /// the disk. The commit's failure does not lose them: they are written when the disk takes
    /// them again, unless the failure is [`JournalError::Lost`] or a misuse.
    pub fn append(&self, records: Vec<Stamped>) -> Commit {
        let (reply, told) = oneshot::channel();
        if records.is_empty() {
            let _ = reply.send(Ok(()));
            return Commit(told);
        }
        let append = Append { records, reply: Some(reply), is_late: false };
        if let Err(error) = self.shared.intake.put_records(append) {
            let (reply, told) = oneshot::channel();
            let _ = reply.send(Err(error));
            return Commit(told);
        }
        Commit(told)
    }

    /// Adds records for which nobody waits, in the same order: they are written with the next
    /// that somebody waits for, or 50 ms from now. What happens when they cannot be written is as
    /// for [`Journal::append`].
    pub fn append_soon(&self, records: Vec<Stamped>) {
        if records.is_empty() {
            return;
        }
        let append = Append { records, reply: None, is_late: false };
        if let Err(error) = self.shared.intake.put_records(append) {
            tracing::debug!(%error, "records were not taken by the journal");
        }
    }

    /// Notes that these records were written later than promises to telephones could wait for
    /// them: the first and the last, each with its moment. Best effort, and returns at once.
    pub fn was_late(&self, first: (Seq, Wall), last: (Seq, Wall)) {
        let ((from, began_at), (to, ended_at)) = (first, last);
        let stretch = Stretch { from, to, began_at, ended_at };
        if self.shared.intake.put_chore(Chore::Late(stretch)).is_err() {
            tracing::debug!("the journal has too much to do to note that it was late");
        }
    }

    /// Keeps the engine's whole state as it is after the record of that place.
    pub async fn save_state(&self, seq: Seq, bytes: Vec<u8>) -> Result<(), JournalError> {
        let (reply, told) = oneshot::channel();
        self.shared.intake.put_chore(Chore::State { seq, bytes, reply })?;
        told.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Deletes raw requests that reached us before `before` and were heard; says how many.
    pub async fn forget_requests(&self, before: Wall) -> Result<u64, JournalError> {
        self.forget(Old::Requests, before).await
    }

    /// Deletes records before `before` that no state needs; says how many.
    pub async fn forget_records(&self, before: Wall) -> Result<u64, JournalError> {
        self.forget(Old::Records, before).await
    }

    async fn forget(&self, what: Old, before: Wall) -> Result<u64, JournalError> {
        let mut gone = 0;
        loop {
            let (reply, told) = oneshot::channel();
            self.shared.intake.put_chore(Chore::Forget { what, before, reply })?;
            let step = told.await.unwrap_or(Err(JournalError::Closed))?;
            gone += step;
            if step == 0 {
                return Ok(gone);
            }
        }
    }

    /// How it is doing.
    pub fn health(&self) -> Health {
        let mut health = self.shared.health.lock().clone();
        (health.requests_waiting, health.records_waiting) = self.shared.intake.waiting();
        health
    }

    /// The place of the last committed record, and word of each later one.
    pub fn committed(&self) -> watch::Receiver<Seq> {
        self.shared.committed.subscribe()
    }

    /// How many stretches of records were lost since the start, and word of each further one. A
    /// restart would fold over the hole, so whoever holds the state saves it whole.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.shared.losses.subscribe()
    }

    /// Writes what waits, closes the file and gives the directory free. Later asks fail.
    pub async fn close(&self) {
        self.shared.intake.close();
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
        self.readers.close().await;
    }

    /// At most `limit` records after a place, in order: out of memory where they are there, which
    /// hands them out once, else from the file.
    pub(super) async fn records_after(
        &self,
        place: Seq,
        limit: usize,
    ) -> Result<Vec<Stamped>, StoreError> {
        if let Some(records) = self.shared.tail.take_after(place, limit) {
            return Ok(records);
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        records_after(&self.readers, place, limit).await
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

/// Checks a file that is too large to be checked before the start.
async fn check_beside(readers: SqlitePool, shared: Arc<Shared>) {
    let checked = async {
        let mut db = readers.acquire().await?;
        quick_check(&mut db).await
    };
    match checked.await {
        Ok(None) => tracing::info!("the journal passed its check"),
        Ok(Some(what)) => {
            tracing::error!(what, "the journal is damaged; restore it from a backup");
            shared.health.lock().damaged = Some(what);
        }
        Err(error) => tracing::warn!(%error, "the journal could not be checked"),
    }
}
