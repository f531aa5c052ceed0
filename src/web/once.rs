//! A repeated action gets the answer of the first: the `Idempotency-Key` header.
//!
//! A page that lost its connection sends the same action with the same key again. Answers are
//! kept for a while in memory; after a restart the exchange's own state keeps a repeat harmless.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use parking_lot::Mutex;

use super::fault::Fault;
use super::random;
use super::state::Web;

/// Answers kept. The oldest goes first; ten minutes of a busy site are a few hundred.
const KEPT_MAX: usize = 4096;

/// Longest key.
const KEY_MAX: usize = 128;

/// Largest answer that is kept; actions answer a few hundred bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// Signing in answers with a cookie of its own each time, and its answer must not be kept.
const SIGNING: [&str; 3] = ["/v1/login", "/v1/logout", "/v1/password"];

/// The answer of one action: empty until it is done.
type Slot = Arc<tokio::sync::Mutex<Option<(StatusCode, Option<Fault>, Bytes)>>>;

/// Answers by who asked, what and with which key.
#[derive(Default)]
pub struct Once(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    slots: BTreeMap<String, Slot>,
    order: VecDeque<String>,
}

impl Once {
    fn slot(&self, key: String) -> Slot {
        let mut kept = self.0.lock();
        if let Some(slot) = kept.slots.get(&key) {
            return slot.clone();
        }
        if kept.order.len() >= KEPT_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.slots.remove(&oldest);
        }
        let slot = Slot::default();
        kept.order.push_back(key.clone());
        kept.slots.insert(key, slot.clone());
        slot
    }
}

/// Runs an action once for each key. A repeat that comes while the first is being done waits for
/// its answer; failures that a repeat could mend are not kept.
pub async fn once(State(web): State<Web>, request: Request, next: Next) -> Response {
    let acts = matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE)
        && !SIGNING.iter().any(|path| request.uri().path().ends_with(path));
    let headers = request.headers();
    let Some(key) = headers.get("idempotency-key").filter(|_| acts) else {
        return next.run(request).await;
    };
    let Some(key) = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_MAX) else {
        return Fault::Bad(format!("Idempotency-Key: 1 to {KEY_MAX} characters")).into_response();
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let who = format!("{}\n{}", text(header::AUTHORIZATION), text(header::COOKIE));
    let what = format!("{who}\n{} {}\n{key}", request.method(), request.uri());
    let slot = web.0.once.slot(random::kept(&what));
    let mut slot = slot.lock().await;
    if let Some((status, fault, body)) = slot.as_ref() {
        return answer(*status, fault.clone(), body.clone());
    }
    let (parts, body) = next.run(request).await.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_MAX).await else {
        return Fault::Broken.into_response();
    };
    let passing = parts.status.is_server_error()
        || matches!(parts.status.as_u16(), 401 | 403 | 408 | 413 | 429);
    if !passing {
        *slot = Some((parts.status, parts.extensions.get::<Fault>().cloned(), body.clone()));
    }
    Response::from_parts(parts, Body::from(body))
}

fn answer(status: StatusCode, fault: Option<Fault>, body: Bytes) -> Response {
    if let Some(fault) = fault {
        return fault.into_response();
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
