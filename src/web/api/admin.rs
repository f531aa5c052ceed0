//! Administration: people, tokens, operators as configured, and who did what.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::{Name, Period};
use crate::store::{Link, Person, Token};
use crate::web::access::{Reader, Role};
use crate::web::door::fault;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::Administer;
use crate::web::random;
use crate::web::state::Web;
use crate::web::view::{maybe_stamp, stamp};

use super::{Asked, Items, Paged, Sent, cursor, name};

/// How long a one-time link is good for.
pub const LINK_FOR: Period = Period::hours(1);

/// Longest login, token name and operator name.
const NAME_MAX: usize = 64;

/// One operator as configured.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorRow {
    name: String,
    login: Option<String>,
    aliases: Vec<String>,
    skills: Vec<String>,
    disabled: bool,
}

/// Operators as configured.
#[utoipa::path(get, path = "/admin/operators", tag = "admin", responses(
    (status = 200, body = Items<OperatorRow>)))]
pub async fn operators(
    State(web): State<Web>,
    Administer(_admin): Administer,
) -> Json<Items<OperatorRow>> {
    let site = web.site();
    let rows = site.settings.operators.iter().map(|operator| OperatorRow {
        name: operator.name.to_string(),
        login: operator.login.as_ref().map(ToString::to_string),
        aliases: operator
            .aliases
            .iter()
            .map(|alias| match &alias.account {
                Some(account) => format!("{account}:{}", alias.alias),
                None => alias.alias.clone(),
            })
            .collect(),
        skills: operator.skills.iter().map(ToString::to_string).collect(),
        disabled: operator.disabled,
    });
    Json(Items { items: rows.collect() })
}

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
    /// Declared in the file: read-only here.
    from_file: bool,
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
        from_file: site.file_logins.contains(&person.login),
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

/// A person to add.
#[derive(Deserialize, ToSchema)]
pub struct NewUser {
    login: String,
    role: Role,
    #[serde(default)]
    queues: Vec<String>,
    #[serde(default)]
    operator: Option<String>,
}

/// A one-time link; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewLink {
    link: String,
    expires_at: String,
}

/// Adds a person and makes the link that sets their password.
#[utoipa::path(post, path = "/admin/users", tag = "admin", request_body = NewUser, responses(
    (status = 201, body = NewLink), (status = 409, body = ErrorBody)))]
pub async fn add_user(
    State(web): State<Web>,
    Administer(admin): Administer,
    Sent(sent): Sent<NewUser>,
) -> Result<(StatusCode, Json<NewLink>), Fault> {
    let login = named("login", &sent.login)?;
    if web.0.store.person(login.as_str()).await.map_err(fault)?.is_some() {
        return Err(Fault::Conflict(String::from("there is such a login already")));
    }
    let person = Person {
        login: login.clone(),
        role: sent.role.word().to_owned(),
        queues: sent.queues.iter().map(|queue| Name::from(queue.as_str())).collect(),
        operator: sent.operator.map(Name::from),
        language: None,
        password: None,
        disabled: false,
        created_at: web.now().wall,
    };
    web.0.store.save_person(&person).await.map_err(fault)?;
    web.0.door.audit(&admin, "user add", login.as_str(), role_told(sent.role)).await;
    let link = link(&web, &person).await?;
    Ok((StatusCode::CREATED, Json(link)))
}

/// Whether a person may come in.
#[derive(Deserialize, ToSchema)]
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
    Sent(sent): Sent<Disable>,
) -> Result<StatusCode, Fault> {
    let mut person = made_here(&web, &login).await?;
    if person.login == admin.login {
        return Err(Fault::Conflict(String::from("one cannot lock oneself out")));
    }
    person.disabled = sent.disabled;
    web.0.store.save_person(&person).await.map_err(fault)?;
    web.0.door.sign_out_all(&person.login).await?;
    let told = serde_json::json!({ "disabled": sent.disabled });
    web.0.door.audit(&admin, "user disable", &login, told).await;
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
) -> Result<(StatusCode, Json<NewLink>), Fault> {
    let person = web.0.store.person(&login).await.map_err(fault)?;
    let person = person.ok_or(Fault::Missing("user"))?;
    web.0.door.audit(&admin, "user link", &login, serde_json::json!({})).await;
    Ok((StatusCode::CREATED, Json(link(&web, &person).await?)))
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

/// A person that the file does not declare.
async fn made_here(web: &Web, login: &str) -> Result<Person, Fault> {
    let person = web.0.store.person(login).await.map_err(fault)?;
    let person = person.ok_or(Fault::Missing("user"))?;
    if web.site().file_logins.contains(&person.login) {
        let why = "declared in the configuration file: change it there";
        return Err(Fault::Conflict(String::from(why)));
    }
    Ok(person)
}

/// A program's token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenRow {
    name: String,
    role: String,
    queues: Vec<String>,
    created_by: String,
    created_at: String,
    used_at: Option<String>,
    revoked_at: Option<String>,
}

/// Tokens, those taken back among them.
#[utoipa::path(get, path = "/admin/tokens", tag = "admin", responses(
    (status = 200, body = Items<TokenRow>)))]
pub async fn tokens(
    State(web): State<Web>,
    Administer(_admin): Administer,
) -> Result<Json<Items<TokenRow>>, Fault> {
    let tokens = web.0.store.tokens().await.map_err(fault)?;
    let rows = tokens.into_iter().map(|token| TokenRow {
        name: token.name.to_string(),
        role: token.role,
        queues: token.queues.iter().map(ToString::to_string).collect(),
        created_by: token.created_by.to_string(),
        created_at: stamp(token.created_at),
        used_at: maybe_stamp(token.used_at),
        revoked_at: maybe_stamp(token.revoked_at),
    });
    Ok(Json(Items { items: rows.collect() }))
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
pub struct NewToken {
    name: String,
    role: Role,
    #[serde(default)]
    queues: Vec<String>,
}

/// The token; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenMade {
    token: String,
}

/// Makes a token.
#[utoipa::path(post, path = "/admin/tokens", tag = "admin", request_body = NewToken, responses(
    (status = 201, body = TokenMade), (status = 409, body = ErrorBody)))]
pub async fn add_token(
    State(web): State<Web>,
    Administer(admin): Administer,
    Sent(sent): Sent<NewToken>,
) -> Result<(StatusCode, Json<TokenMade>), Fault> {
    let token_name = named("name", &sent.name)?;
    let secret = random::secret()?;
    let token = Token {
        hash: random::kept(&secret),
        name: token_name,
        role: sent.role.word().to_owned(),
        queues: sent.queues.iter().map(|queue| Name::from(queue.as_str())).collect(),
        created_by: admin.login.clone(),
        created_at: web.now().wall,
        used_at: None,
        revoked_at: None,
    };
    if !web.0.store.add_token(&token).await.map_err(fault)? {
        return Err(Fault::Conflict(String::from("there is a token of that name already")));
    }
    web.0.door.audit(&admin, "token create", token.name.as_str(), role_told(sent.role)).await;
    Ok((StatusCode::CREATED, Json(TokenMade { token: secret })))
}

/// Takes a token back; its open streams end at once.
#[utoipa::path(delete, path = "/admin/tokens/{name}", tag = "admin",
    params(("name" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn revoke_token(
    State(web): State<Web>,
    Administer(admin): Administer,
    Path(token): Path<String>,
) -> Result<StatusCode, Fault> {
    let token = Name::from(token);
    if !web.0.store.revoke_token(&token, web.now().wall).await.map_err(fault)? {
        return Err(Fault::Missing("token"));
    }
    web.0.door.sign_out_all(&Reader::login_of_token(&token)).await?;
    web.0.door.audit(&admin, "token revoke", token.as_str(), serde_json::json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Which acts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Of one login.
    login: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows, at most 50.
    limit: Option<u32>,
}

/// One act.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    at: String,
    login: String,
    act: String,
    object: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

/// Who did what, the last first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(AuditQuery), responses(
    (status = 200, body = Paged<AuditView>)))]
pub async fn audit(
    State(web): State<Web>,
    Administer(_admin): Administer,
    Asked(query): Asked<AuditQuery>,
) -> Result<Json<Paged<AuditView>>, Fault> {
    let login = name(query.login.as_ref());
    let cursor = cursor(query.cursor.as_ref())?;
    let limit = query.limit.unwrap_or(50);
    let page = web.0.store.audit(login.as_ref(), cursor.as_ref(), limit).await.map_err(fault)?;
    let items = page.items.into_iter().map(|row| AuditView {
        at: stamp(row.at),
        login: row.login.to_string(),
        act: row.act,
        object: row.object,
        detail: serde_json::from_str(&row.doc).unwrap_or_default(),
    });
    Ok(Json(Paged { items: items.collect(), next: page.next.map(|next| next.to_string()) }))
}

fn named(field: &str, text: &str) -> Result<Name, Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let fits = !text.is_empty() && text.len() <= NAME_MAX && text.chars().all(plain);
    if fits {
        Ok(Name::from(text))
    } else {
        Err(Fault::Bad(format!("{field}: 1 to {NAME_MAX} letters, digits, - _ . @")))
    }
}

fn role_told(role: Role) -> serde_json::Value {
    serde_json::json!({ "role": role.word() })
}
