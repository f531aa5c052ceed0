//! `/api/v1`: one file per thing, one router, one description.

mod admin;
mod board;
mod calls;
mod connect;
mod floor;
mod me;
mod missed;
mod offers;
mod outbox;
mod providers;
mod stats;
mod telephone;
mod things;
mod users;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{Name, Number};
use crate::store::Cursor;

use super::access::Reader;
use super::fault::Fault;
use super::sight::Sight;
use super::state::{Site, Web};
use super::stream;

/// Largest body of an action.
pub const BODY_MAX: usize = 64 * 1024;

/// Every endpoint under `/api/v1`.
pub fn router() -> OpenApiRouter<Web> {
    OpenApiRouter::new()
        .routes(routes!(me::login))
        .routes(routes!(me::logout))
        .routes(routes!(me::password))
        .routes(routes!(me::me))
        .routes(routes!(stream::events))
        .routes(routes!(calls::calls))
        .routes(routes!(calls::call))
        .routes(routes!(calls::explain))
        .routes(routes!(calls::disposition))
        .routes(routes!(floor::operators))
        .routes(routes!(floor::presence))
        .routes(routes!(floor::set_presence))
        .routes(routes!(floor::queues))
        .routes(routes!(providers::providers))
        .routes(routes!(missed::missed))
        .routes(routes!(missed::assign))
        .routes(routes!(missed::close))
        .routes(routes!(stats::missed))
        .routes(routes!(stats::answered))
        .routes(routes!(stats::service_level))
        .routes(routes!(board::board))
        .routes(routes!(floor::end_wrap_up))
        .routes(routes!(offers::decline))
        .routes(routes!(offers::answer))
        .routes(routes!(telephone::dial))
        .routes(routes!(telephone::pickup))
        .routes(routes!(telephone::transfer))
        .routes(routes!(telephone::operator))
        .routes(routes!(things::operators, things::add_operator))
        .routes(routes!(things::put_operator, things::remove_operator))
        .routes(routes!(things::disable_operator))
        .routes(routes!(things::queues, things::add_queue))
        .routes(routes!(things::put_queue, things::remove_queue))
        .routes(routes!(users::users, users::add_user))
        .routes(routes!(users::put_user, users::remove_user))
        .routes(routes!(users::disable_user))
        .routes(routes!(users::link_user))
        .routes(routes!(outbox::notes))
        .routes(routes!(outbox::note))
        .routes(routes!(outbox::retry))
        .routes(routes!(outbox::skip))
        .routes(routes!(outbox::edit))
        .routes(routes!(outbox::targets))
        .routes(routes!(outbox::dry_run))
        .routes(routes!(outbox::test))
        .routes(routes!(connect::connect))
        .routes(routes!(connect::address))
        .routes(routes!(connect::message))
        .routes(routes!(admin::reload))
        .routes(routes!(admin::tokens, admin::add_token))
        .routes(routes!(admin::revoke_token))
        .routes(routes!(admin::audit))
}

/// A whole list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The rows.
    pub items: Vec<T>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Paged<T> {
    /// The rows.
    pub items: Vec<T>,
    /// `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// An answer that holds a secret: it is shown once, so a repeat of the action does not get it.
pub struct ShownOnce<T>(pub T);

/// The mark of such an answer.
#[derive(Debug, Clone, Copy)]
pub struct Secret;

impl<T: Serialize> IntoResponse for ShownOnce<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        response.extensions_mut().insert(Secret);
        response
    }
}

/// A JSON body. Another content type is refused, which keeps foreign pages' forms out.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Web> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Web) -> Result<Sent<T>, Fault> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let json = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
        if json.map(str::trim) != Some("application/json") {
            return Err(Fault::Bad(String::from("Content-Type: application/json is needed")));
        }
        let body = axum::body::to_bytes(request.into_body(), BODY_MAX).await;
        let body = body.map_err(|_| Fault::TooLarge)?;
        serde_json::from_slice(&body).map(Sent).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Fault::Bad(format!("the body does not fit at line {line}, column {column}"))
        })
    }
}

/// The query string as a form.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Web> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Asked<T>, Fault> {
        let asked = Query::<T>::from_request_parts(parts, web).await;
        asked
            .map(|Query(asked)| Asked(asked))
            .map_err(|_| Fault::Bad(String::from("the query has an unknown or unreadable field")))
    }
}

fn cursor(text: Option<&String>) -> Result<Option<Cursor>, Fault> {
    let parsed = text.map(|text| text.parse::<Cursor>()).transpose();
    parsed.map_err(|error| Fault::Bad(error.to_string()))
}

/// A client named in a filter. Who may not see numbers names one by its reference only, or the
/// list would tell digit by digit whose reference it is.
fn client(site: &Site, reader: &Reader, text: Option<&String>) -> Result<Option<Number>, Fault> {
    let Some(text) = text else { return Ok(None) };
    if text.starts_with("n_") {
        let number = site.eyes.number_of(text);
        return number.map(Some).ok_or(Fault::Missing("client"));
    }
    if site.eyes.sight(reader, None) != Sight::Whole {
        return Err(Fault::Bad(String::from("client: name the client by its `ref`")));
    }
    let number = Number::new(&text.replace(' ', "+"));
    number.map(Some).map_err(|error| Fault::Bad(format!("client: {error}")))
}

fn name(text: Option<&String>) -> Option<Name> {
    text.map(|text| Name::from(text.as_str()))
}

/// The queues that a list is kept to: the reader's, and the one asked for when it is theirs.
fn scope(reader: &Reader) -> Option<Vec<Name>> {
    (!reader.queues.is_empty()).then(|| reader.queues.clone())
}
