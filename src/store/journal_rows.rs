//! Rows of the journal as many-row inserts: records, requests, and the keys of requests.
//!
//! One statement of 64 rows costs SQLite about a fifth of 64 statements, and the way to its
//! thread is gone once.

use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Row, Sqlite, Type};

use super::intake::Take;
use super::journal_file::{signed, unsigned};
use super::repeats::{DUPLICATE_WITHIN, Fresh, REMEMBERED_MAX, Repeats, key};
use super::request::Taken;
use super::sql::millis;
use crate::model::{Seq, Stamped, Wall};

/// Rows in one statement. Larger saves little and makes the statement cache heavier.
pub(super) const ROWS: usize = 64;
/// Room in the statement cache for every length of each of the three inserts, and the rest.
pub(super) const STATEMENTS: usize = 3 * ROWS + 32;

const RECORD: &str = "insert into record (seq, mono, wall, kind, body) values ";
const REQUEST: &str = "insert into inbox (seq, account, provider, received, method, path, query,
    headers, body, fingerprint, verdict, kind, duplicate_of) values ";
const KEY: &str = "insert or ignore into inbox_key (call_key, seq) values ";

/// The insert statements of one table, by number of rows.
struct Inserter {
    by_rows: Vec<Arc<str>>,
}

impl Inserter {
    fn new(head: &str, columns: usize) -> Inserter {
        let row = format!("({})", vec!["?"; columns].join(","));
        let text = |rows| Arc::from(format!("{head}{}", vec![row.as_str(); rows].join(",")));
        Inserter { by_rows: (1..=ROWS).map(text).collect() }
    }

    /// Inserts `rows`, whose columns `bind` adds in order.
    async fn insert<T>(
        &self,
        db: &mut SqliteConnection,
        rows: &[T],
        bind: impl Fn(&mut Columns, &T),
    ) -> Result<(), sqlx::Error> {
        for chunk in rows.chunks(ROWS) {
            let Some(sql) = self.by_rows.get(chunk.len().saturating_sub(1)) else { continue };
            let mut columns = Columns::default();
            chunk.iter().for_each(|row| bind(&mut columns, row));
            let values = columns.done()?;
            sqlx::query_with(AssertSqlSafe(sql.clone()), values).execute(&mut *db).await?;
        }
        Ok(())
    }
}

/// Values being collected for one statement; keeps the first failure for the end.
#[derive(Default)]
struct Columns {
    values: SqliteArguments,
    failed: Option<sqlx::Error>,
}

impl Columns {
    fn add<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> &mut Columns {
        if let Err(error) = self.values.add(value) {
            self.failed.get_or_insert(sqlx::Error::Encode(error));
        }
        self
    }

    fn json<T: serde::Serialize>(&mut self, value: &T) -> &mut Columns {
        match serde_json::to_string(value) {
            Ok(text) => self.add(text),
            Err(error) => {
                self.failed.get_or_insert(sqlx::Error::Encode(error.into()));
                self
            }
        }
    }

    fn done(self) -> Result<SqliteArguments, sqlx::Error> {
        self.failed.map_or(Ok(self.values), Err)
    }
}

/// The inserts of the journal.
pub(super) struct Inserts {
    record: Inserter,
    request: Inserter,
    key: Inserter,
}

/// A request with what the transaction found out about it.
struct Placed<'a> {
    take: &'a Take,
    seq: u64,
    first: Option<Seq>,
}

impl Inserts {
    pub(super) fn new() -> Inserts {
        Inserts {
            record: Inserter::new(RECORD, 5),
            request: Inserter::new(REQUEST, 13),
            key: Inserter::new(KEY, 2),
        }
    }

    /// Inserts records.
    pub(super) async fn records(
        &self,
        db: &mut SqliteConnection,
        records: &[&Stamped],
    ) -> Result<(), sqlx::Error> {
        let bind = |columns: &mut Columns, stamped: &&Stamped| {
            columns
                .add(signed(stamped.seq.0))
                .add(signed(stamped.at.mono.0))
                .add(stamped.at.wall.0)
                .add(stamped.record.word())
                .json(&stamped.record);
        };
        self.record.insert(db, records, bind).await
    }

    /// Inserts requests behind `last`, marks repeats, and says what each became.
    pub(super) async fn requests(
        &self,
        db: &mut SqliteConnection,
        takes: &[Take],
        last: &mut u64,
        repeats: &Repeats,
    ) -> Result<(Vec<(Taken, Option<Seq>)>, Fresh), sqlx::Error> {
        let mut fresh = Fresh::default();
        let mut rows = Vec::with_capacity(takes.len());
        for take in takes {
            *last += 1;
            let first = repeats.first_of(&mut fresh, &take.request, Seq(*last));
            rows.push(Placed { take, seq: *last, first });
        }
        self.request.insert(db, &rows, bind_request).await?;
        let keys: Vec<(String, u64)> = rows
            .iter()
            .flat_map(|row| {
                let request = &row.take.request;
                request.keys.iter().map(|key| (format!("{}/{key}", request.account), row.seq))
            })
            .collect();
        self.key
            .insert(db, &keys, |columns, (key, seq)| {
                columns.add(key.clone()).add(signed(*seq));
            })
            .await?;
        let told = |row: &Placed<'_>| {
            (Taken { seq: Seq(row.seq), duplicate: row.first.is_some() }, row.first)
        };
        Ok((rows.iter().map(told).collect(), fresh))
    }
}

fn bind_request(columns: &mut Columns, row: &Placed<'_>) {
    let request = &row.take.request;
    columns
        .add(signed(row.seq))
        .add(request.account.as_str().to_owned())
        .add(request.provider.clone())
        .add(request.received.0)
        .add(request.method.clone())
        .add(request.path.clone())
        .add(request.query.clone())
        .json(&request.headers)
        .add(request.body.clone())
        .add(request.fingerprint.clone())
        .add(request.verdict.word())
        .add(request.kind.clone())
        .add(row.first.map(|first| signed(first.0)));
}

/// What is on the disk of the last day, remembered.
pub(super) async fn remembered(db: &mut SqliteConnection) -> Result<Repeats, sqlx::Error> {
    let rows = sqlx::query(
        "select account, fingerprint, seq, received from inbox
          where received >= (select max(received) from inbox) - $1
            and fingerprint is not null and duplicate_of is null
          order by seq desc limit $2",
    )
    .bind(millis(DUPLICATE_WITHIN))
    .bind(i64::try_from(REMEMBERED_MAX).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let mut repeats = Repeats::default();
    for row in rows.iter().rev() {
        let seq = Seq(unsigned(row.try_get(2)?));
        repeats.remember(key(row.try_get(0)?, row.try_get(1)?), seq, Wall(row.try_get(3)?));
    }
    Ok(repeats)
}
