//! What is kept beside the notes: words that an adapter must not forget, how cards fared at a CRM,
//! and what each CRM said of a call's client.

use sqlx::any::AnyRow;

use super::db::Store;
use super::error::StoreError;
use super::journal_file::{signed, unsigned};
use super::sql::{Columns, Sql, document};
use crate::model::{CallId, ClientView, Name, OfferId, Wall};

/// How the card of one offer fared at one CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopToldRow {
    /// The call.
    pub call: CallId,
    /// The CRM.
    pub target: Name,
    /// The offer.
    pub offer: OfferId,
    /// Whose card.
    pub operator: Name,
    /// When the ring began.
    pub rang_at: Wall,
    /// When the request left; `None`: it did not.
    pub left_at: Option<Wall>,
    /// Whether the CRM took it.
    pub shown: bool,
    /// Why it was not shown.
    pub why: Option<String>,
    /// When that was known.
    pub at: Wall,
}

impl Store {
    /// The word of a key.
    pub async fn outlet_word(
        &self,
        target: &Name,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = Sql::new("select word from outlet_word where target = ")
            .text(target.as_str())
            .push(" and key = ")
            .text(key);
        Ok(self.row(sql).await?.map(|row| Columns::of(&row).text()).transpose()?)
    }

    /// Keeps a word; it is durable when this returns.
    pub async fn keep_outlet_word(
        &self,
        target: &Name,
        key: &str,
        word: &str,
        now: Wall,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("insert into outlet_word (target, key, word, changed_at) values ")
            .open()
            .text(target.as_str())
            .text(key)
            .text(word)
            .number(now.0)
            .close()
            .push(
                " on conflict (target, key) do update set word = excluded.word,
                    changed_at = excluded.changed_at",
            );
        self.run(sql).await.map(|_| ())
    }

    /// Keeps how a card fared; the first word about an offer at a CRM stands.
    pub async fn add_pop_told(&self, row: &PopToldRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into pop_told (call, target, offer, operator, rang_at, left_at, shown, why, at)
                values ",
        )
        .open()
        .text(&row.call.to_string())
        .text(row.target.as_str())
        .number(signed(row.offer.0))
        .text(row.operator.as_str())
        .number(row.rang_at.0)
        .number_or_null(row.left_at.map(|at| at.0))
        .truth(row.shown)
        .text_or_null(row.why.as_deref())
        .number(row.at.0)
        .close()
        .push(" on conflict (call, target, offer) do nothing");
        self.run(sql).await.map(|_| ())
    }

    /// How the cards of a call fared, in order.
    pub async fn pops_told(&self, call: CallId) -> Result<Vec<PopToldRow>, StoreError> {
        let sql = Sql::new(
            "select call, target, offer, operator, rang_at, left_at, shown, why, at from pop_told
              where call = ",
        )
        .text(&call.to_string())
        .push(" order by at, offer, target");
        self.rows(sql).await?.iter().map(told_of).collect()
    }

    /// Keeps what a CRM says of a call's client, in the place of what it said before.
    pub async fn keep_client_view(&self, view: &ClientView) -> Result<(), StoreError> {
        let sql = Sql::new("insert into client_view (call, crm, at, doc) values ")
            .open()
            .text(&view.call.to_string())
            .text(view.crm.as_str())
            .number(view.at.0)
            .text(&document(view)?)
            .close()
            .push(
                " on conflict (call, crm) do update set at = excluded.at, doc = excluded.doc
                    where client_view.at <= excluded.at",
            );
        self.run(sql).await.map(|_| ())
    }

    /// What the CRMs said of a call's client.
    pub async fn client_views(&self, call: CallId) -> Result<Vec<ClientView>, StoreError> {
        let sql = Sql::new("select doc from client_view where call = ").text(&call.to_string());
        let rows = self.rows(sql.push(" order by crm")).await?;
        rows.iter().map(|row| Columns::of(row).doc("client_view")).collect()
    }

    /// Deletes how cards fared and what was said of clients before a moment.
    pub async fn forget_outlets(&self, before: Wall) -> Result<(), StoreError> {
        for emptied in ["delete from pop_told where at < ", "delete from client_view where at < "] {
            self.run(Sql::new(emptied).number(before.0)).await?;
        }
        Ok(())
    }
}

fn told_of(row: &AnyRow) -> Result<PopToldRow, StoreError> {
    let mut columns = Columns::of(row);
    Ok(PopToldRow {
        call: columns.call()?,
        target: columns.name()?,
        offer: OfferId(unsigned(columns.number()?)),
        operator: columns.name()?,
        rang_at: columns.wall()?,
        left_at: columns.wall_or_null()?,
        shown: columns.truth()?,
        why: columns.text_or_null()?,
        at: columns.wall()?,
    })
}
