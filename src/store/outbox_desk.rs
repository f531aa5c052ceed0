//! The outbox for people: what waits where, one note, and mending what is stuck.

use sqlx::any::AnyRow;

use super::db::Store;
use super::error::StoreError;
use super::outbox::NoteState;
use super::page::{Cursor, Page, page_limit};
use super::sql::{Columns, Sql};
use crate::model::{CallId, Name, Wall};

/// A note as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRow {
    /// Ours.
    pub id: String,
    /// Target, call and action.
    pub once_key: String,
    /// Where to.
    pub target: Name,
    /// The call it tells of.
    pub call: Option<CallId>,
    /// `call`, `call_back`, `reached`, `event` or `message`.
    pub kind: String,
    /// Which version of the thing told.
    pub revision: u64,
    /// Where it stands.
    pub state: NoteState,
    /// Attempts.
    pub tries: u64,
    /// When it is tried, or looked up, next.
    pub due_at: Wall,
    /// When it was made.
    pub created_at: Wall,
    /// When it came to an end.
    pub ended_at: Option<Wall>,
    /// What was said last.
    pub told: Option<String>,
    /// What the adapter left for amendments, as JSON.
    pub external: Option<String>,
    /// What is told, as JSON; empty in lists.
    pub body: String,
}

/// Which notes to list. What is given must hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotesAsk {
    /// Of one target.
    pub target: Option<Name>,
    /// In one of these states; empty: in any.
    pub states: Vec<NoteState>,
    /// With this said of them last.
    pub told: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Rows on the page, at most [`super::PAGE_MAX`].
    pub limit: u32,
}

/// How many notes of one target are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteCount {
    /// The target.
    pub target: Name,
    /// The state.
    pub state: NoteState,
    /// How many.
    pub count: u64,
    /// Since when the oldest of them is there.
    pub oldest: Wall,
}

const LISTED: &str = "select id, once_key, target, call, kind, revision, state, tries, due_at,
    created_at, ended_at, told, external, ";

impl Store {
    /// A page of notes, the last made first, without their bodies.
    pub async fn notes(&self, ask: &NotesAsk) -> Result<Page<NoteRow>, StoreError> {
        let limit = page_limit(ask.limit);
        let mut sql = Sql::new(LISTED).push("'' from note where 1 = 1");
        if let Some(target) = &ask.target {
            sql = sql.push(" and target = ").text(target.as_str());
        }
        if let Some(told) = &ask.told {
            sql = sql.push(" and told = ").text(told);
        }
        if !ask.states.is_empty() {
            let words = |sql: Sql, state: &NoteState| sql.text(state.word());
            sql = sql.push(" and state in (").list(&ask.states, words).push(")");
        }
        if let Some(Cursor { at, id }) = &ask.cursor {
            sql = sql.push(" and (created_at, id) < ").open().number(at.0).text(id).close();
        }
        let sql = sql.push(" order by created_at desc, id desc limit ");
        let rows = self.rows(sql.number(i64::from(limit) + 1)).await?;
        let rows = rows.iter().map(note_of).collect::<Result<_, _>>()?;
        Ok(Page::of(rows, limit, |note: &NoteRow| Cursor {
            at: note.created_at,
            id: note.id.clone(),
        }))
    }

    /// One note with its body.
    pub async fn note(&self, id: &str) -> Result<Option<NoteRow>, StoreError> {
        let sql = Sql::new(LISTED).push("body from note where id = ").text(id);
        self.row(sql).await?.as_ref().map(note_of).transpose()
    }

    /// The notes that tell of a call, in the order they were made, without their bodies.
    pub async fn notes_of_call(&self, call: CallId) -> Result<Vec<NoteRow>, StoreError> {
        let sql = Sql::new(LISTED).push("'' from note where call = ").text(&call.to_string());
        let rows = self.rows(sql.push(" order by place, id")).await?;
        rows.iter().map(note_of).collect()
    }

    /// How many notes are where, but for those that are over.
    pub async fn count_notes(&self) -> Result<Vec<NoteCount>, StoreError> {
        let sql = Sql::new(
            "select target, state, count(*), min(since) from note
              where state in ('pending', 'in_flight', 'ambiguous', 'dead', 'unclear')
              group by target, state order by target, state",
        );
        self.rows(sql).await?.iter().map(count_of).collect()
    }

    /// Sends a note again that ended without arriving; false when it is in no such state.
    pub async fn retry_note(&self, id: &str, now: Wall) -> Result<bool, StoreError> {
        let sql = again(Sql::new("update note set "), now);
        let sql = sql.push(" where state in ('dead', 'unclear', 'skipped') and id = ").text(id);
        self.mended(sql).await
    }

    /// Gives up a note that waits or is stuck; false when it is on its way or over.
    pub async fn skip_note(&self, id: &str, why: &str, now: Wall) -> Result<bool, StoreError> {
        let sql = Sql::new("update note set state = 'skipped', told = ")
            .text(why)
            .push(", ended_at = ")
            .number(now.0)
            .push(
                " where state in ('pending', 'ambiguous', 'dead', 'unclear')
                   and claimed_until = 0 and id = ",
            )
            .text(id);
        self.mended(sql).await
    }

    /// Puts another body into a dead note and sends it; false when it is not dead.
    pub async fn edit_note(&self, id: &str, body: &str, now: Wall) -> Result<bool, StoreError> {
        let sql = Sql::new("update note set body = ").text(body).push(", ");
        let sql = again(sql, now).push(" where state = 'dead' and id = ").text(id);
        self.mended(sql).await
    }

    async fn mended(&self, sql: Sql) -> Result<bool, StoreError> {
        let changed = self.run(sql).await? > 0;
        self.outbox().tell();
        Ok(changed)
    }

    /// Deletes notes that were over before `done`, and those that are stuck since before `stuck`.
    pub async fn forget_notes(&self, done: Wall, stuck: Wall) -> Result<u64, StoreError> {
        let sql = "delete from note where state in ('done', 'skipped') and ended_at < ";
        let gone = self.run(Sql::new(sql).number(done.0)).await?;
        let sql = "delete from note where state in ('dead', 'unclear') and ended_at < ";
        Ok(gone + self.run(Sql::new(sql).number(stuck.0)).await?)
    }
}

fn again(sql: Sql, now: Wall) -> Sql {
    sql.push("state = 'pending', tries = 0, repeated = 0, ended_at = null, due_at = ")
        .number(now.0)
        .push(", since = ")
        .number(now.0)
}

fn note_of(row: &AnyRow) -> Result<NoteRow, StoreError> {
    let mut columns = Columns::of(row);
    Ok(NoteRow {
        id: columns.text()?,
        once_key: columns.text()?,
        target: columns.name()?,
        call: columns.text_or_null()?.and_then(|id| id.parse().ok()).map(CallId),
        kind: columns.text()?,
        revision: columns.count()?,
        state: state_of(&columns.text()?),
        tries: columns.count()?,
        due_at: columns.wall()?,
        created_at: columns.wall()?,
        ended_at: columns.wall_or_null()?,
        told: columns.text_or_null()?,
        external: columns.text_or_null()?,
        body: columns.text()?,
    })
}

fn count_of(row: &AnyRow) -> Result<NoteCount, StoreError> {
    let mut columns = Columns::of(row);
    Ok(NoteCount {
        target: columns.name()?,
        state: state_of(&columns.text()?),
        count: columns.count()?,
        oldest: columns.wall()?,
    })
}

/// The state of a stored word; one that a later version wrote is for a person.
fn state_of(word: &str) -> NoteState {
    NoteState::of(word).unwrap_or(NoteState::Unclear)
}
