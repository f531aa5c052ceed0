//! The floor: operators on their three axes, queues, and changing what somebody chose.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::{Intent, Name, Wall};
use crate::switch::Command;
use crate::web::access::Reader;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::{SeePresence, SetPresence};
use crate::web::state::Web;
use crate::web::view::{OperatorView, QueueView};

use super::{Items, Sent};

/// Longest reason of a break.
const REASON_MAX: usize = 100;

/// Operators in the reader's scope.
#[utoipa::path(get, path = "/operators", tag = "floor", responses(
    (status = 200, body = Items<OperatorView>)))]
pub async fn operators(
    State(web): State<Web>,
    SeePresence(reader): SeePresence,
) -> Json<Items<OperatorView>> {
    Json(Items { items: operators_for(&web, &reader) })
}

/// The same, by the name under which presence is changed.
#[utoipa::path(get, path = "/presence", tag = "floor", responses(
    (status = 200, body = Items<OperatorView>)))]
pub async fn presence(
    State(web): State<Web>,
    SeePresence(reader): SeePresence,
) -> Json<Items<OperatorView>> {
    Json(Items { items: operators_for(&web, &reader) })
}

/// Operators in a reader's scope.
pub fn operators_for(web: &Web, reader: &Reader) -> Vec<OperatorView> {
    let seen = web.0.exchange.snapshot();
    let theirs = seen.operators.iter().filter(|one| reader.sees_operator(one));
    theirs.map(|one| OperatorView::of(one)).collect()
}

/// Queues in the reader's scope.
#[utoipa::path(get, path = "/queues", tag = "floor", responses(
    (status = 200, body = Items<QueueView>)))]
pub async fn queues(
    State(web): State<Web>,
    SeePresence(reader): SeePresence,
) -> Json<Items<QueueView>> {
    Json(Items { items: queues_for(&web, &reader) })
}

/// Queues in a reader's scope.
pub fn queues_for(web: &Web, reader: &Reader) -> Vec<QueueView> {
    let seen = web.0.exchange.snapshot();
    let theirs = seen.queues.iter().filter(|queue| reader.in_scope(Some(&queue.name)));
    theirs.map(QueueView::of).collect()
}

/// What somebody chooses.
#[derive(Deserialize, ToSchema)]
pub struct SetIntent {
    intent: Chosen,
}

/// What can be chosen.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Chosen {
    /// Takes calls.
    Ready,
    /// Away for a while.
    Break {
        /// Why.
        reason: String,
        /// When they mean to be back, in milliseconds since 1970.
        #[serde(default)]
        planned_end: Option<i64>,
    },
    /// Wants no calls.
    Dnd,
    /// Signs out of the queue.
    Offline,
}

/// Changes what an operator chose.
#[utoipa::path(put, path = "/presence/{operator}", tag = "floor", request_body = SetIntent,
    params(("operator" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn set_presence(
    State(web): State<Web>,
    SetPresence(reader): SetPresence,
    Path(operator): Path<String>,
    Sent(sent): Sent<SetIntent>,
) -> Result<StatusCode, Fault> {
    let operator = Name::from(operator);
    let seen = web.0.exchange.snapshot();
    let found = seen.operator(operator.as_str());
    found.filter(|one| reader.sets_presence_of(one)).ok_or(Fault::Missing("operator"))?;
    let intent = match sent.intent {
        Chosen::Ready => Intent::Ready,
        Chosen::Break { reason, .. } if reason.chars().count() > REASON_MAX => {
            return Err(Fault::Bad(format!("reason: at most {REASON_MAX} characters")));
        }
        Chosen::Break { reason, planned_end } => {
            Intent::Break { reason, planned_end: planned_end.map(Wall) }
        }
        Chosen::Dnd => Intent::Dnd,
        Chosen::Offline => Intent::Offline,
    };
    let supervisor = !reader.is_operator(&operator);
    let command = Command::SetIntent { operator: operator.clone(), intent };
    web.0.exchange.command(reader.login.clone(), supervisor, command).await?;
    if supervisor {
        web.0.door.audit(&reader, "presence", operator.as_str(), serde_json::json!({})).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Ends an operator's wrap-up before its time; nothing happens where there is none.
#[utoipa::path(post, path = "/presence/{operator}/end-wrap-up", tag = "floor",
    params(("operator" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody)))]
pub async fn end_wrap_up(
    State(web): State<Web>,
    SetPresence(reader): SetPresence,
    Path(operator): Path<String>,
) -> Result<StatusCode, Fault> {
    let operator = Name::from(operator);
    let seen = web.0.exchange.snapshot();
    let found = seen.operator(operator.as_str());
    found.filter(|one| reader.sets_presence_of(one)).ok_or(Fault::Missing("operator"))?;
    let supervisor = !reader.is_operator(&operator);
    let command = Command::EndWrapUp { operator: operator.clone() };
    web.0.exchange.command(reader.login.clone(), supervisor, command).await?;
    if supervisor {
        web.0.door.audit(&reader, "end wrap-up", operator.as_str(), serde_json::json!({})).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
