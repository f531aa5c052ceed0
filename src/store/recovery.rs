//! What a restart finds in the journal: the last state, the records after it, what was unheard.

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::error::StoreError;
use super::inbox::{REQUEST_COLUMNS, request_of};
use super::journal_file::{signed, unsigned};
use super::request::StoredRequest;
use crate::model::{Mono, Now, Seq, Stamped, Wall};

/// What a restart needs.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The last state, after the record of that place.
    pub state: Option<(Seq, Vec<u8>)>,
    /// The records after that state, or all.
    pub records: Vec<Stamped>,
    /// The last record's moment, and the last place that was given out as far as record and
    /// state tell; where the clock and the places go on.
    pub last: Option<(Seq, Now)>,
    /// Requests after the last one the engine took in whole, in order, without repeats.
    pub unheard: Vec<StoredRequest>,
}

/// Reads what a restart needs. Fails when a row cannot be read back.
pub(super) async fn recover(db: &SqlitePool) -> Result<Recovered, StoreError> {
    let state = sqlx::query("select seq, bytes from state order by seq desc limit 1")
        .fetch_optional(db)
        .await?
        .map(|row| Ok::<_, sqlx::Error>((Seq(unsigned(row.try_get(0)?)), row.try_get(1)?)))
        .transpose()?;
    let after = state.as_ref().map_or(Seq(0), |(seq, _): &(Seq, Vec<u8>)| *seq);
    let records = records_after(db, after, i64::MAX).await?;
    let last = sqlx::query("select seq, mono, wall from record order by seq desc limit 1")
        .fetch_optional(db)
        .await?
        .map(|row| Ok::<_, sqlx::Error>((Seq(unsigned(row.try_get(0)?)), moment(&row)?)))
        .transpose()?;
    // The state may stand after records that were lost. Places go on after it: records that took
    // theirs again would be passed over by the next restart.
    let last = match (last, &state) {
        (Some((seq, at)), _) => Some((seq.max(after), at)),
        (None, Some(_)) => Some((after, Now::default())), // no record was ever written
        (None, None) => None,
    };
    let unheard = unheard(db).await?;
    Ok(Recovered { state, records, last, unheard })
}

/// At most `limit` records after a place, in order.
pub(super) async fn records_after(
    db: &SqlitePool,
    after: Seq,
    limit: i64,
) -> Result<Vec<Stamped>, StoreError> {
    let sql = "select seq, mono, wall, body from record where seq > $1 order by seq limit $2";
    let rows = sqlx::query(sql).bind(signed(after.0)).bind(limit).fetch_all(db).await?;
    rows.iter().map(stamped_of).collect()
}

fn stamped_of(row: &SqliteRow) -> Result<Stamped, StoreError> {
    let seq = Seq(unsigned(row.try_get(0)?));
    let body: &str = row.try_get(3)?;
    let unreadable =
        |source| StoreError::Unreadable { table: "record", row: seq.to_string(), source };
    let record = serde_json::from_str(body).map_err(unreadable)?;
    Ok(Stamped { seq, at: moment(row)?, record })
}

fn moment(row: &SqliteRow) -> Result<Now, sqlx::Error> {
    let mono: i64 = row.try_get(1)?;
    Ok(Now { mono: Mono(unsigned(mono)), wall: Wall(row.try_get(2)?) })
}

async fn unheard(db: &SqlitePool) -> Result<Vec<StoredRequest>, StoreError> {
    let sql = format!(
        "select {REQUEST_COLUMNS} from inbox
          where seq > (select value from mark where name = 'heard')
            and duplicate_of is null and verdict in ('facts', 'unknown')
          order by seq"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(db).await?;
    rows.iter().map(request_of).collect()
}
