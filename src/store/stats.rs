//! Figures over waits in queues (METRICS.md), attributed by the moment a caller was put in.
//!
//! Sums are whole milliseconds and counts, so they add up in any order and come out the same
//! after a rebuild. A share whose denominator is 0 is nothing, never 0 or 1.

use std::collections::BTreeMap;

use super::calls::in_queues;
use super::db::Store;
use super::error::StoreError;
use super::sql::{Columns, Sql, millis};
use crate::model::{Name, Outcome, Period, Wall};

/// Over what the figures are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsBy {
    /// One row for all; its key is empty.
    Nothing,
    /// Hours that begin on the hour of the asked time zone; the key is the hour's first moment
    /// in milliseconds since 1970 UTC.
    Hour,
    /// Queues.
    Queue,
    /// Outcomes; the key is empty for waits that go on.
    Reason,
    /// Kinds of providers.
    Provider,
    /// Accounts.
    Account,
}

/// Which waits to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsAsk {
    /// Over what.
    pub by: StatsBy,
    /// Put in then or later.
    pub from: Wall,
    /// Put in before.
    pub to: Wall,
    /// Of these queues; `None` is all.
    pub queues: Option<Vec<Name>>,
    /// Minutes east of UTC of the site.
    pub offset_minutes: i32,
    /// The service level's target of each queue that has its own.
    pub targets: BTreeMap<Name, Period>,
    /// The target of the others.
    pub target: Period,
}

/// Waits counted together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// All waits.
    pub arrived: u64,
    /// Those that go on.
    pub in_flight: u64,
    /// Those that ended, by how.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Those that were the last of a missed call: what the list of missed calls holds.
    pub missed: u64,
    /// Answered within the target.
    pub answered_in_target: u64,
    /// Waiting times of the answered, together.
    pub answered_wait: Period,
    /// Waiting times of the abandoned, short ones not among them, together.
    pub abandoned_wait: Period,
    /// The longest wait that ended.
    pub wait_max: Period,
}

impl Tally {
    /// How many ended so.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// All but those blocked or out of hours.
    pub fn offered(&self) -> u64 {
        let barred = self.count(Outcome::Blocked) + self.count(Outcome::Closed);
        self.arrived.saturating_sub(barred)
    }

    /// Answered in time ÷ (answered + abandoned + timed out + no operators); short abandons are
    /// in neither part.
    pub fn service_level(&self) -> Option<f64> {
        let whole = self.count(Outcome::Answered)
            + self.count(Outcome::Abandoned)
            + self.count(Outcome::TimedOut)
            + self.count(Outcome::NoOperators);
        share(self.answered_in_target, whole)
    }

    /// Abandoned ÷ (offered − short abandons).
    pub fn abandonment(&self) -> Option<f64> {
        let whole = self.offered().saturating_sub(self.count(Outcome::AbandonedShort));
        share(self.count(Outcome::Abandoned), whole)
    }

    /// Mean wait of the answered in milliseconds.
    pub fn mean_speed_of_answer(&self) -> Option<f64> {
        share(self.answered_wait.as_millis(), self.count(Outcome::Answered))
    }

    /// Mean wait of the abandoned in milliseconds.
    pub fn mean_time_to_abandon(&self) -> Option<f64> {
        share(self.abandoned_wait.as_millis(), self.count(Outcome::Abandoned))
    }

    /// Adds the waits of another.
    pub fn add(&mut self, other: &Tally) {
        self.arrived += other.arrived;
        self.in_flight += other.in_flight;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        self.missed += other.missed;
        self.answered_in_target += other.answered_in_target;
        self.answered_wait = self.answered_wait + other.answered_wait;
        self.abandoned_wait = self.abandoned_wait + other.abandoned_wait;
        self.wait_max = self.wait_max.max(other.wait_max);
    }
}

/// One part of a whole; `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What became of the offers made to one operator, and what they carried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorTally {
    /// The operator's name or `ext:NNN`.
    pub operator: String,
    /// Offers.
    pub rung: u64,
    /// Offers by the word of their end; those that go on are in none.
    pub ends: BTreeMap<String, u64>,
    /// Offers that are held against the person.
    pub misses: u64,
    /// Calls they were the first to talk in.
    pub answered: u64,
    /// Calls they talked in.
    pub handled: u64,
    /// Time in conversation that is known.
    pub talk: Period,
}

impl OperatorTally {
    /// Offers that ended with this word.
    pub fn count(&self, end: &str) -> u64 {
        self.ends.get(end).copied().unwrap_or(0)
    }

    /// Won ÷ (won + no answer + rejected + unreachable); offers the caller left or a colleague
    /// took are in neither part.
    pub fn answer_rate(&self) -> Option<f64> {
        let lost = ["no_answer", "rejected", "unreachable"].map(|end| self.count(end));
        share(self.count("won"), self.count("won") + lost.iter().sum::<u64>())
    }
}

impl Store {
    /// Waits by what was asked, keys rising. A key without waits has no row.
    pub async fn stats(&self, ask: &StatsAsk) -> Result<Vec<(String, Tally)>, StoreError> {
        let sql = targets(ask).push(" select ");
        let offset = i64::from(ask.offset_minutes) * 60_000;
        let sql = match ask.by {
            StatsBy::Nothing => sql.push("''"),
            StatsBy::Hour => {
                let sql = sql.push("cast((enqueued_at + ").number(offset);
                sql.push(") / 3600000 * 3600000 - ").number(offset).push(" as text)")
            }
            StatsBy::Queue => sql.push("entry.queue"),
            StatsBy::Reason => sql.push("coalesce(outcome, '')"),
            StatsBy::Provider => sql.push("provider"),
            StatsBy::Account => sql.push("account"),
        };
        let sql = sql
            .push(
                " as part, coalesce(outcome, '') as word, count(*),
                  cast(sum(missed) as bigint),
                  count(case when wait_for <= coalesce(aim.within, ",
            )
            .number(millis(ask.target))
            .push(
                ") then 1 end), cast(coalesce(sum(wait_for), 0) as bigint),
                  coalesce(max(wait_for), 0)
                 from (select * from entry where enqueued_at >= ",
            )
            .number(ask.from.0)
            .push(" and enqueued_at < ")
            .number(ask.to.0);
        let sql = match &ask.queues {
            Some(queues) => in_queues(sql, queues),
            None => sql,
        };
        let sql = sql.push(") entry left join aim on aim.queue = entry.queue group by 1, 2");
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for row in self.rows(sql).await? {
            let mut columns = Columns::of(&row);
            let tally = tallies.entry(columns.text()?).or_default();
            count_in(tally, &mut columns)?;
        }
        Ok(tallies.into_iter().collect())
    }

    /// The same waits, all together.
    pub async fn stats_total(&self, ask: &StatsAsk) -> Result<Tally, StoreError> {
        let ask = StatsAsk { by: StatsBy::Nothing, ..ask.clone() };
        let mut total = Tally::default();
        for (_, tally) in self.stats(&ask).await? {
            total.add(&tally);
        }
        Ok(total)
    }

    /// Operators by name, from the offers made, the calls begun and the talks begun from one
    /// moment to before another.
    pub async fn operator_stats(
        &self,
        from: Wall,
        to: Wall,
        queues: Option<&[Name]>,
    ) -> Result<Vec<OperatorTally>, StoreError> {
        let mut all: BTreeMap<String, OperatorTally> = BTreeMap::new();
        let within = |head: &'static str, column: &'static str, tail: &'static str| {
            let sql = Sql::new(head).push(column).push(" >= ").number(from.0);
            let sql = sql.push(" and ").push(column).push(" < ").number(to.0);
            match queues {
                Some(queues) => in_queues(sql, queues),
                None => sql,
            }
            .push(tail)
        };
        let offers = within(
            "select operator, coalesce(end_word, ''), count(*), cast(sum(counts_as_miss) as bigint)
               from offer where ",
            "offered_at",
            " group by operator, end_word",
        );
        for row in self.rows(offers).await? {
            let mut columns = Columns::of(&row);
            let operator = tally_of(&mut all, columns.text()?);
            let (end, count) = (columns.text()?, columns.count()?);
            operator.rung += count;
            operator.misses += columns.count()?;
            if !end.is_empty() {
                *operator.ends.entry(end).or_default() += count;
            }
        }
        let answered = within(
            "select answered_by, count(*) from call where answered_by is not null and ",
            "started_at",
            " group by answered_by",
        );
        for row in self.rows(answered).await? {
            let mut columns = Columns::of(&row);
            let operator = tally_of(&mut all, columns.text()?);
            operator.answered = columns.count()?;
        }
        let talks = within(
            "select operator, count(distinct call),
                    cast(coalesce(sum(to_at - from_at), 0) as bigint) from talk where ",
            "from_at",
            " group by operator",
        );
        for row in self.rows(talks).await? {
            let mut columns = Columns::of(&row);
            let operator = tally_of(&mut all, columns.text()?);
            (operator.handled, operator.talk) = (columns.count()?, columns.period()?);
        }
        Ok(all.into_values().collect())
    }
}

/// The tally of an operator, begun when there is none.
fn tally_of(all: &mut BTreeMap<String, OperatorTally>, operator: String) -> &mut OperatorTally {
    all.entry(operator.clone()).or_insert_with(|| OperatorTally { operator, ..Default::default() })
}

/// Each queue's own target as a table named `aim`.
fn targets(ask: &StatsAsk) -> Sql {
    // The first row gives the types and meets no queue: calls without one are counted under ''.
    let sql =
        Sql::new("with aim (queue, within) as (values (cast(null as text), cast(0 as bigint))");
    ask.targets
        .iter()
        .fold(sql, |sql, (queue, target)| {
            sql.push(", ").open().text(queue.as_str()).number(millis(*target)).close()
        })
        .push(")")
}

/// Adds a group of waits of one outcome.
fn count_in(tally: &mut Tally, columns: &mut Columns<'_>) -> Result<(), StoreError> {
    let word = columns.text()?;
    let count = columns.count()?;
    let missed = columns.count()?;
    let in_target = columns.count()?;
    let (wait, wait_max) = (columns.period()?, columns.period()?);
    tally.arrived += count;
    tally.missed += missed;
    let Some(outcome) = Outcome::ALL.into_iter().find(|outcome| outcome.word() == word) else {
        tally.in_flight += count;
        return Ok(());
    };
    *tally.outcomes.entry(outcome).or_default() += count;
    tally.wait_max = tally.wait_max.max(wait_max);
    if outcome == Outcome::Answered {
        tally.answered_in_target += in_target;
        tally.answered_wait = tally.answered_wait + wait;
    }
    if outcome == Outcome::Abandoned {
        tally.abandoned_wait = tally.abandoned_wait + wait;
    }
    Ok(())
}
