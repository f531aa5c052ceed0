//! The call log, one call with everything that is stored about it, and why it went so.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::model::{CallId, CallRow, Direction, Disposition, Language, Outcome, Wall};
use crate::store::CallsAsk;
use crate::switch::Command;
use crate::web::access::{Reader, Role};
use crate::web::door::fault;
use crate::web::explain::{self, Sentence};
use crate::web::fault::{ErrorBody, Fault};
use crate::web::guard::{NoteResult, SeeCalls};
use crate::web::state::Web;
use crate::web::view::{About, CallDetailView, CallView, RawSource, RawView};

use super::{Asked, Paged, Sent, client, cursor, name, scope};

/// Raw requests shown of one call. A call tells itself in some tens of them.
const RAW_MAX: u32 = 200;

/// Rows of a page unless asked for fewer.
const LIMIT: u32 = 50;

/// Which calls.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallsQuery {
    /// Begun then or later, RFC 3339.
    from: Option<String>,
    /// Begun before, RFC 3339.
    to: Option<String>,
    /// Our queue.
    queue: Option<String>,
    /// Offered to, answered, carried or placed by.
    operator: Option<String>,
    /// What became of it.
    disposition: Option<String>,
    /// How its last wait ended.
    outcome: Option<String>,
    /// `in`, `out` or `internal`.
    direction: Option<String>,
    /// The kind of the account.
    provider: Option<String>,
    /// The account.
    account: Option<String>,
    /// `+998…`, or the `ref` of a masked number.
    client: Option<String>,
    /// Whether it was missed.
    missed: Option<bool>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows, at most 50.
    limit: Option<u32>,
}

/// Calls, the last begun first.
#[utoipa::path(get, path = "/calls", tag = "calls", params(CallsQuery), responses(
    (status = 200, body = Paged<CallView>), (status = 400, body = ErrorBody)))]
pub async fn calls(
    State(web): State<Web>,
    SeeCalls(reader): SeeCalls,
    Asked(query): Asked<CallsQuery>,
) -> Result<Json<Paged<CallView>>, Fault> {
    let site = web.site();
    let mut ask = CallsAsk {
        from: moment("from", query.from.as_ref())?,
        to: moment("to", query.to.as_ref())?,
        queue: name(query.queue.as_ref()),
        scope: scope(&reader),
        operator: name(query.operator.as_ref()),
        disposition: word("disposition", query.disposition.as_ref(), &DISPOSITIONS, |one| {
            one.word()
        })?,
        outcome: word("outcome", query.outcome.as_ref(), &Outcome::ALL, |one| one.word())?,
        direction: word("direction", query.direction.as_ref(), &DIRECTIONS, |one| {
            crate::web::view::direction_word(one)
        })?,
        provider: query.provider,
        account: name(query.account.as_ref()),
        client: client(&site, &reader, query.client.as_ref())?,
        missed: query.missed,
        cursor: cursor(query.cursor.as_ref())?,
        limit: query.limit.unwrap_or(LIMIT),
    };
    if reader.role == Role::Operator {
        let other = ask.operator.as_ref().is_some_and(|asked| !reader.is_operator(asked));
        let Some(me) = reader.operator.clone().filter(|_| !other) else {
            return Ok(Json(Paged { items: Vec::new(), next: None }));
        };
        (ask.operator, ask.scope) = (Some(me), None);
    }
    let page = web.0.store.calls(&ask).await.map_err(fault)?;
    let shown = page.items.iter().filter(|call| reader.sees_call(call));
    let items = shown
        .map(|call| CallView::of(call, site.eyes.sight(&reader, call.queue.as_ref()), &site.eyes))
        .collect();
    Ok(Json(Paged { items, next: page.next.map(|next| next.to_string()) }))
}

/// One call with its raw events, decisions and stages.
#[utoipa::path(get, path = "/calls/{id}", tag = "calls", params(("id" = String, Path)), responses(
    (status = 200, body = CallDetailView), (status = 404, body = ErrorBody)))]
pub async fn call(
    State(web): State<Web>,
    SeeCalls(reader): SeeCalls,
    Path(id): Path<String>,
) -> Result<Json<CallDetailView>, Fault> {
    let site = web.site();
    let call = seen(&web, &reader, &id).await?;
    let sight = site.eyes.sight(&reader, call.queue.as_ref());
    let requests = web.0.journal.requests_of_call(&call.call_key, RAW_MAX).await.map_err(fault)?;
    let raw = requests.iter().map(|stored| {
        let source = RawSource {
            seq: stored.seq.0,
            at: stored.request.received,
            kind: &stored.request.kind,
            provider: &stored.request.provider,
            method: &stored.request.method,
            query: &stored.request.query,
            body: &stored.request.body,
        };
        RawView::of(&source, &call, sight)
    });
    let raw = raw.collect();
    let decisions = web.0.store.decisions_of_call(call.id).await.map_err(fault)?;
    let decisions: Vec<_> = decisions.into_iter().map(|(_, decision)| decision).collect();
    let store = &web.0.store;
    let about = About {
        raw,
        decisions,
        clients: store.client_views(call.id).await.map_err(fault)?,
        pops: store.pops_told(call.id).await.map_err(fault)?,
        notes: store.notes_of_call(call.id).await.map_err(fault)?,
    };
    Ok(Json(CallDetailView::of(&call, about, sight, &site.eyes)))
}

/// In which language.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// `uz`, `uz-Cyrl`, `ru` or `en`; the reader's own unless given.
    lang: Option<String>,
}

/// Sentences with the records they come from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    sentences: Vec<Sentence>,
}

/// Why the call went as it went.
#[utoipa::path(get, path = "/calls/{id}/explain", tag = "calls",
    params(("id" = String, Path), ExplainQuery), responses(
    (status = 200, body = Explanation), (status = 404, body = ErrorBody)))]
pub async fn explain(
    State(web): State<Web>,
    SeeCalls(reader): SeeCalls,
    Path(id): Path<String>,
    Asked(query): Asked<ExplainQuery>,
) -> Result<Json<Explanation>, Fault> {
    let site = web.site();
    let call = seen(&web, &reader, &id).await?;
    let asked = match query.lang {
        Some(tag) => Some(
            Language::of(&tag)
                .ok_or_else(|| Fault::Bad(String::from("lang: uz, uz-Cyrl, ru or en")))?,
        ),
        None => None,
    };
    let chosen = reader.language.as_deref().unwrap_or(&site.language);
    let language = asked.or_else(|| Language::of(chosen)).unwrap_or(Language::Uzbek);
    let decisions = web.0.store.decisions_of_call(call.id).await.map_err(fault)?;
    let decisions: Vec<_> = decisions.into_iter().map(|(_, decision)| decision).collect();
    let mut sentences = explain::explain(&call, &decisions, language, &site.timezone);
    let pops = web.0.store.pops_told(call.id).await.map_err(fault)?;
    let notes = web.0.store.notes_of_call(call.id).await.map_err(fault)?;
    sentences.extend(explain::explain_told(&pops, &notes, language, &site.timezone));
    sentences.push(explain::explain_stages(&call.stages, &notes, language, &site.timezone));
    Ok(Json(Explanation { sentences }))
}

/// What came of a call.
#[derive(Deserialize, ToSchema)]
pub struct Result_ {
    /// A word of the site's list.
    result: String,
}

/// Longest result.
const RESULT_MAX: usize = 200;

/// Notes what came of a call.
#[utoipa::path(post, path = "/calls/{id}/disposition", tag = "calls", request_body = Result_,
    params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = ErrorBody)))]
pub async fn disposition(
    State(web): State<Web>,
    NoteResult(reader): NoteResult,
    Path(id): Path<String>,
    Sent(sent): Sent<Result_>,
) -> Result<StatusCode, Fault> {
    let call = seen(&web, &reader, &id).await?;
    if sent.result.is_empty() || sent.result.len() > RESULT_MAX {
        return Err(Fault::Bad(format!("result: 1 to {RESULT_MAX} characters")));
    }
    let supervisor = reader.role != Role::Operator;
    let command = Command::SetResult { call: call.id, result: sent.result };
    web.0.exchange.command(reader.login.clone(), supervisor, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A call that the reader may see; any other does not exist.
async fn seen(web: &Web, reader: &Reader, id: &str) -> Result<CallRow, Fault> {
    let id = Uuid::parse_str(id).map_err(|_| Fault::Missing("call"))?;
    let call = web.0.store.call(CallId(id)).await.map_err(fault)?;
    call.filter(|call| reader.sees_call(call)).ok_or(Fault::Missing("call"))
}

const DIRECTIONS: [Direction; 3] = [Direction::In, Direction::Out, Direction::Internal];

const DISPOSITIONS: [Disposition; 9] = [
    Disposition::Open,
    Disposition::Answered,
    Disposition::Missed,
    Disposition::NoAnswer,
    Disposition::Busy,
    Disposition::Cancelled,
    Disposition::Failed,
    Disposition::Internal,
    Disposition::UnknownEnd,
];

/// A moment of a filter.
pub fn moment(field: &str, text: Option<&String>) -> Result<Option<Wall>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let text = text.replace(' ', "+"); // a plus that was not percent-encoded
    let at = Wall::parse_rfc3339(&text);
    at.map(Some).ok_or_else(|| Fault::Bad(format!("{field}: a time like 2026-11-20T09:00:00Z")))
}

/// One word of a closed set.
fn word<T: Copy>(
    field: &str,
    text: Option<&String>,
    all: &[T],
    word_of: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Fault> {
    let Some(text) = text else { return Ok(None) };
    match all.iter().find(|one| word_of(**one) == text) {
        Some(found) => Ok(Some(*found)),
        None => {
            let known: Vec<_> = all.iter().map(|one| word_of(*one)).collect();
            Err(Fault::Bad(format!("{field}: one of {}", known.join(", "))))
        }
    }
}
