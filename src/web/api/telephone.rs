//! Calls made from a page: dial, take a colleague's caller, pass one's own caller on, and the
//! telephones that are registered.
//!
//! Each acts for one operator: one's own, or with a wider role the one that is named. Whether the
//! operator may call a number is the exchange's to judge, before any telephone rings.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::{CallId, Name, Number, PopState};
use crate::switch::{self, Command, Target};
use crate::web::access::{Act, Reader, Role};
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::{SeeTelephones, Telephone};
use crate::web::state::{Site, Web};
use crate::web::stream::queues_of;
use crate::web::view::{OperatorView, stamp};

use super::Sent;

/// Longest text that may stand for a number.
const NUMBER_MAX: usize = 64;

/// Whom to call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dial {
    /// `+998…`, or the `ref` of a masked number.
    to: String,
    /// For whom; one's own operator unless given.
    operator: Option<String>,
}

/// Calls a number for an operator: first their telephone rings, then the number's. Their list of
/// numbers they may call (`dial`) decides.
#[utoipa::path(post, path = "/dial", tag = "telephone", request_body = Dial, responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn dial(
    State(web): State<Web>,
    Telephone(reader): Telephone,
    Sent(sent): Sent<Dial>,
) -> Result<StatusCode, Fault> {
    let operator = acting(&web, &reader, sent.operator)?;
    let number = number(&web.site(), "to", &sent.to)?;
    let command = Command::Place { operator: operator.clone(), number };
    act(&web, &reader, &operator, "dial", command).await
}

/// Who takes the caller.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pickup {
    /// Whose telephone is rung; one's own operator unless given.
    operator: Option<String>,
}

/// Rings an operator for a caller for whom others are rung; they lose the call when the operator
/// answers. Operators take callers of their own queues.
#[utoipa::path(post, path = "/calls/{id}/pickup", tag = "telephone", request_body = Pickup,
    params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn pickup(
    State(web): State<Web>,
    Telephone(reader): Telephone,
    Path(id): Path<String>,
    Sent(sent): Sent<Pickup>,
) -> Result<StatusCode, Fault> {
    let call = call_id(&id)?;
    let (seen, _) = web.0.exchange.snapshot_after(web.0.hub.last()).await;
    let queues = queues_of(&web, &reader);
    let rings = seen.pops.iter().filter(|pop| pop.call == call && pop.state == PopState::Ringing);
    let mut theirs = rings.filter(|pop| match reader.role {
        Role::Operator => pop.queue.as_ref().is_some_and(|queue| queues.contains(queue)),
        Role::Supervisor | Role::Admin | Role::Integrator | Role::Wallboard => reader.sees_pop(pop),
    });
    theirs.next().ok_or(Fault::Missing("call that rings"))?;
    let operator = acting(&web, &reader, sent.operator)?;
    let command = Command::Pickup { call, operator: operator.clone() };
    act(&web, &reader, &operator, "pickup", command).await
}

/// To whom: exactly one of the three.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PassOn {
    /// Who talks with the caller; one's own operator unless given.
    by: Option<String>,
    /// A colleague.
    operator: Option<String>,
    /// A queue.
    queue: Option<String>,
    /// A number outside, `+998…` or a `ref`; by the list of numbers that `by` may call.
    number: Option<String>,
}

/// Passes the caller of an operator on to somebody who is rung now; they come back when nobody
/// takes them. For calls that navbat carries.
#[utoipa::path(post, path = "/calls/{id}/transfer", tag = "telephone", request_body = PassOn,
    params(("id" = String, Path)), responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn transfer(
    State(web): State<Web>,
    Telephone(reader): Telephone,
    Path(id): Path<String>,
    Sent(sent): Sent<PassOn>,
) -> Result<StatusCode, Fault> {
    let call = call_id(&id)?;
    let by = acting(&web, &reader, sent.by)?;
    let to = match (sent.operator, sent.queue, sent.number) {
        (Some(operator), None, None) => Target::Operator(operator.into()),
        (None, Some(queue), None) => Target::Queue(queue.into()),
        (None, None, Some(text)) => {
            Target::Outside { number: number(&web.site(), "number", &text)?, account: None }
        }
        (_, _, _) => {
            return Err(Fault::Bad(String::from("one of `operator`, `queue` and `number`")));
        }
    };
    let command = Command::Transfer { operator: by.clone(), to, call: Some(call) };
    act(&web, &reader, &by, "transfer", command).await
}

/// One registered telephone.
#[derive(Debug, Serialize, ToSchema)]
pub struct TelephoneView {
    /// The SIP user.
    user: String,
    /// `udp`, `tcp`, `tls`, `ws`, `wss`.
    transport: &'static str,
    /// What it calls itself; null when it does not say.
    user_agent: Option<String>,
    /// Where it is reached; null for who does not connect sites.
    address: Option<String>,
    /// When its registration ends by itself.
    expires_at: String,
    /// Whether it registered or answered since the server started.
    seen: bool,
}

/// An operator with their telephones.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorDetail {
    #[serde(flatten)]
    operator: OperatorView,
    /// Registered here, the preferred first; empty in event mode.
    telephones: Vec<TelephoneView>,
}

/// One operator with the telephones that are registered. Operators see their own.
#[utoipa::path(get, path = "/operators/{name}", tag = "floor", params(("name" = String, Path)),
    responses((status = 200, body = OperatorDetail), (status = 404, body = ErrorBody)))]
pub async fn operator(
    State(web): State<Web>,
    SeeTelephones(reader): SeeTelephones,
    Path(name): Path<String>,
) -> Result<Json<OperatorDetail>, Fault> {
    let name = Name::from(name);
    let seen = web.0.exchange.snapshot();
    let found = seen.operator(name.as_str());
    let theirs = found.filter(|one| match reader.role {
        Role::Operator => reader.is_operator(&one.name),
        Role::Supervisor | Role::Admin | Role::Integrator | Role::Wallboard => {
            reader.sees_operator(one)
        }
    });
    let operator = theirs.ok_or(Fault::Missing("operator"))?;
    let telephones = web.0.exchange.telephones(name).await?;
    let whole = reader.may(Act::Connect);
    let view = |one: switch::TelephoneView| TelephoneView {
        user: one.user,
        transport: one.transport,
        user_agent: Some(one.user_agent).filter(|agent| !agent.is_empty()),
        address: whole.then(|| one.address.to_string()),
        expires_at: stamp(one.expires_at),
        seen: one.seen,
    };
    let operator = OperatorView::of(operator);
    let telephones = telephones.into_iter().map(view).collect();
    Ok(Json(OperatorDetail { operator, telephones }))
}

/// The operator that is acted for: one's own, or the one that is named and in scope.
fn acting(web: &Web, reader: &Reader, asked: Option<String>) -> Result<Name, Fault> {
    let name = asked.map(Name::from).or_else(|| reader.operator.clone());
    let name = name.ok_or_else(|| Fault::Bad(String::from("operator: whose telephone?")))?;
    let seen = web.0.exchange.snapshot();
    let found = seen.operator(name.as_str());
    found.filter(|one| reader.sets_presence_of(one)).ok_or(Fault::Missing("operator"))?;
    Ok(name)
}

async fn act(
    web: &Web,
    reader: &Reader,
    operator: &Name,
    what: &str,
    command: Command,
) -> Result<StatusCode, Fault> {
    let supervisor = !reader.is_operator(operator);
    web.0.exchange.command(reader.login.clone(), supervisor, command).await?;
    if supervisor {
        web.0.door.audit(reader, what, operator.as_str(), serde_json::json!({})).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A number as it was typed, or the number of a reference.
fn number(site: &Site, field: &str, text: &str) -> Result<Number, Fault> {
    if text.starts_with("n_") {
        return site.eyes.number_of(text).ok_or(Fault::Missing("client"));
    }
    let plain: String = text.chars().filter(|it| it.is_ascii_digit() || *it == '+').collect();
    let odd = text.chars().any(|it| !it.is_ascii_digit() && !"+ ()-".contains(it));
    let number = Number::new(&plain).ok().filter(|_| !odd && text.len() <= NUMBER_MAX);
    number.ok_or_else(|| Fault::Bad(format!("{field}: a number like +998901234567, or its `ref`")))
}

fn call_id(id: &str) -> Result<CallId, Fault> {
    Uuid::parse_str(id).map(CallId).map_err(|_| Fault::Missing("call"))
}
