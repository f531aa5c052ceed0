//! People who sign in: those of the file, who are read-only here, and those made in the pages.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::model::Period;
use crate::store::{Link, Person};
use crate::web::access::{Reader, Role};
use crate::web::changes::{Change, Changed, Sort};
use crate::web::door::fault;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::Administer;
use crate::web::random;
use crate::web::state::Web;
use crate::web::view::stamp;

use super::{Items, Sent, ShownOnce};

/// How long a one-time link is good for.
const LINK_FOR: Period = Period::hours(1);

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserRow {
    login: String,
    role: String,
    queues: Vec<String>,
    operator: Option<String>,
    disabled: bool,
    /// Whether a password was set.
    has_password: bool,
    /// `file`: read-only here; `pages`; `operator`: the login of an operator, changed with them.
    from: &'static str,
    created_at: String,
}

/// People.
#[utoipa::path(get, path = "/admin/users", tag = "admin", responses(
    (status = 200, body = Items<UserRow>)))]
pub async fn users(
    State(web): State<Web>,
    Administer(_admin): Administer,
) -> Result<Json<Items<UserRow>>, Fault> {
    let site = web.site();
    let people = web.0.store.people().await.map_err(fault)?;
    let rows = people.into_iter().map(|person| UserRow {
        from: match (site.file_logins.contains(&person.login), &person.operator) {
            (true, _) => "file",
            (false, Some(_)) => "operator",
            (false, None) => "pages",
        },
        login: person.login.to_string(),
        role: person.role,
        queues: person.queues.iter().map(ToString::to_string).collect(),
        operator: person.operator.map(|operator| operator.to_string()),
        disabled: person.disabled,
        has_password: person.password.is_some(),
        created_at: stamp(person.created_at),
    });
    Ok(Json(Items { items: rows.collect() }))
}

/// A person to add. An operator's user is made by the operator's `login`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    login: String,
    role: Role,
    /// The queues they answer for; empty: all.
    #[serde(default)]
    queues: Vec<String>,
}

/// What somebody may do, all of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    role: Role,
    #[serde(default)]
    queues: Vec<String>,
    #[serde(default)]
    disabled: bool,
}

/// A one-time link; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewLink {
    link: String,
    expires_at: String,
}

/// Adds a person and makes the link that sets their password.
#[utoipa::path(post, path = "/admin/users", tag = "admin", request_body = NewUser, responses(
    (status = 201, body = NewLink), (status = 400, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn add_user(
    State(web): State<Web>,
    Administer(admin): Administer,
    Sent(sent): Sent<NewUser>,
) -> Result<(StatusCode, ShownOnce<NewLink>), Fault> {
    let (sort, name) = (Sort::User, sent.login.clone());
    let keys = keys(sent.role, &sent.queues, false);
    let told = json!({ "settings": &keys });
    web.0.changes.make(Change::Make { sort, name, keys }).await?;
    web.0.door.audit(&admin, "user add", &sent.login, told).await;
    let person = web.0.store.person(&sent.login).await.map_err(fault)?;
    let person = person.ok_or(Fault::Missing("user"))?;
    Ok((StatusCode::CREATED, ShownOnce(link(&web, &person).await?)))
}

/// Changes what a person may do; their sessions end at once.
#[utoipa::path(put, path = "/admin/users/{login}", tag = "admin", request_body = Rights,
    params(("login" = String, Path)), responses(
    (status = 200, body = Changed), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn put_user(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(login): Path<String>,
    Sent(sent): Sent<Rights>,
) -> Result<Json<Changed>, Fault> {
    not_oneself(&admin, &login)?;
    let keys = keys(sent.role, &sent.queues, sent.disabled);
    let told = json!({ "settings": &keys });
    let change = Change::Put { sort: Sort::User, name: login.clone(), keys };
    let changed = web.0.changes.make(change).await?;
    web.0.door.audit(&admin, "user change", &login, told).await;
    Ok(Json(changed))
}

/// Takes a person away with their sessions; what they did stays in the audit.
#[utoipa::path(delete, path = "/admin/users/{login}", tag = "admin",
    params(("login" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn remove_user(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(login): Path<String>,
) -> Result<StatusCode, Fault> {
    not_oneself(&admin, &login)?;
    web.0.changes.make(Change::Remove { sort: Sort::User, name: login.clone() }).await?;
    web.0.door.audit(&admin, "user delete", &login, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a person may come in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Disable {
    disabled: bool,
}

/// Locks a person out at once, or lets them in again.
#[utoipa::path(post, path = "/admin/users/{login}/disable", tag = "admin",
    request_body = Disable, params(("login" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn disable_user(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(login): Path<String>,
    Sent(Disable { disabled }): Sent<Disable>,
) -> Result<StatusCode, Fault> {
    not_oneself(&admin, &login)?;
    let change = Change::Disable { sort: Sort::User, name: login.clone(), disabled };
    web.0.changes.make(change).await?;
    web.0.door.audit(&admin, "user disable", &login, json!({ "disabled": disabled })).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a fresh one-time link for a person.
#[utoipa::path(post, path = "/admin/users/{login}/link", tag = "admin",
    params(("login" = String, Path)), responses(
    (status = 201, body = NewLink), (status = 404, body = ErrorBody)))]
pub async fn link_user(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(login): Path<String>,
) -> Result<(StatusCode, ShownOnce<NewLink>), Fault> {
    let person = web.0.store.person(&login).await.map_err(fault)?;
    let person = person.ok_or(Fault::Missing("user"))?;
    web.0.door.audit(&admin, "user link", &login, json!({})).await;
    Ok((StatusCode::CREATED, ShownOnce(link(&web, &person).await?)))
}

async fn link(web: &Web, person: &Person) -> Result<NewLink, Fault> {
    let secret = random::secret()?;
    let now = web.now().wall;
    let link = Link {
        hash: random::kept(&secret),
        login: person.login.clone(),
        role: person.role.clone(),
        created_at: now,
        expires_at: now + LINK_FOR,
    };
    web.0.store.add_link(&link).await.map_err(fault)?;
    let link_text = format!("{}/setup#{secret}", web.site().public_url);
    Ok(NewLink { link: link_text, expires_at: stamp(link.expires_at) })
}

/// The keys of `[[user]]`.
fn keys(role: Role, queues: &[String], disabled: bool) -> Map<String, Value> {
    let mut keys = Map::new();
    keys.insert(String::from("role"), role.word().into());
    keys.insert(String::from("queues"), queues.to_vec().into());
    keys.insert(String::from("disabled"), disabled.into());
    keys
}

/// An administrator stays one: somebody else has to take that away.
fn not_oneself(admin: &Reader, login: &str) -> Result<(), Fault> {
    if admin.login.as_str() == login {
        return Err(Fault::Conflict(String::from("one cannot lock oneself out")));
    }
    Ok(())
}
