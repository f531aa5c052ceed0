//! Records as rows: calls taken apart, episodes, decisions with their members, presence.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Any, Transaction};

use super::db::{rows_in, run_in};
use super::error::StoreError;
use super::journal_file::signed;
use super::sql::{Columns, Sql, document, millis};
use crate::model::{
    CallId, CallRow, Closing, Decision, EntryRow, EpisodeId, EpisodeRow, EpisodeState, Intent,
    Name, OfferRow, OperatorView, Pick, Reach, Record, Seq, Stamped, TalkRow, Wall, Work,
};

type All = Transaction<'static, Any>;

/// Rows in one insert: 19 columns of them stay below the 32,766 values SQLite takes.
const ROWS: usize = 1000;

/// What a batch of records leaves to be written: of each call and episode the last revision.
#[derive(Default)]
pub(super) struct Batch<'a> {
    calls: BTreeMap<CallId, &'a CallRow>,
    episodes: BTreeMap<EpisodeId, &'a EpisodeRow>,
    decisions: Vec<(Seq, &'a Decision)>,
    presence: Vec<(Seq, Wall, &'a OperatorView)>,
}

impl<'a> Batch<'a> {
    pub(super) fn of(records: &'a [Stamped]) -> Batch<'a> {
        let mut batch = Batch::default();
        for Stamped { seq, at, record } in records {
            // The other kinds are the engine's own: they change its state and no row.
            if let Record::CallSaved(call) = record {
                let kept = batch.calls.entry(call.id).or_insert(call);
                if kept.revision < call.revision {
                    *kept = call;
                }
            } else if let Record::EpisodeSaved(episode) = record {
                let kept = batch.episodes.entry(episode.id).or_insert(episode);
                if kept.revision < episode.revision {
                    *kept = episode;
                }
            } else if let Record::Decided(decision) = record {
                batch.decisions.push((*seq, decision));
            } else if let Record::OperatorSaved(view) = record {
                batch.presence.push((*seq, at.wall, view));
            }
        }
        batch
    }

    pub(super) async fn write(&self, all: &mut All) -> Result<(), StoreError> {
        let calls: Vec<&CallRow> = self.calls.values().copied().collect();
        let mut changed = BTreeSet::new();
        for chunk in calls.chunks(ROWS) {
            for row in rows_in(all, upsert_calls(chunk)?).await? {
                changed.insert(Columns::of(&row).call()?);
            }
        }
        let calls: Vec<&CallRow> =
            calls.into_iter().filter(|call| changed.contains(&call.id)).collect();
        write_parts(all, &calls).await?;
        for episode in self.episodes.values() {
            run_in(all, upsert_episode(episode)?).await?;
        }
        self.write_decisions(all).await?;
        for chunk in self.presence.chunks(ROWS) {
            run_in(all, insert_presence(chunk)?).await?;
        }
        Ok(())
    }

    async fn write_decisions(&self, all: &mut All) -> Result<(), StoreError> {
        for chunk in self.decisions.chunks(ROWS) {
            run_in(all, insert_decisions(chunk)?).await?;
        }
        let members: Vec<(Seq, &Decision, &Pick)> = self
            .decisions
            .iter()
            .flat_map(|(seq, made)| made.members.iter().map(move |pick| (*seq, *made, pick)))
            .collect();
        for chunk in members.chunks(ROWS) {
            run_in(all, insert_members(chunk)).await?;
        }
        Ok(())
    }
}

/// Writes calls of which no later revision is there; gives the ids of those.
fn upsert_calls(calls: &[&CallRow]) -> Result<Sql, StoreError> {
    let docs = calls.iter().map(document).collect::<Result<Vec<_>, _>>()?;
    let name = |name: &'_ Option<Name>| name.as_ref().map(|name| name.as_str().to_owned());
    let head = "insert into call (id, call_key, provider, account, authority, direction, client,
            queue, answered_by, placed_by, missed, disposition, outcome, started_at, ended_at,
            settled, talk_for, revision, doc) values ";
    let sql = Sql::new(head).list(calls.iter().zip(&docs), |sql, (call, doc)| {
        let client = call.client.as_ref().and_then(|party| party.e164());
        sql.open()
            .text(&call.id.to_string())
            .text(&call.call_key)
            .text(&call.provider)
            .text(call.account.as_str())
            .text(call.authority.word())
            .text_or_null(call.direction.map(|direction| direction.word()))
            .text_or_null(client.map(|number| number.reveal()))
            .text_or_null(name(&call.queue).as_deref())
            .text_or_null(name(&call.answered_by).as_deref())
            .text_or_null(name(&call.placed_by).as_deref())
            .truth(call.missed)
            .text(call.disposition.word())
            .text_or_null(call.outcome.map(|outcome| outcome.word()))
            .number(call.started_at.0)
            .number_or_null(call.ended_at.map(|at| at.0))
            .truth(call.settled)
            .number_or_null(call.talk.map(millis))
            .number(i64::from(call.revision))
            .text(doc)
            .close()
    });
    Ok(sql.push(
        " on conflict (id) do update set call_key = excluded.call_key,
            provider = excluded.provider, account = excluded.account,
            authority = excluded.authority, direction = excluded.direction,
            client = excluded.client, queue = excluded.queue,
            answered_by = excluded.answered_by, placed_by = excluded.placed_by,
            missed = excluded.missed, disposition = excluded.disposition,
            outcome = excluded.outcome, started_at = excluded.started_at,
            ended_at = excluded.ended_at, settled = excluded.settled,
            talk_for = excluded.talk_for, revision = excluded.revision, doc = excluded.doc
          where call.revision < excluded.revision returning id",
    ))
}

/// Writes the waits, offers and talks of calls again, and who had to do with them.
async fn write_parts(all: &mut All, calls: &[&CallRow]) -> Result<(), StoreError> {
    for chunk in calls.chunks(ROWS) {
        for cleared in [
            "delete from entry where call in (",
            "delete from offer where call in (",
            "delete from talk where call in (",
            "delete from call_operator where call in (",
        ] {
            let ids = |sql: Sql, call: &&CallRow| sql.text(&call.id.to_string());
            run_in(all, Sql::new(cleared).list(chunk, ids).push(")")).await?;
        }
    }
    let entries = parts(calls, |call| &call.entries);
    for chunk in entries.chunks(ROWS) {
        run_in(all, insert_entries(chunk)).await?;
    }
    let offers = parts(calls, |call| &call.offers);
    for chunk in offers.chunks(ROWS) {
        run_in(all, insert_offers(chunk)).await?;
    }
    let talks = parts(calls, |call| &call.talks);
    for chunk in talks.chunks(ROWS) {
        run_in(all, insert_talks(chunk)).await?;
    }
    let who: Vec<(&CallRow, &Name)> = calls
        .iter()
        .flat_map(|call| people(call).into_iter().map(move |operator| (*call, operator)))
        .collect();
    for chunk in who.chunks(ROWS) {
        run_in(all, insert_people(chunk)).await?;
    }
    Ok(())
}

/// Everybody who had to do with a call.
fn people(call: &CallRow) -> BTreeSet<&Name> {
    let offered = call.offers.iter().map(|offer| &offer.operator);
    let talked = call.talks.iter().map(|talk| &talk.operator);
    offered.chain(talked).chain(&call.answered_by).chain(&call.placed_by).collect()
}

fn insert_people(rows: &[(&CallRow, &Name)]) -> Sql {
    let head = "insert into call_operator (call, operator, began_at) values ";
    Sql::new(head).list(rows, |sql, (call, operator)| {
        sql.open()
            .text(&call.id.to_string())
            .text(operator.as_str())
            .number(call.started_at.0)
            .close()
    })
}

/// The parts of calls with their call and their place in it.
fn parts<'a, T>(
    calls: &[&'a CallRow],
    of: impl Fn(&'a CallRow) -> &'a Vec<T>,
) -> Vec<(&'a CallRow, usize, &'a T)> {
    calls
        .iter()
        .flat_map(|call| of(call).iter().enumerate().map(|(place, part)| (*call, place, part)))
        .collect()
}

fn place(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

fn insert_entries(rows: &[(&CallRow, usize, &EntryRow)]) -> Sql {
    let head = "insert into entry (call, place, id, queue, provider, account, enqueued_at,
        done_at, outcome, wait_for, missed) values ";
    Sql::new(head).list(rows, |sql, (call, at, entry)| {
        let is_last = at + 1 == call.entries.len();
        sql.open()
            .text(&call.id.to_string())
            .number(place(*at))
            .number(signed(entry.id.0))
            .text(entry.queue.as_str())
            .text(&call.provider)
            .text(call.account.as_str())
            .number(entry.enqueued_at.0)
            .number_or_null(entry.done_at.map(|at| at.0))
            .text_or_null(entry.outcome.map(|outcome| outcome.word()))
            .number_or_null(entry.wait.map(millis))
            .truth(is_last && call.missed)
            .close()
    })
}

fn insert_offers(rows: &[(&CallRow, usize, &OfferRow)]) -> Sql {
    let head = "insert into offer (call, place, id, entry, operator, queue, account, offered_at,
        ringing_at, answered_at, over_at, end_word, counts_as_miss) values ";
    Sql::new(head).list(rows, |sql, (call, at, offer)| {
        let entry = call.entries.iter().find(|entry| Some(entry.id) == offer.entry);
        let queue = entry.map(|entry| &entry.queue).or(call.queue.as_ref());
        sql.open()
            .text(&call.id.to_string())
            .number(place(*at))
            .number(signed(offer.id.0))
            .number_or_null(offer.entry.map(|entry| signed(entry.0)))
            .text(offer.operator.as_str())
            .text_or_null(queue.map(Name::as_str))
            .text(call.account.as_str())
            .number(offer.offered_at.0)
            .number_or_null(offer.ringing_at.map(|at| at.0))
            .number_or_null(offer.answered_at.map(|at| at.0))
            .number_or_null(offer.over_at.map(|at| at.0))
            .text_or_null(offer.end.map(|end| end.word()))
            .truth(offer.counts_as_miss)
            .close()
    })
}

fn insert_talks(rows: &[(&CallRow, usize, &TalkRow)]) -> Sql {
    let head = "insert into talk (call, place, operator, queue, from_at, to_at) values ";
    Sql::new(head).list(rows, |sql, (call, at, talk)| {
        sql.open()
            .text(&call.id.to_string())
            .number(place(*at))
            .text(talk.operator.as_str())
            .text_or_null(call.queue.as_ref().map(Name::as_str))
            .number(talk.from.0)
            .number_or_null(talk.to.map(|at| at.0))
            .close()
    })
}

fn upsert_episode(episode: &EpisodeRow) -> Result<Sql, StoreError> {
    let (state, closed_at) = state_of(&episode.state);
    Ok(Sql::new(
        "insert into episode (id, client, grouping, queue, state, closed, reason, owner, due_at,
            first_at, last_at, closed_at, revision, doc) values ",
    )
    .open()
    .number(signed(episode.id.0))
    .text_or_null(episode.client.as_ref().map(|number| number.reveal()))
    .text(episode.group.as_str())
    .text(episode.queue.as_str())
    .text(state)
    .truth(closed_at.is_some())
    .text(episode.reason.word())
    .text_or_null(episode.owner.as_ref().map(Name::as_str))
    .number_or_null(episode.due_at.map(|at| at.0))
    .number(episode.first_at.0)
    .number(episode.last_at.0)
    .number_or_null(closed_at.map(|at| at.0))
    .number(i64::from(episode.revision))
    .text(&document(episode)?)
    .close()
    .push(
        " on conflict (id) do update set client = excluded.client,
            grouping = excluded.grouping, queue = excluded.queue, state = excluded.state,
            closed = excluded.closed, reason = excluded.reason, owner = excluded.owner,
            due_at = excluded.due_at, first_at = excluded.first_at, last_at = excluded.last_at,
            closed_at = excluded.closed_at, revision = excluded.revision, doc = excluded.doc
          where episode.revision < excluded.revision",
    ))
}

/// The word of a state, and when the episode was closed.
fn state_of(state: &EpisodeState) -> (&'static str, Option<Wall>) {
    match state {
        EpisodeState::Open => ("open", None),
        EpisodeState::Assigned => ("assigned", None),
        EpisodeState::Attempting { .. } => ("attempting", None),
        EpisodeState::NoContact => ("no_contact", None),
        EpisodeState::Closed(
            Closing::CalledBack { at, .. }
            | Closing::ClientRedialled { at, .. }
            | Closing::Answered { at, .. }
            | Closing::Dismissed { at, .. }
            | Closing::Expired { at }
            | Closing::Merged { at, .. },
        ) => ("closed", Some(*at)),
    }
}

fn insert_decisions(rows: &[(Seq, &Decision)]) -> Result<Sql, StoreError> {
    // The members have rows of their own, so that one person's rulings are one query.
    let bare = |decision: &Decision| Decision { members: Vec::new(), ..decision.clone() };
    let docs = rows.iter().map(|(_, made)| document(&bare(made))).collect::<Result<Vec<_>, _>>()?;
    let head = "insert into decision (seq, call, entry, queue, round, at, whole, doc) values ";
    let sql = Sql::new(head).list(rows.iter().zip(&docs), |sql, ((seq, decision), doc)| {
        sql.open()
            .number(signed(seq.0))
            .text(&decision.call.to_string())
            .number(signed(decision.entry.0))
            .text(decision.queue.as_str())
            .number(i64::from(decision.round))
            .number(decision.at.0)
            .truth(decision.whole)
            .text(doc)
            .close()
    });
    Ok(sql.push(" on conflict (seq) do nothing"))
}

fn insert_members(rows: &[(Seq, &Decision, &Pick)]) -> Sql {
    let head = "insert into decision_member (seq, operator, queue, at, tier, sort_key, ruling,
        chosen) values ";
    Sql::new(head)
        .list(rows, |sql, (seq, decision, pick)| {
            sql.open()
                .number(signed(seq.0))
                .text(pick.operator.as_str())
                .text(decision.queue.as_str())
                .number(decision.at.0)
                .number(i64::from(pick.tier))
                .number(pick.key)
                .number(i64::from(pick.ruling.0))
                .truth(pick.chosen)
                .close()
        })
        .push(" on conflict (seq, operator) do nothing")
}

fn insert_presence(rows: &[(Seq, Wall, &OperatorView)]) -> Result<Sql, StoreError> {
    let docs: Vec<String> =
        rows.iter().map(|(_, _, view)| document(view)).collect::<Result<_, _>>()?;
    let head = "insert into presence (seq, operator, at, intent, reach, work, doc) values ";
    let sql = Sql::new(head).list(rows.iter().zip(&docs), |sql, ((seq, at, view), doc)| {
        sql.open()
            .number(signed(seq.0))
            .text(view.name.as_str())
            .number(at.0)
            .text(intent_word(&view.intent))
            .text(reach_word(view.reach))
            .text(work_word(view.work))
            .text(doc)
            .close()
    });
    Ok(sql.push(" on conflict (seq) do nothing"))
}

const fn intent_word(intent: &Intent) -> &'static str {
    match intent {
        Intent::Offline => "offline",
        Intent::Ready => "ready",
        Intent::Break { .. } => "break",
        Intent::Dnd => "dnd",
        Intent::Disabled => "disabled",
    }
}

const fn reach_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Reachable => "reachable",
        Reach::Unreachable => "unreachable",
        Reach::Unknown => "unknown",
    }
}

const fn work_word(work: Work) -> &'static str {
    match work {
        Work::Idle => "idle",
        Work::Dialing => "dialing",
        Work::Ringing => "ringing",
        Work::Talking => "talking",
        Work::WrapUp { .. } => "wrap_up",
    }
}
