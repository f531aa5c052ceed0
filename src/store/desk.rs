//! What the pages lean on: audit, references for hidden numbers, things made in the pages, and
//! answers kept so that a repeated action does nothing twice.

use sqlx::any::AnyRow;

use super::db::Store;
use super::error::StoreError;
use super::page::{Cursor, Page, page_limit};
use super::sql::{Columns, Sql};
use crate::model::{Name, Number, Wall};

/// Somebody did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Ours, ordered by time (UUID version 7 as text).
    pub id: String,
    /// When.
    pub at: Wall,
    /// Who.
    pub login: Name,
    /// What was done, one word or two: `presence`, `unmask`, `token create`.
    pub act: String,
    /// To what.
    pub object: String,
    /// The rest, as JSON.
    pub doc: String,
}

/// Something made in the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// `operator`, `queue`, `provider` …
    pub kind: String,
    /// Unique within the kind.
    pub name: Name,
    /// The thing, as JSON.
    pub doc: String,
    /// When it was last changed.
    pub changed_at: Wall,
}

/// What is known of an action's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// The key is new, and now taken: act, then tell the answer.
    First,
    /// It was answered so.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// It is being worked on.
    Running,
    /// It came with another request.
    Misused,
}

impl Store {
    /// Keeps an audit row.
    pub async fn add_audit(&self, row: &AuditRow) -> Result<(), StoreError> {
        let sql = Sql::new("insert into audit (id, at, login, act, object, doc) values ")
            .open()
            .text(&row.id)
            .number(row.at.0)
            .text(row.login.as_str())
            .text(&row.act)
            .text(&row.object)
            .text(&row.doc)
            .close();
        self.run(sql).await.map(|_| ())
    }

    /// A page of audit rows, the last first; of one person when asked for.
    pub async fn audit(
        &self,
        login: Option<&Name>,
        cursor: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<AuditRow>, StoreError> {
        let limit = page_limit(limit);
        let mut sql = Sql::new("select id, at, login, act, object, doc from audit where 1 = 1");
        if let Some(login) = login {
            sql = sql.push(" and login = ").text(login.as_str());
        }
        if let Some(Cursor { at, id }) = cursor {
            sql = sql.push(" and (at, id) < ").open().number(at.0).text(id).close();
        }
        let sql = sql.push(" order by at desc, id desc limit ").number(i64::from(limit) + 1);
        let rows = self.rows(sql).await?.iter().map(audit_of).collect::<Result<_, _>>()?;
        Ok(Page::of(rows, limit, |row: &AuditRow| Cursor { at: row.at, id: row.id.clone() }))
    }

    /// The reference that stands for a number; `fresh` becomes it when there is none.
    pub async fn number_ref(&self, number: &Number, fresh: &str) -> Result<String, StoreError> {
        let sql = Sql::new("insert into number_ref (ref, number) values ")
            .open()
            .text(fresh)
            .text(number.reveal())
            .close()
            .push(" on conflict (number) do update set number = excluded.number returning ref");
        Ok(Columns::of(&self.one(sql).await?).text()?)
    }

    /// The number that a reference stands for.
    pub async fn number_of_ref(&self, reference: &str) -> Result<Option<Number>, StoreError> {
        let sql = Sql::new("select number from number_ref where ref = ").text(reference);
        let Some(row) = self.row(sql).await? else { return Ok(None) };
        Ok(Number::new(&Columns::of(&row).text()?).ok())
    }

    /// Adds or changes a thing made in the pages.
    pub async fn save_made(&self, made: &Made) -> Result<(), StoreError> {
        let sql = Sql::new("insert into made (kind, name, doc, changed_at) values ")
            .open()
            .text(&made.kind)
            .text(made.name.as_str())
            .text(&made.doc)
            .number(made.changed_at.0)
            .close()
            .push(
                " on conflict (kind, name) do update set doc = excluded.doc,
                    changed_at = excluded.changed_at",
            );
        self.run(sql).await.map(|_| ())
    }

    /// Removes a thing; false when there is none.
    pub async fn remove_made(&self, kind: &str, name: &Name) -> Result<bool, StoreError> {
        let sql = Sql::new("delete from made where kind = ").text(kind);
        Ok(self.run(sql.push(" and name = ").text(name.as_str())).await? > 0)
    }

    /// All things of a kind by name.
    pub async fn made(&self, kind: &str) -> Result<Vec<Made>, StoreError> {
        let sql = Sql::new("select kind, name, doc, changed_at from made where kind = ");
        let rows = self.rows(sql.text(kind).push(" order by name")).await?;
        rows.iter().map(made_of).collect()
    }

    /// Takes the key of an action of a person. `request` is a hash of what was asked.
    pub async fn once(
        &self,
        login: &Name,
        key: &str,
        request: &str,
        now: Wall,
    ) -> Result<Once, StoreError> {
        let head = "insert into idempotency (login, once_key, request, created_at) values ";
        let sql = Sql::new(head)
            .open()
            .text(login.as_str())
            .text(key)
            .text(request)
            .number(now.0)
            .close()
            .push(" on conflict do nothing");
        if self.run(sql).await? > 0 {
            return Ok(Once::First);
        }
        let sql = Sql::new("select request, status, body from idempotency where login = ")
            .text(login.as_str())
            .push(" and once_key = ")
            .text(key);
        let Some(row) = self.row(sql).await? else { return Ok(Once::Running) };
        let mut columns = Columns::of(&row);
        let (before, status) = (columns.text()?, columns.number_or_null()?);
        if before != request {
            return Ok(Once::Misused);
        }
        Ok(match status.and_then(|status| u16::try_from(status).ok()) {
            Some(status) => {
                Once::Answered { status, body: columns.text_or_null()?.unwrap_or_default() }
            }
            None => Once::Running,
        })
    }

    /// Keeps the answer of an action.
    pub async fn answer_once(
        &self,
        login: &Name,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("update idempotency set status = ")
            .number(i64::from(status))
            .push(", body = ")
            .text(body)
            .push(" where login = ")
            .text(login.as_str())
            .push(" and once_key = ")
            .text(key);
        self.run(sql).await.map(|_| ())
    }

    /// Forgets the oldest answers of a login beyond so many.
    pub async fn trim_once(&self, login: &Name, kept_max: u32) -> Result<u64, StoreError> {
        let sql = Sql::new("delete from idempotency where login = ")
            .text(login.as_str())
            .push(
                " and created_at < (select min(created_at) from (select created_at
                    from idempotency where login = ",
            )
            .text(login.as_str())
            .push(" order by created_at desc limit ")
            .number(i64::from(kept_max))
            .push(") as newest)");
        self.run(sql).await
    }

    /// Gives the key of an action free that failed and may be tried again.
    pub async fn release_once(&self, login: &Name, key: &str) -> Result<(), StoreError> {
        let sql = Sql::new("delete from idempotency where status is null and login = ")
            .text(login.as_str())
            .push(" and once_key = ")
            .text(key);
        self.run(sql).await.map(|_| ())
    }
}

fn audit_of(row: &AnyRow) -> Result<AuditRow, StoreError> {
    let mut columns = Columns::of(row);
    Ok(AuditRow {
        id: columns.text()?,
        at: columns.wall()?,
        login: columns.name()?,
        act: columns.text()?,
        object: columns.text()?,
        doc: columns.text()?,
    })
}

fn made_of(row: &AnyRow) -> Result<Made, StoreError> {
    let mut columns = Columns::of(row);
    Ok(Made {
        kind: columns.text()?,
        name: columns.name()?,
        doc: columns.text()?,
        changed_at: columns.wall()?,
    })
}
