//! Decisions and presence, as `explain` reads them: why a telephone did or did not ring.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::db::Store;
use super::error::StoreError;
use super::journal_file::{signed, unsigned};
use super::sql::{Columns, Sql};
use crate::model::{CallId, Decision, EntryId, Name, OperatorView, Pick, Ruling, Seq, Wall};

/// What one round said of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRuling {
    /// The round's place in the journal.
    pub seq: Seq,
    /// The call.
    pub call: CallId,
    /// The wait.
    pub entry: EntryId,
    /// The queue.
    pub queue: Name,
    /// The round, from 1, per wait.
    pub round: u32,
    /// When.
    pub at: Wall,
    /// What it said.
    pub pick: Pick,
}

const RULING: &str = "select member.seq, decision.call, decision.entry, member.queue,
    decision.round, member.at, member.operator, member.tier, member.sort_key, member.ruling,
    member.chosen from decision_member member join decision on decision.seq = member.seq
  where member.operator = ";

impl Store {
    /// The rounds of a call with their members, in order. A decision that is not `whole` holds
    /// those whose ruling changed; [`Store::ruling_before`] finds what held for the others.
    pub async fn decisions_of_call(
        &self,
        call: CallId,
    ) -> Result<Vec<(Seq, Decision)>, StoreError> {
        let call = call.to_string();
        let sql = Sql::new("select seq, doc from decision where call = ").text(&call);
        let rows = self.rows(sql.push(" order by seq")).await?;
        let mut decisions = BTreeMap::new();
        for row in &rows {
            let mut columns = Columns::of(row);
            let seq = Seq(unsigned(columns.number()?));
            decisions.insert(seq, columns.doc::<Decision>("decision")?);
        }
        let sql = Sql::new(
            "select member.seq, member.operator, member.tier, member.sort_key, member.ruling,
                    member.chosen
               from decision_member member join decision on decision.seq = member.seq
              where decision.call = ",
        )
        .text(&call)
        .push(" order by member.seq, member.tier, member.sort_key, member.operator");
        for row in self.rows(sql).await? {
            let mut columns = Columns::of(&row);
            let seq = Seq(unsigned(columns.number()?));
            let pick = pick_of(&mut columns)?;
            if let Some(decision) = decisions.get_mut(&seq) {
                decision.members.push(pick);
            }
        }
        Ok(decisions.into_iter().collect())
    }

    /// What rounds said of an operator from one moment to before another, in order.
    pub async fn rulings_of_operator(
        &self,
        operator: &Name,
        from: Wall,
        to: Wall,
        limit: u32,
    ) -> Result<Vec<OperatorRuling>, StoreError> {
        let sql = Sql::new(RULING)
            .text(operator.as_str())
            .push(" and member.at >= ")
            .number(from.0)
            .push(" and member.at < ")
            .number(to.0)
            .push(" order by member.at, member.seq limit ")
            .number(i64::from(limit));
        self.rows(sql).await?.iter().map(ruling_of).collect()
    }

    /// The last thing a round of that queue said of an operator at or before a place.
    pub async fn ruling_before(
        &self,
        operator: &Name,
        queue: &Name,
        upto: Seq,
    ) -> Result<Option<OperatorRuling>, StoreError> {
        let sql = Sql::new(RULING)
            .text(operator.as_str())
            .push(" and member.queue = ")
            .text(queue.as_str())
            .push(" and member.seq <= ")
            .number(signed(upto.0))
            .push(" order by member.seq desc limit 1");
        self.row(sql).await?.as_ref().map(ruling_of).transpose()
    }

    /// How an operator changed on the three axes from one moment to before another, in order,
    /// after the last change before it.
    pub async fn presence_of(
        &self,
        operator: &Name,
        from: Wall,
        to: Wall,
        limit: u32,
    ) -> Result<Vec<(Wall, OperatorView)>, StoreError> {
        let sql = Sql::new("select at, doc from presence where operator = ")
            .text(operator.as_str())
            .push(
                " and at >= coalesce((select max(before.at) from presence before
                    where before.operator = presence.operator and before.at <= ",
            )
            .number(from.0)
            .push("), ")
            .number(from.0)
            .push(") and at < ")
            .number(to.0)
            .push(" order by at, seq limit ")
            .number(i64::from(limit));
        let view = |row: &AnyRow| {
            let mut columns = Columns::of(row);
            Ok((columns.wall()?, columns.doc("presence")?))
        };
        self.rows(sql).await?.iter().map(view).collect()
    }
}

fn ruling_of(row: &AnyRow) -> Result<OperatorRuling, StoreError> {
    let mut columns = Columns::of(row);
    Ok(OperatorRuling {
        seq: Seq(unsigned(columns.number()?)),
        call: columns.call()?,
        entry: EntryId(columns.count()?),
        queue: columns.name()?,
        round: u32::try_from(columns.count()?).unwrap_or(u32::MAX),
        at: columns.wall()?,
        pick: pick_of(&mut columns)?,
    })
}

fn pick_of(columns: &mut Columns<'_>) -> Result<Pick, StoreError> {
    Ok(Pick {
        operator: columns.name()?,
        tier: u8::try_from(columns.count()?).unwrap_or(u8::MAX),
        key: columns.number()?,
        ruling: Ruling(u32::try_from(columns.count()?).unwrap_or(0)),
        chosen: columns.truth()?,
    })
}
