//! Missed-call episodes: the workbench's list, one row, and the headline's figures.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::calls::in_queues;
use super::db::Store;
use super::error::StoreError;
use super::journal_file::signed;
use super::page::{Cursor, Page, page_limit};
use super::sql::{Columns, Sql};
use crate::model::{EpisodeId, EpisodeRow, Name, Number, Outcome, Wall};

/// Which episodes, by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EpisodesIn {
    /// All but the closed ones.
    #[default]
    Open,
    /// All.
    All,
    /// Nobody's yet.
    Unassigned,
    /// Somebody's.
    Assigned,
    /// Being called.
    Attempting,
    /// Called without reaching the client.
    NoContact,
    /// Closed ones.
    Closed,
}

/// Which episodes to list. What is given must hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpisodesAsk {
    /// By where they stand.
    pub state: EpisodesIn,
    /// Last missed in this queue.
    pub queue: Option<Name>,
    /// Last missed in one of these queues: what the reader may see.
    pub scope: Option<Vec<Name>>,
    /// Whose they are.
    pub owner: Option<Name>,
    /// Of this client.
    pub client: Option<Number>,
    /// Why the last call was missed.
    pub reason: Option<Outcome>,
    /// Lost last then or later.
    pub from: Option<Wall>,
    /// Lost last before.
    pub to: Option<Wall>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Rows on the page, at most [`super::PAGE_MAX`].
    pub limit: u32,
}

/// The headline's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpisodeCount {
    /// Not closed, by where they stand: `open`, `assigned`, `attempting`, `no_contact`.
    pub by_state: BTreeMap<String, u64>,
    /// Not closed and due before the moment asked for.
    pub overdue: u64,
    /// When the first call of the oldest that is not closed was lost.
    pub oldest_at: Option<Wall>,
}

impl EpisodeCount {
    /// Not closed.
    pub fn open(&self) -> u64 {
        self.by_state.values().sum()
    }
}

impl Store {
    /// A page of episodes, the last lost first.
    pub async fn episodes(&self, ask: &EpisodesAsk) -> Result<Page<EpisodeRow>, StoreError> {
        let limit = page_limit(ask.limit);
        let mut sql = filters(Sql::new("select doc from episode where 1 = 1"), ask);
        if let Some(Cursor { at, id }) = &ask.cursor {
            let id = id.parse().unwrap_or(i64::MAX);
            sql = sql.push(" and (last_at, id) < ").open().number(at.0).number(id).close();
        }
        let sql = sql.push(" order by last_at desc, id desc limit ").number(i64::from(limit) + 1);
        let rows = self.rows(sql).await?;
        let episodes = rows.iter().map(episode_of).collect::<Result<_, _>>()?;
        let cursor = |one: &EpisodeRow| Cursor { at: one.last_at, id: one.id.to_string() };
        Ok(Page::of(episodes, limit, cursor))
    }

    /// One episode.
    pub async fn episode(&self, id: EpisodeId) -> Result<Option<EpisodeRow>, StoreError> {
        let sql = Sql::new("select doc from episode where id = ").number(signed(id.0));
        self.row(sql).await?.as_ref().map(episode_of).transpose()
    }

    /// The figures of episodes that are not closed, of some queues or of all.
    pub async fn count_episodes(
        &self,
        scope: Option<&[Name]>,
        now: Wall,
    ) -> Result<EpisodeCount, StoreError> {
        let sql = Sql::new("select state, count(*), count(case when due_at < ")
            .number(now.0)
            .push(" then 1 end), min(first_at) from episode where closed = 0");
        let sql = match scope {
            Some(queues) => in_queues(sql, queues),
            None => sql,
        };
        let mut all = EpisodeCount::default();
        for row in self.rows(sql.push(" group by state")).await? {
            let mut columns = Columns::of(&row);
            all.by_state.insert(columns.text()?, columns.count()?);
            all.overdue += columns.count()?;
            let oldest = columns.wall()?;
            all.oldest_at = Some(all.oldest_at.map_or(oldest, |other| other.min(oldest)));
        }
        Ok(all)
    }
}

fn filters(mut sql: Sql, ask: &EpisodesAsk) -> Sql {
    sql = sql.push(match ask.state {
        EpisodesIn::Open => " and closed = 0",
        EpisodesIn::All => "",
        EpisodesIn::Unassigned => " and closed = 0 and state = 'open'",
        EpisodesIn::Assigned => " and closed = 0 and state = 'assigned'",
        EpisodesIn::Attempting => " and closed = 0 and state = 'attempting'",
        EpisodesIn::NoContact => " and closed = 0 and state = 'no_contact'",
        EpisodesIn::Closed => " and closed = 1",
    });
    let texts = [
        (" and queue = ", ask.queue.as_ref().map(Name::as_str)),
        (" and owner = ", ask.owner.as_ref().map(Name::as_str)),
        (" and client = ", ask.client.as_ref().map(Number::reveal)),
        (" and reason = ", ask.reason.map(Outcome::word)),
    ];
    for (column, value) in texts {
        if let Some(value) = value {
            sql = sql.push(column).text(value);
        }
    }
    if let Some(from) = ask.from {
        sql = sql.push(" and last_at >= ").number(from.0);
    }
    if let Some(to) = ask.to {
        sql = sql.push(" and last_at < ").number(to.0);
    }
    match &ask.scope {
        Some(scope) => in_queues(sql, scope),
        None => sql,
    }
}

fn episode_of(row: &AnyRow) -> Result<EpisodeRow, StoreError> {
    Columns::of(row).doc("episode")
}
