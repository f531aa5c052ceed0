//! `/hooks/{provider}/{account}/{token}`: events and routing questions of providers.
//!
//! Order of the checks: the token (an unknown account and a wrong token get the same bytes for
//! the same work), the account's rate (nothing was taken), the size, the reading. A success
//! leaves only after the journal's commit. A question is answered by the exchange within its
//! deadline whatever the disk does; its raw request is stored beside it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::connect::provider::{self, Account, Answer, Question, ReadError, What};
use crate::model::{Name, Period, Wall};
use crate::store::{NewRequest, Verdict};

use super::exchange::Route;
use super::gates::{Cause, Gate};
use super::guard::same_secret;
use super::random;
use super::state::{Site, Web};

/// Largest body; an event is a few hundred bytes.
const BODY_MAX: usize = 256 * 1024;

/// Longest query string that is kept.
const QUERY_MAX: usize = 16 * 1024;

/// Headers kept of a request, and bytes of one value.
const HEADERS_MAX: (usize, usize) = (40, 512);

/// How long a provider waits for the answer to a question; past it the safe answer goes out.
const ANSWER_WITHIN: Period = Period::millis(800);

/// Seconds after which a provider should try again what was not taken.
const RETRY_AFTER: u64 = 5;

/// What the token is compared with where there is no such account: the same work.
const NO_TOKEN: &str = "no-such-account-00000000000000000";

/// Takes one request of a provider.
pub async fn hook(
    State(web): State<Web>,
    Path((provider, account, token)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let site = web.site();
    let Some(account) = account_of(&site, &provider, &account, &token) else {
        web.0.gates.stranger(&site, &account, web.now().mono);
        return plain(StatusCode::FORBIDDEN, "forbidden");
    };
    let gate = web.0.gates.of(&site, &account.name);
    if let Err(seconds) = gate.admit() {
        gate.note(Cause::Limited, web.now().mono);
        return retry(StatusCode::TOO_MANY_REQUESTS, seconds);
    }
    let (parts, body) = request.into_parts();
    let body = match read_body(&parts.headers, body, web.0.patience.request).await {
        Ok(body) => body,
        Err(status) => {
            gate.note(Cause::TooLarge, web.now().mono);
            return closing(status);
        }
    };
    let query = parts.uri.query().unwrap_or_default();
    if query.len() > QUERY_MAX {
        gate.note(Cause::TooLarge, web.now().mono);
        return closing(StatusCode::URI_TOO_LONG);
    }
    let raw = Raw {
        provider,
        method: parts.method.as_str().to_owned(),
        query: query.to_owned(),
        headers: kept_headers(&parts.headers),
        body,
        received: web.now().wall,
    };
    take(&web, &gate, account, raw).await
}

/// One request, before it is read.
struct Raw {
    provider: String,
    method: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    received: Wall,
}

async fn take(web: &Web, gate: &Arc<Gate>, account: &Account, raw: Raw) -> Response {
    let asked = provider::Request {
        method: &raw.method,
        query: &raw.query,
        headers: &raw.headers,
        body: &raw.body,
    };
    let reading = match provider::read(account, &asked, raw.received) {
        Ok(reading) => reading,
        Err(ReadError::Undecodable { part, why }) => {
            gate.note(Cause::Undecodable { part, why }, web.now().mono);
            let kind = String::from("undecodable");
            let stored = store(web, gate, raw.keep(account, Verdict::Undecodable, kind)).await;
            return match stored {
                Ok(_) => plain(StatusCode::BAD_REQUEST, "cannot be decoded"),
                Err(response) => response,
            };
        }
        Err(ReadError::Foreign) => {
            gate.note(Cause::Foreign, web.now().mono);
            return plain(StatusCode::FORBIDDEN, "forbidden");
        }
        Err(ReadError::BadBodyToken) => {
            gate.note(Cause::BodyToken, web.now().mono);
            return send(StatusCode::UNAUTHORIZED, &provider::bad_body_token());
        }
    };
    let verdict = match &reading.what {
        What::Facts(_) => Verdict::Facts,
        What::Unknown => Verdict::Unknown,
        What::Question(_) => Verdict::Question,
    };
    let retold = !reading.of_repeat().is_empty();
    let mut request = raw.keep(account, verdict, reading.kind);
    request.fingerprint = reading.fingerprint;
    request.retold = retold;
    match reading.what {
        What::Facts(facts) => {
            gate.saw(account, &facts);
            let keys: std::collections::BTreeSet<String> =
                facts.into_iter().map(|fact| fact.key).collect();
            request.keys = keys.into_iter().collect();
        }
        What::Unknown => gate.note(Cause::Unknown(request.kind.clone()), web.now().mono),
        What::Question(question) => {
            request.keys = question.key.iter().cloned().collect();
            return answer(web, gate, account, question, request).await;
        }
    }
    match store(web, gate, request).await {
        Ok(_) => send(StatusCode::OK, &provider::success(account)),
        Err(response) => response,
    }
}

/// Answers a question within its deadline. The raw request is stored meanwhile; a disk that does
/// not answer costs the record of the question, not the caller.
async fn answer(
    web: &Web,
    gate: &Arc<Gate>,
    account: &Account,
    question: Question,
    request: NewRequest,
) -> Response {
    let (stored_by, gate_of_store) = (web.clone(), gate.clone());
    tokio::spawn(async move {
        let _ = store(&stored_by, &gate_of_store, request).await;
    });
    let route = Route {
        account: account.name.clone(),
        key: question.key.clone(),
        client: question.client.clone(),
        line: question.line.clone(),
        queue: question.queue.clone(),
        kind: question.kind.clone(),
        deadline: web.now().mono + ANSWER_WITHIN,
    };
    let operators = web.0.exchange.route(route, ANSWER_WITHIN.as_duration()).await;
    if operators.is_none() {
        gate.note(Cause::Unanswered, web.now().mono);
    }
    let site = web.site();
    let aliases = |operator: &Name| aliases_of(&site, account, operator);
    let operators = operators.unwrap_or_default();
    send(StatusCode::OK, &provider::answer(account, &question, &operators, &aliases))
}

/// How an account knows an operator.
fn aliases_of(site: &Site, account: &Account, operator: &Name) -> Vec<String> {
    let found = site.settings.operators.iter().find(|one| &one.name == operator);
    found.map_or_else(Vec::new, |operator| {
        let here = operator
            .aliases
            .iter()
            .filter(|alias| alias.account.as_ref().is_none_or(|of| of == &account.name));
        here.map(|alias| alias.alias.clone()).collect()
    })
}

async fn store(web: &Web, gate: &Gate, request: NewRequest) -> Result<(), Response> {
    let (received, verdict) = (request.received, request.verdict);
    match web.0.journal.take(request).await {
        Ok(taken) => {
            gate.took(received, verdict, taken.duplicate);
            Ok(())
        }
        Err(error) => {
            gate.note(Cause::Storage(error.to_string()), web.now().mono);
            Err(retry(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER))
        }
    }
}

/// The account of a hook address when its token is right. Hashes are compared, so neither the
/// length of the token nor where it differs shows in the time.
fn account_of<'a>(site: &'a Site, provider: &str, name: &str, token: &str) -> Option<&'a Account> {
    let account = site.accounts.iter().find(|account| account.name.as_str() == name);
    let right = account.map_or(NO_TOKEN, |account| account.token.expose_secret());
    let same = same_secret(&random::kept(token), &random::kept(right));
    account
        .filter(|account| same && !account.token.expose_secret().is_empty())
        .filter(|account| provider::provider_path_matches(account, provider))
}

async fn read_body(headers: &HeaderMap, body: Body, within: Duration) -> Result<Bytes, StatusCode> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|text| text.parse::<usize>().ok());
    if declared.is_some_and(|length| length > BODY_MAX) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match tokio::time::timeout(within, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Headers as they are kept: without secrets, and bounded.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = |name: &HeaderName| {
        [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION].contains(name)
            || name.as_str().contains("token")
            || name.as_str().contains("key")
    };
    let (lines_max, bytes_max) = HEADERS_MAX;
    let kept = headers.iter().filter(|(name, _)| !secret(name)).take(lines_max);
    kept.map(|(name, value)| {
        let text: String =
            String::from_utf8_lossy(value.as_bytes()).chars().take(bytes_max).collect();
        (name.as_str().to_owned(), text)
    })
    .collect()
}

impl Raw {
    fn keep(self, account: &Account, verdict: Verdict, kind: String) -> NewRequest {
        NewRequest {
            account: account.name.clone(),
            provider: account.kind.word().to_owned(),
            received: self.received,
            method: self.method,
            path: format!("/hooks/{}/{}/***", self.provider, account.name),
            query: self.query,
            headers: self.headers,
            body: self.body.to_vec(),
            fingerprint: None,
            verdict,
            kind,
            keys: Vec::new(),
            retold: false,
        }
    }
}

fn send(status: StatusCode, answer: &Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body.clone()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    send(status, &Answer { content_type: "text/plain", body: text.to_owned() })
}

fn retry(status: StatusCode, seconds: u64) -> Response {
    let mut response = plain(status, "try again later");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Refuses a body without reading the rest of it.
fn closing(status: StatusCode) -> Response {
    let mut response = plain(status, "too large or too slow");
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
