//! Signing in and out, and who one is.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Name;
use crate::web::door::{Opened, Session, Via};
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::{COOKIE, Origin, Signed};
use crate::web::state::Web;
use crate::web::{VERSION, stream, view};

use super::Sent;

/// Longest login and one-time link that are looked at.
const TEXT_MAX: usize = 128;

/// Who signs in: a person, or a screen on a wall with the token of its link.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Login {
    /// A person.
    Person {
        /// Their login.
        login: String,
        /// Their password.
        password: String,
    },
    /// A wallboard; other tokens get no cookie.
    Wall {
        /// What stands after `#` in the link of the screen.
        token: String,
    },
}

/// A one-time link and the password that it sets.
#[derive(Deserialize, ToSchema)]
pub struct SetPassword {
    /// What stands after `#` in the link.
    token: String,
    password: String,
}

/// Who one is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    login: String,
    /// `operator`, `supervisor`, `admin`, `integrator` or `wallboard`.
    role: &'static str,
    /// The operator they are.
    operator: Option<String>,
    /// Their queues: the scope of a supervisor, the memberships of an operator; empty: all.
    queues: Vec<String>,
    language: String,
    timezone: String,
    /// Goes with every change as `X-CSRF-Token`; empty for tokens, which need none.
    csrf: String,
    version: &'static str,
    /// The server's clock.
    now: String,
}

/// Signs in with a password, or a wallboard with its token.
#[utoipa::path(post, path = "/login", tag = "account", request_body = Login, responses(
    (status = 200, body = Me), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn login(
    State(web): State<Web>,
    origin: Origin,
    Sent(sent): Sent<Login>,
) -> Result<Response, Fault> {
    safe(&web, origin)?;
    let opened = match sent {
        Login::Person { login, password } if login.len() <= TEXT_MAX => {
            web.0.door.sign_in(origin.address, &Name::from(login), password).await?
        }
        Login::Wall { token } if token.len() <= TEXT_MAX => {
            web.0.door.sign_wall_in(origin.address, &token).await?
        }
        Login::Person { .. } | Login::Wall { .. } => return Err(Fault::WrongPassword),
    };
    Ok(signed_in(&web, origin, &opened))
}

/// Sets a password by a one-time link and signs in.
#[utoipa::path(post, path = "/password", tag = "account", request_body = SetPassword, responses(
    (status = 200, body = Me), (status = 401, body = ErrorBody)))]
pub async fn password(
    State(web): State<Web>,
    origin: Origin,
    Sent(sent): Sent<SetPassword>,
) -> Result<Response, Fault> {
    safe(&web, origin)?;
    if sent.token.len() > TEXT_MAX {
        return Err(Fault::WrongPassword);
    }
    let opened = web.0.door.use_link(origin.address, &sent.token, sent.password).await?;
    web.0.door.audit(&opened.session.reader(), "password", "own", serde_json::json!({})).await;
    Ok(signed_in(&web, origin, &opened))
}

/// Signs out.
#[utoipa::path(post, path = "/logout", tag = "account", responses((status = 204)))]
pub async fn logout(State(web): State<Web>, Signed(session): Signed) -> Result<Response, Fault> {
    if session.via == Via::Cookie {
        web.0.door.sign_out(&session).await?;
    }
    let gone = Cookie::build((COOKIE, "")).path("/").http_only(true).max_age(Default::default());
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &gone.build());
    Ok(response)
}

/// Who one is.
#[utoipa::path(get, path = "/me", tag = "account", responses(
    (status = 200, body = Me), (status = 401, body = ErrorBody)))]
pub async fn me(State(web): State<Web>, Signed(session): Signed) -> Json<Me> {
    Json(about(&web, &session))
}

fn about(web: &Web, session: &Session) -> Me {
    let (reader, site) = (session.reader(), web.site());
    let queues = match &reader.operator {
        Some(_) if reader.queues.is_empty() => stream::queues_of(web, &reader),
        Some(_) | None => reader.queues.clone(),
    };
    Me {
        login: reader.login.to_string(),
        role: reader.role.word(),
        operator: reader.operator.as_ref().map(ToString::to_string),
        queues: queues.iter().map(ToString::to_string).collect(),
        language: reader.language.clone().unwrap_or_else(|| site.language.clone()),
        timezone: site.timezone.iana_name().unwrap_or("UTC").to_owned(),
        csrf: session.csrf.clone(),
        version: VERSION,
        now: view::stamp(web.now().wall),
    }
}

/// Passwords do not travel in the open: TLS, this machine, or `web.plain_http`.
fn safe(web: &Web, origin: Origin) -> Result<(), Fault> {
    let safe = origin.encrypted || origin.address.is_loopback() || web.site().plain_http;
    if safe { Ok(()) } else { Err(Fault::PlainHttp) }
}

fn signed_in(web: &Web, origin: Origin, opened: &Opened) -> Response {
    let cookie = Cookie::build((COOKIE, opened.secret.clone()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(origin.encrypted);
    let mut response = Json(about(web, &opened.session)).into_response();
    set_cookie(&mut response, &cookie.build());
    response
}

fn set_cookie(response: &mut Response, cookie: &Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
