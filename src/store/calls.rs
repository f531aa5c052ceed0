//! Calls: lists with filters, one call, the history of a client.

use sqlx::any::AnyRow;

use super::db::Store;
use super::error::StoreError;
use super::page::{Cursor, Page, page_limit};
use super::sql::{Columns, Sql};
use crate::model::{CallId, CallRow, Direction, Disposition, Name, Number, Outcome, Wall};

/// Which calls to list. Everything is optional; what is given must hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallsAsk {
    /// Begun then or later.
    pub from: Option<Wall>,
    /// Begun before.
    pub to: Option<Wall>,
    /// Of this queue.
    pub queue: Option<Name>,
    /// Of one of these queues: what the reader may see.
    pub scope: Option<Vec<Name>>,
    /// Offered to, answered, carried or placed by this operator.
    pub operator: Option<Name>,
    /// What became of it.
    pub disposition: Option<Disposition>,
    /// How its last wait ended.
    pub outcome: Option<Outcome>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// The kind of the account.
    pub provider: Option<String>,
    /// The account.
    pub account: Option<Name>,
    /// The external party.
    pub client: Option<Number>,
    /// Whether it was missed.
    pub missed: Option<bool>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Rows on the page, at most [`super::PAGE_MAX`].
    pub limit: u32,
}

impl Store {
    /// A page of calls, the last begun first.
    pub async fn calls(&self, ask: &CallsAsk) -> Result<Page<CallRow>, StoreError> {
        let limit = page_limit(ask.limit);
        let mut sql = filters(from(Sql::new("select doc"), ask), ask);
        let (before, order) = match &ask.operator {
            Some(_) => {
                (" and (began_at, it.call) < ", " order by began_at desc, it.call desc limit ")
            }
            None => (" and (started_at, id) < ", " order by started_at desc, id desc limit "),
        };
        if let Some(Cursor { at, id }) = &ask.cursor {
            sql = sql.push(before).open().number(at.0).text(id).close();
        }
        let sql = sql.push(order).number(i64::from(limit) + 1);
        let rows = self.rows(sql).await?;
        let calls = rows.iter().map(call_of).collect::<Result<_, _>>()?;
        let cursor = |call: &CallRow| Cursor { at: call.started_at, id: call.id.to_string() };
        Ok(Page::of(calls, limit, cursor))
    }

    /// How many calls fit, whatever the page.
    pub async fn count_calls(&self, ask: &CallsAsk) -> Result<u64, StoreError> {
        let row = self.one(filters(from(Sql::new("select count(*)"), ask), ask)).await?;
        Ok(Columns::of(&row).count()?)
    }

    /// One call by our id.
    pub async fn call(&self, id: CallId) -> Result<Option<CallRow>, StoreError> {
        let sql = Sql::new("select doc from call where id = ").text(&id.to_string());
        self.row(sql).await?.as_ref().map(call_of).transpose()
    }

    /// The last call of a call key, `account/` and the provider's own id.
    pub async fn call_by_key(&self, call_key: &str) -> Result<Option<CallRow>, StoreError> {
        let sql = Sql::new("select doc from call where call_key = ")
            .text(call_key)
            .push(" order by started_at desc, id desc limit 1");
        self.row(sql).await?.as_ref().map(call_of).transpose()
    }

    /// The last calls of a client, the last begun first.
    pub async fn client_history(
        &self,
        client: &Number,
        limit: u32,
    ) -> Result<Vec<CallRow>, StoreError> {
        let ask = CallsAsk { client: Some(client.clone()), limit, ..CallsAsk::default() };
        Ok(self.calls(&ask).await?.items)
    }
}

/// Where a list begins: at the calls, or at those of one operator.
fn from(sql: Sql, ask: &CallsAsk) -> Sql {
    match &ask.operator {
        Some(operator) => sql
            .push(" from call_operator it join call on call.id = it.call where it.operator = ")
            .text(operator.as_str()),
        None => sql.push(" from call where 1 = 1"),
    }
}

fn filters(mut sql: Sql, ask: &CallsAsk) -> Sql {
    let texts = [
        (" and queue = ", ask.queue.as_ref().map(Name::as_str)),
        (" and disposition = ", ask.disposition.map(Disposition::word)),
        (" and outcome = ", ask.outcome.map(Outcome::word)),
        (" and direction = ", ask.direction.map(Direction::word)),
        (" and provider = ", ask.provider.as_deref()),
        (" and account = ", ask.account.as_ref().map(Name::as_str)),
        (" and client = ", ask.client.as_ref().map(Number::reveal)),
    ];
    for (column, value) in texts {
        if let Some(value) = value {
            sql = sql.push(column).text(value);
        }
    }
    if let Some(from) = ask.from {
        sql = sql.push(" and started_at >= ").number(from.0);
    }
    if let Some(to) = ask.to {
        sql = sql.push(" and started_at < ").number(to.0);
    }
    if let Some(missed) = ask.missed {
        sql = sql.push(" and missed = ").truth(missed);
    }
    match &ask.scope {
        Some(scope) => in_queues(sql, scope),
        None => sql,
    }
}

/// Adds that the column `queue` is one of these; nothing fits no queues.
pub(super) fn in_queues(sql: Sql, queues: &[Name]) -> Sql {
    if queues.is_empty() {
        return sql.push(" and 1 = 0");
    }
    sql.push(" and queue in (").list(queues, |sql, queue| sql.text(queue.as_str())).push(")")
}

fn call_of(row: &AnyRow) -> Result<CallRow, StoreError> {
    Columns::of(row).doc("call")
}
