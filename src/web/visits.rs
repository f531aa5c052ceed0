//! What comes from CRMs and gateways of their own accord: consents, events, reports.
//!
//! A consent begins in the pages: its `state` is signed, names its target, and is good once and
//! for a while, so nobody can have us connected to an account of theirs. Events and reports come to
//! an address with a secret in it, because most of them prove nothing themselves; what can be
//! proved beyond that is for the adapter.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use crate::connect::deliver::{Brought, Consent, Unwelcome};
use crate::model::{Language, Mono, Name, Period, Text};
use crate::switch::Command;

use super::access::Reader;
use super::door::fault;
use super::fault::Fault;
use super::guard::same_secret;
use super::random;
use super::state::{Site, Web};

/// Largest body; an event has about thirty short fields, a report a thousand short rows.
const BODY_MAX: usize = 256 * 1024;
/// How long a person may take to consent. As long as the code lives that comes back.
const CONSENT_WITHIN: Period = Period::mins(20);
/// Consents that are awaited at once; the oldest goes.
const AWAITED_MAX: usize = 64;
/// Visits a second, and at once, of all peers together. Reports of a thousand messages come one by
/// one; more lets a stranger cost more.
const RATE: (NonZeroU32, NonZeroU32) = (nonzero(50), nonzero(1_000));
/// Seconds after which a peer should come again.
const RETRY_AFTER: u64 = 30;
/// What a broker wants to hear; everybody else reads the status only.
const RECEIVED: &str = "Request is received";

const CONNECTED: Text = [
    "{target} ulandi. Bu sahifani yopish mumkin.",
    "{target} подключён. Эту страницу можно закрыть.",
    "{target} is connected. You may close this page.",
];
const REFUSED: Text = [
    "{target} ulanmadi: {why}",
    "{target} не подключён: {why}",
    "{target} is not connected: {why}",
];
const STALE: Text = [
    "Bu ulanish eskirgan yoki ishlatib boʻlingan. Sozlamalardan yana boshlang.",
    "Эта ссылка устарела или уже использована. Начните снова из настроек.",
    "This link is too old or was used before. Begin again in the settings.",
];

const fn nonzero(figure: u32) -> NonZeroU32 {
    match NonZeroU32::new(figure) {
        Some(figure) => figure,
        None => NonZeroU32::MIN,
    }
}

/// Consents that are awaited, and the gate before everything that is brought.
pub struct Visitors {
    awaited: Mutex<BTreeMap<String, Awaited>>,
    limiter: DefaultDirectRateLimiter,
}

struct Awaited {
    target: Name,
    by: Arc<Reader>,
    until: Mono,
}

impl Default for Visitors {
    fn default() -> Visitors {
        let quota = Quota::per_second(RATE.0).allow_burst(RATE.1);
        let limiter = DefaultDirectRateLimiter::direct(quota);
        Visitors { awaited: Mutex::default(), limiter }
    }
}

impl Visitors {
    /// Awaits a consent for a target; gives the `state` that must come back with it.
    pub fn expect(
        &self,
        site: &Site,
        target: &Name,
        by: Arc<Reader>,
        now: Mono,
    ) -> Result<String, Fault> {
        let nonce = random::secret()?;
        let state = format!("{nonce}.{}", site.eyes.seal(&["consent", &nonce, target.as_str()]));
        let mut awaited = self.awaited.lock();
        awaited.retain(|_, one| one.until > now);
        while awaited.len() >= AWAITED_MAX {
            let oldest = awaited.iter().min_by_key(|(_, one)| one.until);
            let Some(oldest) = oldest.map(|(nonce, _)| nonce.clone()) else { break };
            awaited.remove(&oldest);
        }
        let until = now + CONSENT_WITHIN;
        awaited.insert(nonce, Awaited { target: target.clone(), by, until });
        Ok(state)
    }

    /// Who asked for the consent that comes back with a `state`; it is good once.
    fn expected(&self, site: &Site, target: &Name, state: &str, now: Mono) -> Option<Arc<Reader>> {
        let (nonce, seal) = state.split_once('.')?;
        let own = site.eyes.seal(&["consent", nonce, target.as_str()]);
        if !same_secret(seal, &own) {
            return None;
        }
        let found = self.awaited.lock().remove(nonce)?;
        (found.target == *target && found.until > now).then_some(found.by)
    }

    fn admit(&self) -> Result<(), u64> {
        self.limiter.check().map_err(|until| {
            until.wait_time_from(DefaultClock::default().now()).as_secs().saturating_add(1)
        })
    }
}

/// The address to which the peer of a target brings its events and reports, below the site's own.
/// It holds a secret that is the same over restarts.
pub fn visit_path(key: &[u8; 32], target: &Name) -> String {
    format!("/callbacks/{target}/{}", seal(key, &["visit", target.as_str()]))
}

/// A tag of these words that nobody can make without the key.
pub fn seal(key: &[u8; 32], words: &[&str]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for word in words {
        mac.update(&u64::try_from(word.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(word.as_bytes());
    }
    let tag = mac.finalize().into_bytes();
    random::hex(tag.get(..16).unwrap_or_default())
}

/// The whole address of a target's peer.
pub fn address(site: &Site, target: &Name) -> String {
    format!("{}{}", site.public_url, site.eyes.visit_path(target))
}

/// What a page of consent sends back: amoCRM names the account `referer`, Bitrix24 `domain`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Returned {
    code: Option<String>,
    state: Option<String>,
    referer: Option<String>,
    domain: Option<String>,
    error: Option<String>,
}

/// Takes a consent that a browser brings back.
pub async fn consent(
    State(web): State<Web>,
    Path(target): Path<String>,
    Query(back): Query<Returned>,
) -> Response {
    if let Err(seconds) = web.0.visitors.admit() {
        return retry(StatusCode::TOO_MANY_REQUESTS, seconds);
    }
    let (site, target) = (web.site(), Name::from(target));
    let state = back.state.as_deref().unwrap_or_default();
    let by = web.0.visitors.expected(&site, &target, state, web.now().mono);
    let language = by.as_ref().and_then(|by| Language::of(by.language.as_deref()?));
    let language = language.or_else(|| Language::of(&site.language)).unwrap_or(Language::English);
    let Some(by) = by else {
        return page(StatusCode::BAD_REQUEST, &language.pick(STALE));
    };
    let answer = match (back.code, back.error) {
        (Some(code), None) => {
            let account = back.referer.or(back.domain);
            let consent = Consent { code, account };
            let address = address(&site, &target);
            let taken = web.0.outlets.consent(&target, &consent, &address).await;
            taken.unwrap_or_else(|| Err(String::from("there is no such target")))
        }
        (_, Some(error)) => Err(error),
        (None, None) => Err(String::from("no code came back")),
    };
    web.0.door.audit(&by, "crm connect", target.as_str(), json!({ "ok": answer.is_ok() })).await;
    let fill = |text: Text| language.pick(text).replace("{target}", target.as_str());
    match answer {
        Ok(()) => page(StatusCode::OK, &fill(CONNECTED)),
        Err(why) => {
            let why: String = why.chars().take(200).collect();
            page(StatusCode::BAD_GATEWAY, &fill(REFUSED).replace("{why}", &why))
        }
    }
}

/// Takes an event or a report of a target's peer.
pub async fn visit(
    State(web): State<Web>,
    Path((target, token)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (site, target) = (web.site(), Name::from(target));
    let right = site.eyes.seal(&["visit", target.as_str()]);
    if !same_secret(&random::kept(&token), &random::kept(&right)) || !web.0.outlets.has(&target) {
        metrics::counter!("navbat_visit_strangers_total").increment(1);
        return plain(StatusCode::FORBIDDEN, "forbidden");
    }
    if let Err(seconds) = web.0.visitors.admit() {
        return retry(StatusCode::TOO_MANY_REQUESTS, seconds);
    }
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "too large");
    };
    let brought = (kind.unwrap_or_default(), &*body);
    let address = address(&site, &target);
    let taken = web.0.outlets.take(&target, brought, &address).await;
    match taken {
        Some(Ok(Brought::Taken)) => plain(StatusCode::OK, RECEIVED),
        Some(Ok(Brought::Click { operator, number })) => {
            let command = Command::Place { operator: operator.clone(), number };
            if let Err(error) = web.0.exchange.command(target.clone(), false, command).await {
                let why = error.to_string();
                tracing::warn!(%target, %operator, why, "a click on a number led to no call");
            }
            plain(StatusCode::OK, RECEIVED)
        }
        Some(Err(Unwelcome::Forged)) => {
            tracing::warn!(%target, "something was brought that its peer did not send");
            plain(StatusCode::FORBIDDEN, "forbidden")
        }
        Some(Err(Unwelcome::Useless(why))) => {
            tracing::warn!(%target, why, "what was brought cannot be used");
            plain(StatusCode::OK, RECEIVED) // bringing it again would change nothing
        }
        Some(Err(Unwelcome::NotNow(why))) => {
            tracing::warn!(%target, why, "what was brought could not be taken in");
            retry(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER)
        }
        None => plain(StatusCode::FORBIDDEN, "forbidden"),
    }
}

/// Adds a message that a person sends to see whether a target works; gives the note's id.
pub async fn send_test(web: &Web, target: &Name, reader: &Reader) -> Result<String, Fault> {
    let site = web.site();
    let language = reader.language.as_deref().or(Some(&site.language)).and_then(Language::of);
    let message = crate::connect::notify::test_message(language.unwrap_or(Language::English));
    let now = web.now().wall;
    let (id, once) = (random::id(now), random::secret()?);
    let lane = format!("{target}/test-{once}");
    let note = crate::store::NewNote {
        id: id.clone(),
        once_key: format!("{lane}/message"),
        target: target.clone(),
        lane,
        place: 0,
        call: None,
        revision: 1,
        body: crate::model::NoteBody::Message(Box::new(message)),
        due_at: now,
        created_at: now,
    };
    web.0.store.add_note(&note).await.map_err(fault)?;
    Ok(id)
}

fn plain(status: StatusCode, text: &str) -> Response {
    with(status, "text/plain; charset=utf-8", text.to_owned())
}

/// A page for whoever consented. Nothing of it runs, and what was told is text.
fn page(status: StatusCode, text: &str) -> Response {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>navbat</title></head>\
         <body><p>{text}</p><p><a href=\"/admin/crm\">navbat</a></p></body></html>"
    );
    with(status, "text/html; charset=utf-8", html)
}

fn with(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn retry(status: StatusCode, seconds: u64) -> Response {
    let mut response = plain(status, "try again later");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
