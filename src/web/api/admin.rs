//! Administration: tokens, who did what, and reading the configuration again.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::Name;
use crate::store::Token;
use crate::web::access::{Reader, Role};
use crate::web::changes::{Change, Changed};
use crate::web::door::fault;
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::Administer;
use crate::web::random;
use crate::web::state::Web;
use crate::web::view::{maybe_stamp, stamp};

use super::{Asked, Items, Paged, Sent, ShownOnce, cursor, name};

/// Longest token name.
const NAME_MAX: usize = 64;

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
) -> Result<(StatusCode, ShownOnce<TokenMade>), Fault> {
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
    Ok((StatusCode::CREATED, ShownOnce(TokenMade { token: secret })))
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

/// Reads the configuration file again. A file with a mistake changes nothing; `fields` then holds
/// every place of it.
#[utoipa::path(post, path = "/admin/reload", tag = "admin", responses(
    (status = 200, body = Changed), (status = 400, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn reload(
    State(web): State<Web>,
    Administer(admin): Administer,
) -> Result<Json<Changed>, Fault> {
    let changed = web.0.changes.make(Change::Reload).await?;
    let told = serde_json::json!({ "changed": changed.changed.len(), "restart": changed.restart });
    web.0.door.audit(&admin, "reload", "configuration", told).await;
    Ok(Json(changed))
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
