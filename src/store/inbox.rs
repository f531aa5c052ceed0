//! Reading the inbox: the raw requests of a call, and the counters of each account.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::StoreError;
use super::journal::Journal;
use super::journal_file::unsigned;
use super::request::{NewRequest, StoredRequest, Verdict};
use crate::model::{Name, Seq, Wall};

/// The columns that [`request_of`] reads, in its order.
pub(super) const REQUEST_COLUMNS: &str = "seq, account, provider, received, method, path, query,
    headers, body, fingerprint, verdict, kind, duplicate_of";

/// What came from one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCount {
    /// The account.
    pub account: Name,
    /// Requests, repeats among them.
    pub received: u64,
    /// Repeats.
    pub duplicates: u64,
    /// Requests whose kind was not known or whose fields did not fit.
    pub unknown: u64,
    /// Requests that could not be decoded.
    pub undecodable: u64,
    /// When the last one came.
    pub last_at: Wall,
}

impl Journal {
    /// The raw requests that told of a call, in the order they came, at most `limit`.
    pub async fn requests_of_call(
        &self,
        call_key: &str,
        limit: u32,
    ) -> Result<Vec<StoredRequest>, StoreError> {
        let sql = format!(
            "select {REQUEST_COLUMNS} from inbox
              where seq in (select seq from inbox_key where call_key = $1) order by seq limit $2"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(call_key).bind(i64::from(limit));
        query.fetch_all(self.readers()).await?.iter().map(request_of).collect()
    }

    /// What came from each account since a moment. An account that sent nothing has no row.
    pub async fn counts_by_account(&self, since: Wall) -> Result<Vec<AccountCount>, StoreError> {
        let rows = sqlx::query(
            "select account, count(*), count(duplicate_of),
                    count(*) filter (where verdict = 'unknown'),
                    count(*) filter (where verdict = 'undecodable'), max(received)
               from inbox where received >= $1 group by account order by account",
        )
        .bind(since.0)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(|row| Ok(count_of(row)?)).collect()
    }
}

fn count_of(row: &SqliteRow) -> Result<AccountCount, sqlx::Error> {
    let count = |column: usize| row.try_get(column).map(unsigned);
    Ok(AccountCount {
        account: row.try_get::<String, _>(0)?.into(),
        received: count(1)?,
        duplicates: count(2)?,
        unknown: count(3)?,
        undecodable: count(4)?,
        last_at: Wall(row.try_get(5)?),
    })
}

/// Reads a row of [`REQUEST_COLUMNS`].
pub(super) fn request_of(row: &SqliteRow) -> Result<StoredRequest, StoreError> {
    let seq = Seq(unsigned(row.try_get(0)?));
    let unreadable =
        |source| StoreError::Unreadable { table: "inbox", row: seq.to_string(), source };
    let headers = serde_json::from_str(row.try_get(7)?).map_err(unreadable)?;
    let verdict = Verdict::of(row.try_get(10)?);
    let duplicate_of: Option<i64> = row.try_get(12)?;
    let request = NewRequest {
        account: row.try_get::<String, _>(1)?.into(),
        provider: row.try_get(2)?,
        received: Wall(row.try_get(3)?),
        method: row.try_get(4)?,
        path: row.try_get(5)?,
        query: row.try_get(6)?,
        headers,
        body: row.try_get(8)?,
        fingerprint: row.try_get(9)?,
        verdict: verdict.unwrap_or(Verdict::Unknown),
        kind: row.try_get(11)?,
        keys: Vec::new(),
        retold: false,
    };
    Ok(StoredRequest { seq, duplicate_of: duplicate_of.map(|first| Seq(unsigned(first))), request })
}
