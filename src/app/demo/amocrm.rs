//! The stand-in of amoCRM: one account over a real socket, as strict as crm/amocrm.md.
//!
//! It refuses what amoCRM refuses, keeps what amoCRM keeps, and writes down what a well-behaved
//! client never does, so that a test can hold the adapter to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::amocrm_auth::Tokens;
use super::amocrm_world::{Entity, Lead, Pop, Task, User, World};
use super::http::{Reply, Request, Router};
use super::{amocrm_reads as reads, amocrm_writes as writes};

/// Requests of one second; the next one is answered 429.
const RATE_MAX: usize = 7;
/// So many 429s within [`PATIENCE`] block everything.
const LIMITED_MAX: usize = 3;
/// How long a 429 is remembered.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a block lasts.
const BLOCKED_FOR: Duration = Duration::from_secs(300);

/// An account of amoCRM. Clones are the same account.
#[derive(Clone)]
pub struct AmoStand(Arc<Mutex<Account>>);

/// What stands behind the socket.
pub struct Account {
    pub(super) tokens: Tokens,
    pub(super) world: World,
    limits: Limits,
    /// Answers everything with this status, like 402 when the subscription has ended.
    refuses: Option<u16>,
    requests: u64,
    wrong: Vec<String>,
}

struct Limits {
    rate_max: usize,
    seen: Vec<Instant>,
    limited: Vec<Instant>,
    limited_count: u64,
    blocked_until: Option<Instant>,
}

impl AmoStand {
    /// An empty account that lets in a token which lives long.
    pub fn with_token(token: &str) -> AmoStand {
        AmoStand::new(Tokens::long_lived(token))
    }

    /// An empty account with an integration: its id, secret and redirect address.
    pub fn with_oauth(id: &str, secret: &str, redirect_uri: &str) -> AmoStand {
        AmoStand::new(Tokens::oauth(id, secret, redirect_uri))
    }

    fn new(tokens: Tokens) -> AmoStand {
        AmoStand(Arc::new(Mutex::new(Account {
            tokens,
            world: World::default(),
            limits: Limits {
                rate_max: RATE_MAX,
                seen: Vec::new(),
                limited: Vec::new(),
                limited_count: 0,
                blocked_until: None,
            },
            refuses: None,
            requests: 0,
            wrong: Vec::new(),
        })))
    }

    /// An administrator consents: the code that the redirection brings.
    pub fn consent(&self) -> String {
        self.0.lock().tokens.consent()
    }

    /// How long access tokens live from here on, in seconds.
    pub fn set_life(&self, seconds: u64) {
        self.0.lock().tokens.life = seconds;
    }

    /// All access tokens end; refresh tokens stay good.
    pub fn end_access(&self) {
        self.0.lock().tokens.end_access();
    }

    /// The integration is switched off: nothing is let in, nothing is renewed.
    pub fn switch_off(&self) {
        self.0.lock().tokens.switch_off();
    }

    /// Everything is answered with this status; `None`: as usual.
    pub fn refuse(&self, status: Option<u16>) {
        self.0.lock().refuses = status;
    }

    /// Takes so many times as many requests a second, so that long tests are short.
    pub fn widen(&self, factor: usize) {
        self.0.lock().limits.rate_max = RATE_MAX.saturating_mul(factor);
    }

    /// A user joins.
    pub fn user(&self, id: u64, name: &str) {
        let user = User { name: name.to_owned(), active: true };
        self.0.lock().world.users.insert(id, user);
    }

    /// A user is switched off.
    pub fn switch_off_user(&self, id: u64) {
        if let Some(user) = self.0.lock().world.users.get_mut(&id) {
            user.active = false;
        }
    }

    /// A contact with its telephone as it is stored; gives its id.
    pub fn contact(&self, name: &str, phone: &str, responsible: u64) -> u64 {
        self.0.lock().world.add("contacts", Entity::person(name, phone, responsible))
    }

    /// A company; gives its id.
    pub fn company(&self, name: &str, phone: &str, responsible: u64) -> u64 {
        self.0.lock().world.add("companies", Entity::person(name, phone, responsible))
    }

    /// A contact works for a company.
    pub fn employ(&self, contact: u64, company: u64) {
        let mut account = self.0.lock();
        if let Some(contact) = account.world.contacts.get_mut(&contact) {
            contact.company = Some(company);
        }
        if let Some(company) = account.world.companies.get_mut(&company) {
            company.contacts.push(contact);
        }
    }

    /// When an entity was changed last, in seconds.
    pub fn touch(&self, contact: u64, updated_at: i64) {
        if let Some(contact) = self.0.lock().world.contacts.get_mut(&contact) {
            contact.updated_at = updated_at;
        }
    }

    /// A lead of a contact in a stage of pipeline 8001 (142 won, 143 lost); gives its id.
    pub fn lead(&self, contact: u64, name: &str, status: u64, responsible: u64) -> u64 {
        let lead = Lead { name: name.to_owned(), status, responsible };
        self.0.lock().world.add_lead(contact, lead)
    }

    /// How often each call stands in the log, by its `uniq`.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let account = self.0.lock();
        let mut calls = BTreeMap::new();
        let notes = account.world.notes.iter().filter(|note| note.is_call());
        for uniq in notes.filter_map(|note| note.params.get("uniq")?.as_str()) {
            *calls.entry(uniq.to_owned()).or_default() += 1;
        }
        calls
    }

    /// What the log says of a call: `(entity kind, entity id, params)`.
    pub fn call(&self, uniq: &str) -> Option<(String, u64, Value)> {
        let account = self.0.lock();
        let own = |params: &Value| params.get("uniq").and_then(Value::as_str) == Some(uniq);
        let note = account.world.notes.iter().find(|note| note.is_call() && own(&note.params))?;
        Some((note.kind.clone(), note.entity, note.params.clone()))
    }

    /// The texts of common notes at an entity.
    pub fn remarks(&self, kind: &str, id: u64) -> Vec<String> {
        let account = self.0.lock();
        let notes = account.world.notes.iter();
        let own = notes.filter(|n| n.kind == kind && n.entity == id && n.note_type == "common");
        own.filter_map(|note| note.params.get("text")?.as_str().map(str::to_owned)).collect()
    }

    /// Cards that were shown.
    pub fn pops(&self) -> Vec<Pop> {
        self.0.lock().world.pops.clone()
    }

    /// Tasks that were given.
    pub fn tasks(&self) -> Vec<Task> {
        self.0.lock().world.tasks.clone()
    }

    /// Ids of contacts whose stored telephone ends with these digits.
    pub fn contacts_of(&self, digits: &str) -> Vec<u64> {
        let account = self.0.lock();
        let contacts = account.world.contacts.iter();
        contacts.filter(|(_, own)| own.digits().ends_with(digits)).map(|(id, _)| *id).collect()
    }

    /// How many incoming leads stand in *unsorted*.
    pub fn unsorted_count(&self) -> usize {
        self.0.lock().world.unsorted.len()
    }

    /// Requests that arrived, refused ones among them.
    pub fn requests(&self) -> u64 {
        self.0.lock().requests
    }

    /// How often the limit was exceeded.
    pub fn limited(&self) -> u64 {
        self.0.lock().limits.limited_count
    }

    /// How often the refresh token that was sent most was sent.
    pub fn refresh_sendings_max(&self) -> u64 {
        self.0.lock().tokens.sendings_max()
    }

    /// What a well-behaved client never does, in words.
    pub fn wrong(&self) -> Vec<String> {
        self.0.lock().wrong.clone()
    }
}

impl Router for AmoStand {
    fn answer(&self, request: &Request) -> Reply {
        let mut account = self.0.lock();
        account.requests += 1;
        let id = format!("demo-{}", account.requests);
        account.route(request).with("x-request-id", id)
    }
}

impl Account {
    fn route(&mut self, request: &Request) -> Reply {
        if let Some(refusal) = self.limit() {
            return refusal;
        }
        if let Some(status) = self.refuses {
            return problem(status, "Payment Required");
        }
        if !request.header("user-agent").is_some_and(|agent| agent.contains("navbat")) {
            self.wrong.push(String::from("a request does not name its product"));
        }
        if request.method != "GET" && request.kind() != "application/json" {
            self.wrong.push(format!("{} {} is not JSON", request.method, request.path));
            return problem(415, "Unsupported Media Type");
        }
        if request.path == "/oauth2/access_token" {
            return self.tokens.grant(request);
        }
        let bearer = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        if !bearer.is_some_and(|token| self.tokens.lets_in(token)) {
            return problem(401, "Unauthorized");
        }
        self.inside(request)
    }

    fn inside(&mut self, request: &Request) -> Reply {
        let segments = request.segments();
        let world = &mut self.world;
        let reply = match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["api", "v4", "account"]) => reads::account(),
            ("GET", ["api", "v4", "users"]) => reads::users(world, request),
            ("GET", ["api", "v4", "leads", "pipelines"]) => reads::pipelines(),
            ("GET", ["api", "v4", "leads", "unsorted"]) => reads::unsorted(world, request),
            ("GET", ["api", "v4", "leads"]) => reads::leads(world, request),
            ("GET", ["api", "v4", "tasks"]) => reads::tasks(world, request),
            ("GET", ["api", "v4", kind @ ("contacts" | "companies")]) => {
                reads::entities(world, kind, request)
            }
            ("GET", ["api", "v4", kind, id, "notes"]) => reads::notes(world, (kind, id), request),
            ("POST", ["api", "v4", "calls"]) => writes::calls(world, request),
            ("POST", ["api", "v4", "contacts"]) => writes::contacts(world, request),
            ("POST", ["api", "v4", "tasks"]) => writes::tasks(world, request),
            ("PATCH", ["api", "v4", "tasks", id]) => writes::task(world, id, request),
            ("POST", ["api", "v4", "leads", "unsorted", "sip"]) => writes::unsorted(world, request),
            ("POST", ["api", "v4", kind, id, "notes"]) => writes::notes(world, (kind, id), request),
            ("POST", ["api", "v2", "events"]) => writes::events(world, request),
            _ => problem(404, "Not Found"),
        };
        if reply.status >= 400 {
            let what = format!("{} {} gave {}", request.method, request.path, reply.status);
            tracing::debug!(what, "the stand-in of amoCRM refused");
        }
        self.wrong.append(&mut self.world.wrong);
        reply
    }

    /// Counts a request; over the limit it is refused, in each of the forms that were seen.
    fn limit(&mut self) -> Option<Reply> {
        let (now, limits) = (Instant::now(), &mut self.limits);
        if limits.blocked_until.is_some_and(|until| now < until) {
            return Some(problem(403, "Forbidden"));
        }
        limits.seen.retain(|at| now.duration_since(*at) < Duration::from_secs(1));
        limits.limited.retain(|at| now.duration_since(*at) < PATIENCE);
        if limits.seen.len() < limits.rate_max {
            limits.seen.push(now);
            return None;
        }
        limits.limited.push(now);
        limits.limited_count += 1;
        if limits.limited.len() >= LIMITED_MAX {
            limits.blocked_until = Some(now + BLOCKED_FOR);
        }
        let body = json!({
            "title": "Too Many Requests",
            "type": "https://httpstatus.es/429",
            "status": 429,
            "detail": "Too many requests",
            "retry_after": 1,
        });
        Some(match limits.limited_count % 3 {
            1 => Reply::json_as("application/problem+json", 429, &body),
            2 => Reply::html(429, b"<html>429</html>").with("retry-after", "1"),
            _ => Reply::html(429, b"<html>429</html>"),
        })
    }
}

/// A refusal in the form of RFC 7807.
pub(super) fn problem(status: u16, title: &str) -> Reply {
    let body = json!({
        "title": title,
        "type": format!("https://httpstatus.es/{status}"),
        "status": status,
        "detail": "",
    });
    Reply::json_as("application/problem+json", status, &body)
}

/// A good answer.
pub(super) fn good(status: u16, body: &Value) -> Reply {
    Reply::json_as("application/hal+json", status, body)
}
