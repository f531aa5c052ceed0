//! Operators and queues as they are configured, and making them in the pages.
//!
//! `settings` are the keys of the section in the configuration file, and are checked as if they
//! stood there. What stands in the file is read-only here.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::model::Work;
use crate::web::access::Reader;
use crate::web::changes::{Change, Changed, Sort};
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::{Administer, Connect};
use crate::web::state::Web;

use super::{Items, Sent};

/// Longest name; the configuration may be stricter.
const NAME_MAX: usize = 128;

/// An operator or a queue as it is configured.
#[derive(Debug, Serialize, ToSchema)]
pub struct ThingRow {
    name: String,
    /// `file`: read-only here; `pages`.
    from: &'static str,
    /// Where in the file it stands.
    at: Option<String>,
    /// The keys of its section with the values that hold, defaults among them, secrets left out.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// Something to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewThing {
    name: String,
    /// The keys of the section in the configuration file; those left out have their defaults.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// Other settings: all of them, those left out go back to their defaults.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// Whether an operator takes no calls and may not sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Disabled {
    disabled: bool,
}

/// What taking something away did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Removed {
    #[serde(flatten)]
    changed: Changed,
    /// Callers that wait in the queue, or calls that the operator still has. They are finished by
    /// the settings they came with; nothing new comes.
    live_calls: u32,
}

/// Operators as configured.
#[utoipa::path(get, path = "/admin/operators", tag = "admin", responses(
    (status = 200, body = Items<ThingRow>)))]
pub async fn operators(
    State(web): State<Web>,
    Administer(_admin): Administer,
) -> Json<Items<ThingRow>> {
    rows(&web, Sort::Operator)
}

/// Makes an operator; with a `login` also the user of their panel.
#[utoipa::path(post, path = "/admin/operators", tag = "admin", request_body = NewThing, responses(
    (status = 201, body = Changed), (status = 400, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn add_operator(
    State(web): State<Web>,
    Administer(admin): Administer,
    Sent(sent): Sent<NewThing>,
) -> Result<(StatusCode, Json<Changed>), Fault> {
    add(&web, &admin, Sort::Operator, sent).await
}

/// Changes an operator that was made in the pages.
#[utoipa::path(put, path = "/admin/operators/{name}", tag = "admin", request_body = Settings,
    params(("name" = String, Path)), responses(
    (status = 200, body = Changed), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn put_operator(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(name): Path<String>,
    Sent(sent): Sent<Settings>,
) -> Result<Json<Changed>, Fault> {
    put(&web, &admin, (Sort::Operator, name), sent).await
}

/// Switches an operator off or on.
#[utoipa::path(post, path = "/admin/operators/{name}/disable", tag = "admin",
    request_body = Disabled, params(("name" = String, Path)), responses(
    (status = 200, body = Changed), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn disable_operator(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(name): Path<String>,
    Sent(Disabled { disabled }): Sent<Disabled>,
) -> Result<Json<Changed>, Fault> {
    let change = Change::Disable { sort: Sort::Operator, name: name.clone(), disabled };
    let changed = web.0.changes.make(change).await?;
    let told = json!({ "disabled": disabled });
    web.0.door.audit(&admin, "operator disable", &name, told).await;
    Ok(Json(changed))
}

/// Takes an operator away. Refused while a queue names them; calls they have go on.
#[utoipa::path(delete, path = "/admin/operators/{name}", tag = "admin",
    params(("name" = String, Path)), responses(
    (status = 200, body = Removed), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn remove_operator(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(name): Path<String>,
) -> Result<Json<Removed>, Fault> {
    let seen = web.0.exchange.snapshot();
    let operator = seen.operator(&name);
    let busy = operator.is_some_and(|one| match one.work {
        Work::Idle | Work::WrapUp { .. } => false,
        Work::Dialing | Work::Ringing | Work::Talking => true,
    });
    remove(&web, &admin, (Sort::Operator, name), u32::from(busy)).await
}

/// Queues as configured.
#[utoipa::path(get, path = "/admin/queues", tag = "admin", responses(
    (status = 200, body = Items<ThingRow>)))]
pub async fn queues(State(web): State<Web>, Connect(_reader): Connect) -> Json<Items<ThingRow>> {
    rows(&web, Sort::Queue)
}

/// Makes a queue.
#[utoipa::path(post, path = "/admin/queues", tag = "admin", request_body = NewThing, responses(
    (status = 201, body = Changed), (status = 400, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn add_queue(
    State(web): State<Web>,
    Connect(reader): Connect,
    Sent(sent): Sent<NewThing>,
) -> Result<(StatusCode, Json<Changed>), Fault> {
    add(&web, &reader, Sort::Queue, sent).await
}

/// Changes a queue that was made in the pages. Who waits keeps the settings they came with.
#[utoipa::path(put, path = "/admin/queues/{name}", tag = "admin", request_body = Settings,
    params(("name" = String, Path)), responses(
    (status = 200, body = Changed), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn put_queue(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(name): Path<String>,
    Sent(sent): Sent<Settings>,
) -> Result<Json<Changed>, Fault> {
    put(&web, &reader, (Sort::Queue, name), sent).await
}

/// Takes a queue away. Refused while a provider, another queue or somebody's scope names it; who
/// waits in it is served on.
#[utoipa::path(delete, path = "/admin/queues/{name}", tag = "admin",
    params(("name" = String, Path)), responses(
    (status = 200, body = Removed), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn remove_queue(
    State(web): State<Web>,
    Connect(reader): Connect,
    Path(name): Path<String>,
) -> Result<Json<Removed>, Fault> {
    let seen = web.0.exchange.snapshot();
    let queue = seen.queues.iter().find(|queue| queue.name.as_str() == name);
    let waiting = queue.map_or(0, |queue| queue.waiting);
    remove(&web, &reader, (Sort::Queue, name), waiting).await
}

fn rows(web: &Web, sort: Sort) -> Json<Items<ThingRow>> {
    let site = web.site();
    let rows = site.things.iter().filter(|thing| thing.sort == sort).map(|thing| ThingRow {
        name: thing.name.clone(),
        from: if thing.file.is_some() { "file" } else { "pages" },
        at: thing.file.clone(),
        settings: thing.keys.clone(),
    });
    Json(Items { items: rows.collect() })
}

async fn add(
    web: &Web,
    by: &Reader,
    sort: Sort,
    sent: NewThing,
) -> Result<(StatusCode, Json<Changed>), Fault> {
    let NewThing { name, settings: keys } = sent;
    let told = json!({ "settings": &keys });
    let change = Change::Make { sort, name: fitting(name)?, keys };
    let named = name_of(&change);
    let changed = web.0.changes.make(change).await?;
    web.0.door.audit(by, &format!("{} add", sort.word()), &named, told).await;
    Ok((StatusCode::CREATED, Json(changed)))
}

fn name_of(change: &Change) -> String {
    match change {
        Change::Make { name, .. } | Change::Put { name, .. } => name.clone(),
        Change::Disable { name, .. } | Change::Remove { name, .. } => name.clone(),
        Change::Reload => String::new(),
    }
}

async fn put(
    web: &Web,
    by: &Reader,
    (sort, name): (Sort, String),
    sent: Settings,
) -> Result<Json<Changed>, Fault> {
    let before = web.site().things.iter().find(|it| it.sort == sort && it.name == name).cloned();
    let told = json!({ "before": before.map(|it| it.keys), "settings": &sent.settings });
    let change = Change::Put { sort, name: name.clone(), keys: sent.settings };
    let changed = web.0.changes.make(change).await?;
    web.0.door.audit(by, &format!("{} change", sort.word()), &name, told).await;
    Ok(Json(changed))
}

async fn remove(
    web: &Web,
    by: &Reader,
    (sort, name): (Sort, String),
    live_calls: u32,
) -> Result<Json<Removed>, Fault> {
    let changed = web.0.changes.make(Change::Remove { sort, name: name.clone() }).await?;
    let told = json!({ "live_calls": live_calls });
    web.0.door.audit(by, &format!("{} delete", sort.word()), &name, told).await;
    Ok(Json(Removed { changed, live_calls }))
}

/// A name without control characters, and not endless; everything else is the configuration's
/// to judge.
fn fitting(name: String) -> Result<String, Fault> {
    let fits = name.trim() == name && (1..=NAME_MAX).contains(&name.len());
    if fits && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(Fault::Bad(format!("name: 1 to {NAME_MAX} bytes, no blanks around it")))
}
