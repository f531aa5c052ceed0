//! The outbox: notes that must arrive in a CRM or messenger, at least once, however long it takes.
//!
//! A note is written in the transaction of the facts it tells of. Its key makes it once-only
//! over restarts and repeated batches. Workers claim notes for a while and settle them; the
//! claim of a dead worker lapses by itself.

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::db::{Store, run_in};
use super::error::StoreError;
use super::sql::{Columns, Sql};
use crate::model::{Name, Stamped, Wall};

/// A note to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// Ours, ordered by time (UUID version 7 as text).
    pub id: String,
    /// From call, effect and target: a second note of the same key is not kept.
    pub once_key: String,
    /// The CRM or messenger of the configuration.
    pub target: Name,
    /// What to tell, as JSON.
    pub body: String,
    /// When to send it first.
    pub due_at: Wall,
    /// When it was made.
    pub created_at: Wall,
}

/// A note that one worker may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedNote {
    /// Ours.
    pub id: String,
    /// The once-only key, for peers that honour one.
    pub once_key: String,
    /// Where to.
    pub target: Name,
    /// What to tell, as JSON.
    pub body: String,
    /// Attempts, this one among them.
    pub tries: u64,
}

/// How an attempt at sending a note ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It arrived.
    Sent,
    /// Not yet; again at that moment.
    Retry {
        /// When.
        at: Wall,
        /// What the other side said.
        told: String,
    },
    /// It never will.
    Dead {
        /// What the other side said.
        told: String,
    },
    /// Nobody knows, and the other side has no keys: a person must look.
    Unclear {
        /// What the other side said.
        told: String,
    },
}

/// How many notes are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCount {
    /// Still to be sent.
    pub waiting: u64,
    /// Given up.
    pub dead: u64,
    /// Waiting for a person.
    pub unclear: u64,
}

/// The notes that a batch of records gives rise to. No target is connected to records.
pub(super) fn notes_of(_records: &[Stamped]) -> Vec<NewNote> {
    Vec::new()
}

impl NewNote {
    pub(super) async fn write(
        &self,
        all: &mut Transaction<'static, Any>,
    ) -> Result<(), StoreError> {
        run_in(all, self.insert()).await.map(|_| ())
    }

    fn insert(&self) -> Sql {
        Sql::new(
            "insert into note (id, once_key, target, body, due_at, created_at, tries,
                claimed_until, unclear) values ",
        )
        .open()
        .text(&self.id)
        .text(&self.once_key)
        .text(self.target.as_str())
        .text(&self.body)
        .number(self.due_at.0)
        .number(self.created_at.0)
        .number(0)
        .number(0)
        .number(0)
        .close()
        .push(" on conflict (once_key) do nothing")
    }
}

impl Store {
    /// Keeps a note; false when one of its key is there.
    pub async fn add_note(&self, note: &NewNote) -> Result<bool, StoreError> {
        Ok(self.run(note.insert()).await? > 0)
    }

    /// Claims due notes of a target for one worker, until a moment; the oldest first.
    pub async fn claim_notes(
        &self,
        worker: &str,
        target: &Name,
        now: Wall,
        until: Wall,
        limit: u32,
    ) -> Result<Vec<ClaimedNote>, StoreError> {
        // The outer conditions repeat on purpose: PostgreSQL checks them again after waiting
        // for a row that another worker took.
        let sql = Sql::new("update note set claimed_by = ")
            .text(worker)
            .push(", claimed_until = ")
            .number(until.0)
            .push(
                ", tries = tries + 1
                 where sent_at is null and dead_at is null and unclear = 0 and claimed_until <= ",
            )
            .number(now.0)
            .push(
                " and id in (select id from note where sent_at is null and dead_at is null
                    and unclear = 0 and target = ",
            )
            .text(target.as_str())
            .push(" and claimed_until <= ")
            .number(now.0)
            .push(" and due_at <= ")
            .number(now.0)
            .push(" order by due_at, id limit ")
            .number(i64::from(limit))
            .push(") returning id, once_key, target, body, tries");
        let mut notes: Vec<ClaimedNote> =
            self.rows(sql).await?.iter().map(claimed_of).collect::<Result<_, _>>()?;
        notes.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(notes)
    }

    /// Says how an attempt of a worker ended; false when its claim has lapsed and another
    /// worker has the note.
    pub async fn settle_note(
        &self,
        worker: &str,
        id: &str,
        delivery: &Delivery,
        now: Wall,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("update note set claimed_by = null, claimed_until = 0, ");
        let sql = match delivery {
            Delivery::Sent => sql.push("sent_at = ").number(now.0),
            Delivery::Retry { at, told } => {
                sql.push("due_at = ").number(at.0).push(", told = ").text(told)
            }
            Delivery::Dead { told } => {
                sql.push("dead_at = ").number(now.0).push(", told = ").text(told)
            }
            Delivery::Unclear { told } => sql.push("unclear = 1, told = ").text(told),
        };
        let sql = sql.push(" where id = ").text(id).push(" and claimed_by = ").text(worker);
        Ok(self.run(sql).await? > 0)
    }

    /// How many notes are where.
    pub async fn count_notes(&self) -> Result<OutboxCount, StoreError> {
        let sql = Sql::new(
            "select count(*) - count(dead_at) - cast(coalesce(sum(unclear), 0) as bigint),
                    count(dead_at), cast(coalesce(sum(unclear), 0) as bigint)
               from note where sent_at is null",
        );
        let row = self.one(sql).await?;
        let mut columns = Columns::of(&row);
        let (waiting, dead, unclear) = (columns.count()?, columns.count()?, columns.count()?);
        Ok(OutboxCount { waiting, dead, unclear })
    }
}

fn claimed_of(row: &AnyRow) -> Result<ClaimedNote, StoreError> {
    let mut columns = Columns::of(row);
    Ok(ClaimedNote {
        id: columns.text()?,
        once_key: columns.text()?,
        target: columns.name()?,
        body: columns.text()?,
        tries: columns.count()?,
    })
}
