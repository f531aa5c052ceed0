//! The workbench of missed calls: the list, and who calls back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::model::{EpisodeId, EpisodeRow, Name};
use crate::store::{EpisodesAsk, EpisodesIn};
use crate::switch::Command;
use crate::web::access::{Reader, Role};
use crate::web::door::fault;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::{SeeMissed, WorkMissed};
use crate::web::state::Web;
use crate::web::stream::queues_of;
use crate::web::view::EpisodeView;

use super::calls::moment;
use super::{Asked, Paged, Sent, client, cursor, name, scope};

/// Longest reason of a closing by hand.
const REASON_MAX: usize = 200;

/// Which episodes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MissedQuery {
    /// `open` (all but the closed), `all`, `unassigned`, `assigned`, `attempting`, `no_contact`
    /// or `closed`.
    state: Option<String>,
    /// The queue of the last missed call.
    queue: Option<String>,
    /// Whose.
    owner: Option<String>,
    /// `+998…`, or the `ref` of a masked number.
    client: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows, at most 50.
    limit: Option<u32>,
}

/// Missed-call episodes, the last lost first. An operator sees their own, and with
/// `state=unassigned` nobody's in their queues.
#[utoipa::path(get, path = "/missed", tag = "missed", params(MissedQuery), responses(
    (status = 200, body = Paged<EpisodeView>), (status = 400, body = ErrorBody)))]
pub async fn missed(
    State(web): State<Web>,
    SeeMissed(reader): SeeMissed,
    Asked(query): Asked<MissedQuery>,
) -> Result<Json<Paged<EpisodeView>>, Fault> {
    let site = web.site();
    let my_queues = queues_of(&web, &reader);
    let mut ask = EpisodesAsk {
        state: state(query.state.as_deref())?,
        queue: name(query.queue.as_ref()),
        scope: scope(&reader),
        owner: name(query.owner.as_ref()),
        client: client(&site, &reader, query.client.as_ref())?,
        reason: None,
        from: None,
        to: None,
        cursor: cursor(query.cursor.as_ref())?,
        limit: query.limit.unwrap_or(50),
    };
    if reader.role == Role::Operator {
        match ask.state {
            EpisodesIn::Unassigned => ask.scope = Some(my_queues.clone()),
            EpisodesIn::Open
            | EpisodesIn::All
            | EpisodesIn::Assigned
            | EpisodesIn::Attempting
            | EpisodesIn::NoContact
            | EpisodesIn::Closed => {
                ask.scope = None;
                ask.owner = Some(reader.operator.clone().unwrap_or_else(|| Name::from("")));
            }
        }
    }
    let page = web.0.store.episodes(&ask).await.map_err(fault)?;
    let now = web.now().wall;
    let shown = page.items.iter().filter(|episode| reader.sees_episode(episode, &my_queues));
    let items = shown
        .map(|episode| {
            let sight = site.eyes.sight(&reader, Some(&episode.queue));
            EpisodeView::of(episode, sight, &site.eyes, Some(now))
        })
        .collect();
    Ok(Json(Paged { items, next: page.next.map(|next| next.to_string()) }))
}

fn state(word: Option<&str>) -> Result<EpisodesIn, Fault> {
    Ok(match word {
        None | Some("open") => EpisodesIn::Open,
        Some("all") => EpisodesIn::All,
        Some("unassigned") => EpisodesIn::Unassigned,
        Some("assigned") => EpisodesIn::Assigned,
        Some("attempting") => EpisodesIn::Attempting,
        Some("no_contact") => EpisodesIn::NoContact,
        Some("closed") => EpisodesIn::Closed,
        Some(_) => {
            let known = "open, all, unassigned, assigned, attempting, no_contact, closed";
            return Err(Fault::Bad(format!("state: one of {known}")));
        }
    })
}

/// To whom.
#[derive(Deserialize, ToSchema)]
pub struct Assign {
    /// An operator; null gives it back.
    owner: Option<String>,
    /// By when, RFC 3339; the queue's rule unless given.
    #[serde(default)]
    due_at: Option<String>,
}

/// Gives an episode to somebody. Operators take and give back their own.
#[utoipa::path(post, path = "/missed/{id}/assign", tag = "missed", request_body = Assign,
    params(("id" = u64, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn assign(
    State(web): State<Web>,
    WorkMissed(reader): WorkMissed,
    Path(id): Path<String>,
    Sent(sent): Sent<Assign>,
) -> Result<StatusCode, Fault> {
    let episode = seen(&web, &reader, &id).await?;
    let owner = sent.owner.map(Name::from);
    let other = owner.as_ref().is_some_and(|owner| !reader.is_operator(owner));
    if reader.role == Role::Operator && other {
        return Err(Fault::Forbidden);
    }
    let due = moment("due_at", sent.due_at.as_ref())?;
    let command = Command::AssignEpisode { episode: episode.id, owner: owner.clone(), due };
    let told = serde_json::json!({ "owner": owner });
    act(&web, &reader, "missed assign", &episode, command, told).await
}

/// Why it is closed.
#[derive(Deserialize, ToSchema)]
pub struct Close {
    reason: String,
}

/// Closes an episode by hand.
#[utoipa::path(post, path = "/missed/{id}/close", tag = "missed", request_body = Close,
    params(("id" = u64, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn close(
    State(web): State<Web>,
    WorkMissed(reader): WorkMissed,
    Path(id): Path<String>,
    Sent(sent): Sent<Close>,
) -> Result<StatusCode, Fault> {
    let episode = seen(&web, &reader, &id).await?;
    let reason = sent.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        return Err(Fault::Bad(format!("reason: 1 to {REASON_MAX} characters")));
    }
    let told = serde_json::json!({ "reason": reason });
    let command = Command::CloseEpisode { episode: episode.id, reason };
    act(&web, &reader, "missed close", &episode, command, told).await
}

async fn act(
    web: &Web,
    reader: &Reader,
    act: &str,
    episode: &EpisodeRow,
    command: Command,
    told: serde_json::Value,
) -> Result<StatusCode, Fault> {
    let supervisor = reader.role != Role::Operator;
    web.0.exchange.command(reader.login.clone(), supervisor, command).await?;
    web.0.door.audit(reader, act, &episode.id.to_string(), told).await;
    Ok(StatusCode::NO_CONTENT)
}

/// An episode that the reader may see; any other does not exist.
async fn seen(web: &Web, reader: &Reader, id: &str) -> Result<EpisodeRow, Fault> {
    let id = id.parse().map_err(|_| Fault::Missing("episode"))?;
    let episode = web.0.store.episode(EpisodeId(id)).await.map_err(fault)?;
    let my_queues = queues_of(web, reader);
    episode
        .filter(|episode| reader.sees_episode(episode, &my_queues))
        .ok_or(Fault::Missing("episode"))
}
