//! Stretches of records that reached the disk late or never, for people who look for a fault.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::error::StoreError;
use super::journal::Journal;
use super::journal_file::unsigned;
use crate::model::{Seq, Wall};

/// One such stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first record.
    pub from: Seq,
    /// The last record.
    pub to: Seq,
    /// The moment of the first record.
    pub began_at: Wall,
    /// The moment of the last record.
    pub ended_at: Wall,
    /// True: the records are not there. False: they were written late.
    pub lost: bool,
    /// What the disk said.
    pub cause: String,
}

impl Journal {
    /// The last gaps, the last first.
    pub async fn gaps(&self, limit: u32) -> Result<Vec<Gap>, StoreError> {
        let rows = sqlx::query(
            "select from_seq, to_seq, began_at, ended_at, lost, cause from gap
              order by id desc limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(|row| Ok(gap_of(row)?)).collect()
    }
}

fn gap_of(row: &SqliteRow) -> Result<Gap, sqlx::Error> {
    Ok(Gap {
        from: Seq(unsigned(row.try_get(0)?)),
        to: Seq(unsigned(row.try_get(1)?)),
        began_at: Wall(row.try_get(2)?),
        ended_at: Wall(row.try_get(3)?),
        lost: row.try_get::<i64, _>(4)? != 0,
        cause: row.try_get(5)?,
    })
}
