//! Writes the database from the journal, after its own cursor, one transaction per batch.
//!
//! Every write may be repeated: rows carry the revision or the place of their record, and a
//! batch moves the cursor in its own transaction. So a crash between the two files, or a
//! database that was away, costs nothing but time.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::db::{Store, run_in};
use super::error::StoreError;
use super::journal::Journal;
use super::journal_file::{signed, unsigned};
use super::outbox::{NewNote, NotesOf};
use super::rows::Batch;
use super::sql::{Columns, Sql};
use crate::model::{Seq, Stamped};

/// Records in one transaction. More is faster after an outage and holds SQLite's writer longer.
const BATCH: usize = 500;
/// The least time between two transactions, unless there is more to write than fits into one. A
/// longer one writes fewer revisions of a call and touches every index less often; lists are as
/// much older, but screens are told of calls by the live stream. After a pause nothing waits.
const PACE: Duration = Duration::from_secs(1);
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// How far the database is behind the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lag {
    /// The last record in the database.
    pub projected: Seq,
    /// The last record in the journal.
    pub committed: Seq,
    /// Why the last attempt failed; `None` after one that worked. Lists are then stale.
    pub failing: Option<String>,
}

impl Lag {
    /// How many places the database is behind.
    pub const fn behind(&self) -> u64 {
        self.committed.0.saturating_sub(self.projected.0)
    }
}

/// The follower of the journal that writes the database.
pub struct Projector {
    store: Store,
    journal: Journal,
    notes_of: NotesOf,
    lag: watch::Sender<Lag>,
    /// The last record in the database, as far as that is known.
    reached: Option<Seq>,
}

impl Projector {
    /// A projector, and the word of how far it is. `notes_of` says which notes a batch gives rise
    /// to; they are written in its transaction.
    pub fn new(
        store: Store,
        journal: Journal,
        notes_of: NotesOf,
    ) -> (Projector, watch::Receiver<Lag>) {
        let (lag, told) = watch::channel(Lag::default());
        (Projector { store, journal, notes_of, lag, reached: None }, told)
    }

    /// Follows the journal until `stop`, then once more to its end unless the database is away.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut committed = self.journal.committed();
        let mut pause = RETRY_FIRST;
        loop {
            let upto = *committed.borrow_and_update();
            let step = self.step(upto).await;
            self.reached = step.as_ref().ok().map(|(projected, _)| *projected);
            self.tell(upto, &step);
            let stopping = stop.is_cancelled();
            match step {
                Ok((projected, _)) if projected < upto => pause = RETRY_FIRST,
                Ok(_) | Err(_) if stopping => return,
                Ok(_) => {
                    pause = RETRY_FIRST;
                    let paced = tokio::time::Instant::now() + PACE;
                    tokio::select! {
                        () = stop.cancelled() => continue,
                        changed = committed.changed() => if changed.is_err() { return },
                    }
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep_until(paced) => {}
                    }
                }
                Err(_) => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = RETRY_LAST.min(pause * 2);
                }
            }
        }
    }

    /// Writes the next batch; gives the place reached and how many records it had.
    async fn step(&self, upto: Seq) -> Result<(Seq, usize), StoreError> {
        let from = match self.reached {
            Some(reached) => reached,
            None => self.store.projected().await?,
        };
        if from >= upto {
            return Ok((from, 0));
        }
        let records = self.journal.records_after(from, BATCH).await?;
        self.store.project(&records, &(self.notes_of)(&records)).await?;
        // A gap at the end of the journal leaves nothing to read although `upto` is further.
        Ok((records.last().map_or(upto, |last| last.seq), records.len()))
    }

    fn tell(&self, committed: Seq, step: &Result<(Seq, usize), StoreError>) {
        self.lag.send_modify(|lag| {
            lag.committed = committed;
            match step {
                Ok((projected, _)) => {
                    if lag.failing.take().is_some() {
                        tracing::info!("the database is written again");
                    }
                    lag.projected = *projected;
                }
                Err(error) => {
                    let cause = with_source(error);
                    if lag.failing.is_none() {
                        tracing::error!(cause, "the database cannot be written; lists are stale");
                    }
                    lag.failing = Some(cause);
                }
            }
        });
    }
}

impl Store {
    /// The place of the last record in the database.
    pub async fn projected(&self) -> Result<Seq, StoreError> {
        let sql = Sql::new("select seq from follower where name = 'projector'");
        let row = self.row(sql).await?;
        Ok(row
            .map(|row| Columns::of(&row).number())
            .transpose()?
            .map_or(Seq(0), |seq| Seq(unsigned(seq))))
    }

    /// Writes records and the notes that tell of them into the database in one transaction.
    /// Writing some again changes nothing.
    pub async fn project(&self, records: &[Stamped], notes: &[NewNote]) -> Result<(), StoreError> {
        let Some(last) = records.last() else { return Ok(()) };
        let room = self.outbox_room(notes.len()).await?;
        let mut all = self.begin().await?;
        Batch::of(records).write(&mut all).await?;
        self.write_notes(&mut all, notes, room).await?;
        let moved = Sql::new("insert into follower (name, seq) values ('projector', ")
            .number(signed(last.seq.0))
            .push(
                ") on conflict (name) do update set seq = excluded.seq
                    where follower.seq < excluded.seq",
            );
        run_in(&mut all, moved).await?;
        all.commit().await?;
        if !notes.is_empty() {
            self.outbox().tell();
        }
        Ok(())
    }

    /// Empties what the projector wrote, so that it begins again at the first record.
    pub async fn forget_projection(&self) -> Result<(), StoreError> {
        let mut all = self.begin().await?;
        for emptied in [
            "delete from follower",
            "delete from call_operator",
            "delete from call",
            "delete from entry",
            "delete from offer",
            "delete from talk",
            "delete from episode",
            "delete from decision",
            "delete from decision_member",
            "delete from presence",
        ] {
            run_in(&mut all, Sql::new(emptied)).await?;
        }
        Ok(all.commit().await?)
    }
}

/// An error with what is behind it, on one line.
fn with_source(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
