//! Outgoing webhooks, for Albato and whatever else takes JSON over HTTPS.
//!
//! A flat body of a published schema (`webhook_schema`), signed over its moment and its bytes. The
//! same event always has the same id, so a lost answer is simply sent again and a receiver that
//! keeps ids sees it once. By default the body names nobody: a masked number and a link.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::plain::without_numbers;
use super::webhook_schema::{ALERTED, ENVELOPE, Field, TEST, VERSION, kind};
use crate::connect::deliver::{Found, Later, Note, Outlet, Verdict};
use crate::connect::http::{Answer, Body, Call, Http, Method, NoAnswer};
use crate::model::{Name, NoteBody, Number, Wall};

/// The event's once-only id.
pub const ID: &str = "navbat-id";
/// The kind of event.
pub const EVENT: &str = "navbat-event";
/// When this attempt left, in Unix seconds.
pub const TIMESTAMP: &str = "navbat-timestamp";
/// `v1=` and the signature.
pub const SIGNATURE: &str = "navbat-signature";

/// How long a receiver may take. Longer holds a worker, shorter repeats what was taken slowly.
const WITHIN: Duration = Duration::from_secs(15);
/// Events a second and at once. More is faster after an outage, and rude.
const PACE: (f64, u32) = (10.0, 4);
/// A rest for want of a word from a receiver that says 429.
const REST_UNTOLD: Duration = Duration::from_mins(1);
/// The longest rest that is taken on a receiver's word.
const REST_MAX: Duration = Duration::from_hours(1);

/// Reads the wall clock.
pub type WallClock = Arc<dyn Fn() -> Wall + Send + Sync>;

/// What one target of kind `webhook` says.
pub struct Settings {
    /// Its name.
    pub name: Name,
    /// Where to. May hold a secret, so it is never told.
    pub url: String,
    /// What signs; without it nothing is signed.
    pub secret: Option<SecretString>,
    /// Kinds of events; empty: all.
    pub events: Vec<String>,
    /// Private fields that are opened; `*` opens all.
    pub fields: Vec<String>,
    /// What addresses of our pages begin with.
    pub public_url: Option<String>,
}

/// One receiver.
pub struct Webhook {
    name: Name,
    url: String,
    secret: Option<SecretString>,
    events: BTreeSet<String>,
    opened: BTreeSet<String>,
    public_url: Option<String>,
    http: Http,
    clock: WallClock,
    /// What was last seen of it, for health: asking a receiver would start its scenario.
    seen: parking_lot::Mutex<Option<String>>,
}

/// An event for somebody who tries the connection; its once-only key must differ at each trial.
pub fn trial(at: Wall) -> NoteBody {
    NoteBody::Event { event: TEST.to_owned(), at, fields: json!({}) }
}

/// The signature of a body at a moment: `v1=` and HMAC-SHA256 over `timestamp`, a full stop and
/// the body, in hexadecimal.
pub fn sign(secret: &SecretString, timestamp: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::from("v1="); // never: a key of any length is taken
    };
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1={}", hex(&mac.finalize().into_bytes()))
}

impl Webhook {
    /// A receiver; nothing is sent yet.
    pub fn new(settings: Settings, http: Http, clock: WallClock) -> Webhook {
        Webhook {
            name: settings.name,
            url: settings.url,
            secret: settings.secret,
            events: settings.events.into_iter().collect(),
            opened: settings.fields.into_iter().collect(),
            public_url: settings.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            http,
            clock,
            seen: parking_lot::Mutex::new(None),
        }
    }

    /// The body of a note; `None` when it is no event of a kind that is known.
    fn body(&self, note: &Note) -> Option<(String, Map<String, Value>)> {
        let (event, at, fields, link) = match &note.body {
            NoteBody::Event { event, at, fields } => (event.clone(), *at, fields.clone(), None),
            NoteBody::Message(message) => {
                let fields = json!({
                    "alert": message.event,
                    "title": message.title,
                    "text": message.text,
                    "call": message.call.map(|call| call.to_string()),
                });
                (ALERTED.to_owned(), (self.clock)(), fields, message.link.clone())
            }
            NoteBody::Call { .. } | NoteBody::CallBack { .. } | NoteBody::Reached { .. } => {
                return None;
            }
        };
        let kind = kind(&event)?;
        let mut body = Map::new();
        for field in kind.fields {
            let value = fields.get(field.name).filter(|_| self.opens(field));
            body.insert(field.name.to_owned(), value.cloned().unwrap_or_default());
        }
        let client = fields.get("client_e164").and_then(Value::as_str);
        let masked = client.and_then(|text| Number::new(text).ok()).map(|one| one.masked());
        let link = link.or_else(|| self.link(&fields));
        let envelope = json!({
            "version": VERSION,
            "id": once_id(note, &fields),
            "event": event,
            "at": at.rfc3339(),
            "client_masked": masked,
            "link": link,
        });
        for field in &ENVELOPE {
            let value = envelope.get(field.name).cloned().unwrap_or_default();
            body.insert(field.name.to_owned(), value);
        }
        Some((event, body))
    }

    fn opens(&self, field: &Field) -> bool {
        !field.private || self.opened.contains("*") || self.opened.contains(field.name)
    }

    fn link(&self, fields: &Value) -> Option<String> {
        let call = fields.get("call").or_else(|| fields.get("last_call"))?.as_str()?;
        Some(format!("{}/calls/{call}", self.public_url.as_ref()?))
    }

    async fn send(&self, note: &Note) -> Verdict {
        let Some((event, body)) = self.body(note) else {
            return Verdict::Dead { why: String::from("no event that webhooks know") };
        };
        if event != TEST && !self.events.is_empty() && !self.events.contains(&event) {
            return Verdict::Skipped { why: format!("{event} is not among its `events`") };
        }
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let id = body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let timestamp = (self.clock)().0.div_euclid(1000);
        let mut headers = vec![(ID, id), (EVENT, event), (TIMESTAMP, timestamp.to_string())];
        if let Some(secret) = &self.secret {
            headers.push((SIGNATURE, sign(secret, timestamp, &bytes)));
        }
        let call = Call {
            method: Method::Post,
            url: &self.url,
            headers,
            body: Body::Bytes { kind: "application/json", bytes },
            within: WITHIN,
        };
        match self.http.send(call).await {
            Ok(answer) => self.judge(&answer),
            Err(error) => unanswered(&error),
        }
    }

    fn judge(&self, answer: &Answer) -> Verdict {
        let why = || format!("answered {}: {}", answer.status, self.clean(&answer.gist()));
        match answer.status {
            200..=299 => Verdict::Done { external: None },
            429 => {
                let after = answer.retry_after.unwrap_or(REST_UNTOLD).min(REST_MAX);
                Verdict::Wait { after, why: why() }
            }
            408 | 425 | 500..=599 => {
                let after = answer.retry_after.map(|after| after.min(REST_MAX));
                Verdict::Retry { after, why: why() }
            }
            300..=399 => Verdict::Dead { why: format!("answered {}: it redirects", answer.status) },
            _ => Verdict::Dead { why: why() },
        }
    }

    /// A receiver's words, which may repeat what it was sent.
    fn clean(&self, text: &str) -> String {
        let secret = self.secret.as_ref().map_or("", |secret| secret.expose_secret());
        let text = if secret.is_empty() { text.to_owned() } else { text.replace(secret, "***") };
        without_numbers(&text.replace(&self.url, "***"))
    }
}

/// A lost answer may be asked for again without harm: the id says that it is the same event.
fn unanswered(error: &NoAnswer) -> Verdict {
    let why = error.to_string();
    match error {
        NoAnswer::Refused(_) => Verdict::Paused { state: "address_refused", why, probe: None },
        NoAnswer::Unreached(_) | NoAnswer::Lost(_) | NoAnswer::TooLarge => {
            Verdict::Retry { after: None, why }
        }
    }
}

/// The same for every attempt at one event, another one for each revision of what it tells.
fn once_id(note: &Note, fields: &Value) -> String {
    let revision = fields.get("revision").and_then(Value::as_u64).unwrap_or(0);
    let digest = Sha256::digest(format!("{}#{revision}", note.once_key));
    hex(digest.get(..16).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Outlet for Webhook {
    fn name(&self) -> &Name {
        &self.name
    }

    fn pace(&self) -> (f64, u32) {
        PACE
    }

    fn deliver<'a>(&'a self, note: &'a Note) -> Later<'a, Verdict> {
        Box::pin(async move {
            let verdict = self.send(note).await;
            let trouble = match &verdict {
                Verdict::Done { .. } | Verdict::Skipped { .. } => None,
                Verdict::Retry { why, .. }
                | Verdict::Ambiguous { why }
                | Verdict::Wait { why, .. }
                | Verdict::Paused { why, .. }
                | Verdict::Dead { why } => Some(why.clone()),
            };
            *self.seen.lock() = trouble;
            verdict
        })
    }

    /// Nothing is ever unclear: it is sent again.
    fn look_up<'a>(&'a self, _: &'a Note) -> Later<'a, Found> {
        Box::pin(async { Found::No })
    }

    fn look_up_after(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        let seen = self.seen.lock().clone();
        Box::pin(async move { seen.map_or(Ok(()), Err) })
    }
}
