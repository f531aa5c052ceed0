//! A repeated action gets the answer of the first: the `Idempotency-Key` header.
//!
//! A page that lost its connection sends the same action with the same key again, perhaps while
//! the first is being done, perhaps to a server that was started again meanwhile. Whoever comes
//! first takes the key in the database; the others wait for the answer that is kept there. While
//! the database does not answer, actions go on and their answers are kept in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::model::Name;
use crate::store;

use super::api::{BODY_MAX, Secret};
use super::fault::Fault;
use super::guard;
use super::layers::Trace;
use super::state::Web;

/// Answers kept in memory. The oldest goes first; ten minutes of a busy site are a few hundred.
const REMEMBERED_MAX: usize = 4096;

/// Answers of one login kept in the database; the oldest go first. An operator acts a few hundred
/// times a day, a program with a token perhaps a few thousand.
const KEPT_MAX: u32 = 5000;

/// Keys taken between two looks at that bound.
const TRIM_EVERY: u32 = 100;

/// Longest key.
const KEY_MAX: usize = 128;

/// Largest answer that is kept; actions answer a few hundred bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// Signing in answers with a cookie of its own each time, and its answer must not be kept.
const SIGNING: [&str; 3] = ["/v1/login", "/v1/logout", "/v1/password"];

/// An answer as it is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    request: String,
    status: StatusCode,
    body: Bytes,
}

/// The answer of one action: empty until it is done.
type Slot = Arc<tokio::sync::Mutex<Option<Answer>>>;

/// Who acts, with which key, and a hash of what is asked.
struct Action {
    login: Name,
    key: String,
    request: String,
}

/// Actions on their way and their last answers, by who asked and with which key.
#[derive(Default)]
pub struct Once {
    slots: Mutex<Slots>,
    taken: AtomicU32,
}

#[derive(Default)]
struct Slots {
    by_key: BTreeMap<(Name, String), Slot>,
    order: VecDeque<(Name, String)>,
}

impl Once {
    fn slot(&self, action: &Action) -> Slot {
        let key = (action.login.clone(), action.key.clone());
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.by_key.get(&key) {
            return slot.clone();
        }
        if slots.order.len() >= REMEMBERED_MAX
            && let Some(oldest) = slots.order.pop_front()
        {
            slots.by_key.remove(&oldest);
        }
        let slot = Slot::default();
        slots.order.push_back(key.clone());
        slots.by_key.insert(key, slot.clone());
        slot
    }

    /// Whether it is time to look at the bound in the database.
    fn is_trim_due(&self) -> bool {
        self.taken.fetch_add(1, Ordering::Relaxed) % TRIM_EVERY == TRIM_EVERY - 1
    }
}

/// Runs an action once for each key of a login. Failures that a repeat could mend are not kept.
pub async fn once(State(web): State<Web>, request: Request, next: Next) -> Response {
    let acts = matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE)
        && !SIGNING.iter().any(|path| request.uri().path().ends_with(path));
    let Some(key) = request.headers().get("idempotency-key").filter(|_| acts) else {
        return next.run(request).await;
    };
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_MAX);
    let Some(key) = key.map(str::to_owned) else {
        return Fault::Bad(format!("Idempotency-Key: 1 to {KEY_MAX} characters")).into_response();
    };
    let (parts, body) = request.into_parts();
    // Who is not let in is told so by the endpoint, and takes no key.
    let Ok(session) = guard::session(&parts, &web).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let Ok(body) = to_bytes(body, BODY_MAX).await else { return Fault::TooLarge.into_response() };
    let login = session.reader().login.clone();
    let action = Action { login, key, request: fingerprint(&parts, &body) };
    let slot = web.0.once.slot(&action);
    let mut slot = slot.lock().await;
    if let Some(answer) = slot.as_ref() {
        return answer.again(&action);
    }
    let repeatable = parts.method != Method::POST;
    if let Some(before) = before(&web, &action, repeatable).await {
        return before;
    }
    let request = Request::from_parts(parts, Body::from(body));
    act(&web, &action, request, next, &mut slot).await
}

/// What was asked: the same key for something else is a mistake of the client.
fn fingerprint(parts: &Parts, body: &Bytes) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{} {}\n", parts.method, parts.uri));
    hash.update(body);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer to give without acting; `None`: the key is taken now, act.
///
/// A key that is taken without an answer, while nobody here works on it, is of a server that
/// ended in the middle. What may be repeated by its nature is; anything else is left to a person,
/// because a second call or a second token is worse than a look.
async fn before(web: &Web, action: &Action, repeatable: bool) -> Option<Response> {
    let (store, now) = (&web.0.store, web.now().wall);
    match store.once(&action.login, &action.key, &action.request, now).await {
        Ok(store::Once::First) => {
            if web.0.once.is_trim_due() {
                trim(web, &action.login).await;
            }
            None
        }
        Ok(store::Once::Answered { status, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Some(response(status, Bytes::from(body)))
        }
        Ok(store::Once::Misused) => Some(Fault::KeyReused.into_response()),
        Ok(store::Once::Running) if repeatable => None,
        Ok(store::Once::Running) => {
            let why = "the server ended while it did this: look whether it was done";
            Some(Fault::Conflict(String::from(why)).into_response())
        }
        Err(error) => {
            tracing::debug!(%error, "an action's key is kept in memory only");
            None
        }
    }
}

async fn trim(web: &Web, login: &Name) {
    if let Err(error) = web.0.store.trim_once(login, KEPT_MAX).await {
        tracing::debug!(%error, "old answers of actions are kept for longer");
    }
}

async fn act(
    web: &Web,
    action: &Action,
    request: Request,
    next: Next,
    slot: &mut Option<Answer>,
) -> Response {
    let trace = request.extensions().get::<Trace>().cloned();
    let (parts, body) = next.run(request).await.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_MAX).await else {
        return Fault::Broken.into_response();
    };
    let store = &web.0.store;
    let passing = parts.status.is_server_error()
        || matches!(parts.status.as_u16(), 401 | 403 | 408 | 413 | 429);
    let kept = if passing {
        store.release_once(&action.login, &action.key).await
    } else {
        let trace = trace.map_or_else(String::new, |Trace(trace)| trace);
        let kept = Answer::kept(action, &parts, &body, &trace);
        let text = String::from_utf8_lossy(&kept.body).into_owned();
        let status = kept.status.as_u16();
        // In memory with its secret, so that a page that lost its connection still gets that.
        let secret = parts.extensions.get::<Secret>().is_some();
        let whole = Answer { status: parts.status, body: body.clone(), ..kept.clone() };
        *slot = Some(if secret { whole } else { kept });
        store.answer_once(&action.login, &action.key, status, &text).await
    };
    if let Err(error) = kept {
        tracing::debug!(%error, "the answer of an action is kept in memory only");
    }
    Response::from_parts(parts, Body::from(body))
}

impl Answer {
    /// What a repeat gets from the database, where no secret is kept: after a restart whoever
    /// lost it makes another one.
    fn kept(
        action: &Action,
        parts: &axum::http::response::Parts,
        body: &Bytes,
        trace: &str,
    ) -> Answer {
        let shown_once = Fault::Conflict(String::from("done before; what it gave is shown once"));
        let fault = match parts.extensions.get::<Secret>() {
            Some(Secret) => Some(&shown_once),
            None => parts.extensions.get::<Fault>(),
        };
        let request = action.request.clone();
        match fault {
            Some(fault) => {
                Answer { request, status: fault.status(), body: fault.envelope(trace).into() }
            }
            None => Answer { request, status: parts.status, body: body.clone() },
        }
    }

    fn again(&self, action: &Action) -> Response {
        if self.request == action.request {
            response(self.status, self.body.clone())
        } else {
            Fault::KeyReused.into_response()
        }
    }
}

fn response(status: StatusCode, body: Bytes) -> Response {
    let empty = body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if !empty {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}
