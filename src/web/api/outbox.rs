//! The outbox: what waits, what is stuck, and how a person mends it and sends it again.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::connect::deliver::DRY_RUN;
use crate::model::{Name, NoteBody};
use crate::store::{NoteRow, NoteState, NotesAsk};
use crate::web::access::Reader;
use crate::web::door::fault;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::Connect;
use crate::web::sight::Sight;
use crate::web::state::Web;
use crate::web::view::{NoteDetailView, NoteView, TargetView};

use super::{Asked, Items, Paged, Sent, cursor, name};

/// Longest reason of a person.
const WHY_MAX: usize = 200;

/// Which notes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutboxQuery {
    /// Of one target.
    target: Option<String>,
    /// `waiting` (pending, in_flight, ambiguous), `stuck` (dead, unclear), or one state's word.
    state: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows, at most 50.
    limit: Option<u32>,
}

/// Notes, the last made first.
#[utoipa::path(get, path = "/outbox", tag = "outbox", params(OutboxQuery), responses(
    (status = 200, body = Paged<NoteView>), (status = 400, body = ErrorBody)))]
pub async fn notes(
    State(web): State<Web>,
    Connect(reader): Connect,
    Asked(query): Asked<OutboxQuery>,
) -> Result<Json<Paged<NoteView>>, Fault> {
    let ask = NotesAsk {
        target: name(query.target.as_ref()),
        states: states(query.state.as_deref())?,
        told: None,
        cursor: cursor(query.cursor.as_ref())?,
        limit: query.limit.unwrap_or(50),
    };
    page(&web, &reader, &ask).await
}

async fn page(web: &Web, reader: &Reader, ask: &NotesAsk) -> Result<Json<Paged<NoteView>>, Fault> {
    let sight = web.site().eyes.sight(reader, None);
    let page = web.0.store.notes(ask).await.map_err(fault)?;
    let items = page.items.iter().map(|note| NoteView::of(note, sight)).collect();
    Ok(Json(Paged { items, next: page.next.map(|next| next.to_string()) }))
}

fn states(word: Option<&str>) -> Result<Vec<NoteState>, Fault> {
    let fits: fn(NoteState) -> bool = match word {
        None => return Ok(Vec::new()),
        Some("waiting") => NoteState::is_waiting,
        Some("stuck") => |state| matches!(state, NoteState::Dead | NoteState::Unclear),
        Some(word) => {
            let known = NoteState::ALL.map(NoteState::word).join(", ");
            let bad = || Fault::Bad(format!("state: one of waiting, stuck, {known}"));
            return Ok(vec![NoteState::of(word).ok_or_else(bad)?]);
        }
    };
    Ok(NoteState::ALL.into_iter().filter(|state| fits(*state)).collect())
}

/// One note with its body.
#[utoipa::path(get, path = "/outbox/{id}", tag = "outbox", params(("id" = String, Path)),
    responses((status = 200, body = NoteDetailView), (status = 404, body = ErrorBody)))]
pub async fn note(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(id): Path<String>,
) -> Result<Json<NoteDetailView>, Fault> {
    let sight = web.site().eyes.sight(&reader, None);
    Ok(Json(NoteDetailView::of(&found(&web, &id).await?, sight)))
}

/// Sends a note again that is dead, unclear or skipped.
#[utoipa::path(post, path = "/outbox/{id}/retry", tag = "outbox", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn retry(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let note = found(&web, &id).await?;
    let done = web.0.store.retry_note(&note.id, web.now().wall).await.map_err(fault)?;
    acted(&web, &reader, "outbox retry", &note, done, json!({})).await
}

/// Why a note is given up.
#[derive(Deserialize, ToSchema)]
pub struct SkipNote {
    reason: String,
}

/// Gives up a note that waits or is stuck.
#[utoipa::path(post, path = "/outbox/{id}/skip", tag = "outbox", request_body = SkipNote,
    params(("id" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn skip(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(id): Path<String>,
    Sent(sent): Sent<SkipNote>,
) -> Result<StatusCode, Fault> {
    let reason = sent.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > WHY_MAX {
        return Err(Fault::Bad(format!("reason: 1 to {WHY_MAX} characters")));
    }
    let note = found(&web, &id).await?;
    let why = format!("{}: {reason}", reader.login);
    let done = web.0.store.skip_note(&note.id, &why, web.now().wall).await.map_err(fault)?;
    acted(&web, &reader, "outbox skip", &note, done, json!({ "reason": reason })).await
}

/// Another body for a dead note.
#[derive(Deserialize, ToSchema)]
pub struct EditNote {
    /// Of the same kind as the one that is there.
    #[schema(value_type = Object)]
    body: Value,
}

/// Mends the body of a dead note and sends it. Only for readers who see it whole.
#[utoipa::path(post, path = "/outbox/{id}/edit", tag = "outbox", request_body = EditNote,
    params(("id" = String, Path)), responses((status = 204), (status = 400, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn edit(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(id): Path<String>,
    Sent(sent): Sent<EditNote>,
) -> Result<StatusCode, Fault> {
    if web.site().eyes.sight(&reader, None) != Sight::Whole {
        return Err(Fault::Forbidden); // covered numbers must not become the numbers
    }
    let note = found(&web, &id).await?;
    let kind = sent.body.get("note").and_then(Value::as_str);
    if kind != Some(note.kind.as_str()) {
        return Err(Fault::Bad(format!("body: `note` must stay `{}`", note.kind)));
    }
    let body = serde_json::from_value::<NoteBody>(sent.body)
        .map_err(|error| Fault::Bad(format!("body: {error}")))?;
    let text = serde_json::to_string(&body).map_err(|_| Fault::Broken)?;
    let done = web.0.store.edit_note(&note.id, &text, web.now().wall).await.map_err(fault)?;
    acted(&web, &reader, "outbox edit", &note, done, json!({})).await
}

async fn found(web: &Web, id: &str) -> Result<NoteRow, Fault> {
    web.0.store.note(id).await.map_err(fault)?.ok_or(Fault::Missing("note"))
}

async fn acted(
    web: &Web,
    reader: &Reader,
    act: &str,
    note: &NoteRow,
    done: bool,
    told: Value,
) -> Result<StatusCode, Fault> {
    if !done {
        let state = found(web, &note.id).await?.state.word();
        return Err(Fault::Conflict(format!("the note is {state}")));
    }
    web.0.door.audit(reader, act, &note.once_key, told).await;
    Ok(StatusCode::NO_CONTENT)
}

/// CRMs and messengers, and how they fare.
#[utoipa::path(get, path = "/admin/crm", tag = "outbox", responses(
    (status = 200, body = Items<TargetView>)))]
pub async fn targets(
    State(web): State<Web>,
    Connect(reader): Connect,
) -> Result<Json<Items<TargetView>>, Fault> {
    let sight = web.site().eyes.sight(&reader, None);
    let counts = web.0.store.count_notes().await.map_err(fault)?;
    let health = web.0.outlets.health();
    let items = health.iter().map(|one| TargetView::of(one, &counts, sight)).collect();
    Ok(Json(Items { items }))
}

/// Which notes of a dry run.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRunQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows, at most 50.
    limit: Option<u32>,
}

/// What a dry run would have sent to one target, the last first.
#[utoipa::path(get, path = "/admin/crm/{name}/dry-run", tag = "outbox",
    params(("name" = String, Path), DryRunQuery), responses(
    (status = 200, body = Paged<NoteView>), (status = 404, body = ErrorBody)))]
pub async fn dry_run(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(target): Path<String>,
    Asked(query): Asked<DryRunQuery>,
) -> Result<Json<Paged<NoteView>>, Fault> {
    let target = Name::from(target);
    if !web.0.outlets.health().iter().any(|one| one.name == target) {
        return Err(Fault::Missing("target"));
    }
    let ask = NotesAsk {
        target: Some(target),
        states: vec![NoteState::Skipped],
        told: Some(DRY_RUN.to_owned()),
        cursor: cursor(query.cursor.as_ref())?,
        limit: query.limit.unwrap_or(50),
    };
    page(&web, &reader, &ask).await
}

/// How a test of a target ended.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct TargetTest {
    /// Whether it answers and knows us.
    ok: bool,
    /// What it said when not.
    why: Option<String>,
}

/// Asks a target whether it answers and knows us. Success also ends a pause: what waits is sent.
#[utoipa::path(post, path = "/admin/crm/{name}/test", tag = "outbox",
    params(("name" = String, Path)), responses(
    (status = 200, body = TargetTest), (status = 404, body = ErrorBody)))]
pub async fn test(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(target): Path<String>,
) -> Result<Json<TargetTest>, Fault> {
    let name = Name::from(target);
    let answer = web.0.outlets.test(&name).await.ok_or(Fault::Missing("target"))?;
    web.0.door.audit(&reader, "crm test", name.as_str(), json!({ "ok": answer.is_ok() })).await;
    let why = answer.err();
    Ok(Json(TargetTest { ok: why.is_none(), why }))
}
