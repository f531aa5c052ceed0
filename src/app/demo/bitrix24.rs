//! The stand-in of a Bitrix24 portal: its token server, its REST methods for telephony, its limits.
//!
//! As strict as the contract: a JSON body, the token in it, required fields, active users, one
//! effect per `finish`, the leaky bucket, tokens that expire, refresh tokens that are replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::bitrix24_batch;
use super::bitrix24_tokens::Tokens;
use super::http::{Reply, Request, Router};

/// Rows of one page.
const PAGE: usize = 50;
/// Methods that work for applications only.
const APPLICATION_ONLY: [&str; 3] = [
    "telephony.externalcall.register",
    "telephony.externalcall.finish",
    "telephony.externalline.add",
];
const STATUS_CODES: [&str; 13] =
    ["200", "304", "603", "603-S", "403", "404", "486", "484", "503", "480", "402", "423", "OTHER"];

/// A user of the portal.
#[derive(Debug, Clone)]
pub struct User {
    /// Theirs.
    pub id: u64,
    /// First name.
    pub name: String,
    /// Extension.
    pub extension: Option<String>,
    /// Switched off users are refused everywhere.
    pub active: bool,
}

/// Somebody in the CRM.
#[derive(Debug, Clone)]
pub struct Entity {
    /// `CONTACT`, `COMPANY`, `LEAD`.
    pub kind: &'static str,
    /// Theirs.
    pub id: u64,
    /// As shown.
    pub name: String,
    /// With `+`.
    pub number: String,
    /// The responsible user.
    pub assigned: u64,
}

/// A deal of a contact.
#[derive(Debug, Clone)]
pub struct Deal {
    /// Theirs.
    pub id: u64,
    /// As shown.
    pub title: String,
    /// The id of its stage.
    pub stage: &'static str,
    /// Whose.
    pub contact: u64,
    /// The responsible user.
    pub assigned: u64,
    /// Won or lost.
    pub closed: bool,
}

/// A call in the statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Theirs.
    pub call_id: String,
    /// Ours.
    pub external: Option<String>,
    /// Who answered.
    pub user: u64,
    /// The client's number.
    pub number: String,
    /// 1 outgoing, 2 incoming.
    pub kind: u64,
    /// Seconds.
    pub seconds: u64,
    /// The code.
    pub status: String,
    /// When it began.
    pub began: String,
    /// The recording, when one was attached.
    pub record: Option<String>,
    /// Attempts to attach that are refused because it is not in the table yet.
    unlisted: u32,
}

/// A portal. Clones share it, so that a test keeps one in its hand.
#[derive(Clone)]
pub struct Bitrix24(Arc<Mutex<State>>);

struct State {
    tokens: Tokens,
    users: Vec<User>,
    entities: Vec<Entity>,
    deals: Vec<Deal>,
    lines: BTreeSet<String>,
    registered: BTreeMap<String, Registered>,
    finished: Vec<Finished>,
    bucket: Leak,
    /// A code that everything is answered with.
    held: Option<(u16, &'static str)>,
    unlisted: u32,
    unfetched: bool,
    calls_made: u64,
    counts: Counts,
    handler: Option<String>,
}

/// What a test wants to know of the traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests to the REST interface.
    pub requests: u64,
    /// Requests over the limit.
    pub limited: u64,
    /// `register` that made a call known.
    pub registered: u64,
    /// `finish` of a call that was finished before.
    pub finished_twice: u64,
    /// `show` and `hide`.
    pub cards: u64,
}

struct Leak {
    per_second: f64,
    burst: f64,
    level: f64,
    at: Instant,
}

struct Registered {
    external: Option<String>,
    user: u64,
    number: String,
    kind: u64,
    line: Option<String>,
    began: String,
    cards: BTreeSet<u64>,
    finished: bool,
}

/// An error of the portal: status, code, text.
pub(super) type Refusal = (u16, &'static str, &'static str);

const fn core(text: &'static str) -> Refusal {
    (400, "ERROR_CORE", text)
}

impl Bitrix24 {
    /// A portal with its people, clients and limit. It issues its first tokens by `tokens`.
    pub fn new(users: Vec<User>, entities: Vec<Entity>, per_second: f64, burst: f64) -> Bitrix24 {
        Bitrix24(Arc::new(Mutex::new(State {
            tokens: Tokens::new(),
            users,
            entities,
            deals: Vec::new(),
            lines: BTreeSet::new(),
            registered: BTreeMap::new(),
            finished: Vec::new(),
            bucket: Leak { per_second, burst, level: 0.0, at: Instant::now() },
            held: None,
            unlisted: 0,
            unfetched: false,
            calls_made: 0,
            counts: Counts::default(),
            handler: None,
        })))
    }

    /// Works with the tokens.
    pub fn tokens<T>(&self, work: impl FnOnce(&mut Tokens) -> T) -> T {
        work(&mut self.0.lock().tokens)
    }

    /// Takes somebody into the CRM.
    pub fn add_entity(&self, kind: &'static str, id: u64, number: &str, assigned: u64) {
        let name = format!("{kind} {id}");
        let entity = Entity { kind, id, name, number: number.to_owned(), assigned };
        self.0.lock().entities.push(entity);
    }

    /// Takes deals in.
    pub fn add_deals(&self, deals: Vec<Deal>) {
        self.0.lock().deals.extend(deals);
    }

    /// Answers everything with a code, or nothing any more.
    pub fn hold(&self, held: Option<(u16, &'static str)>) {
        self.0.lock().held = held;
    }

    /// So many attempts to attach a record come too early for each call finished from now on.
    pub fn list_late(&self, attempts: u32) {
        self.0.lock().unlisted = attempts;
    }

    /// Whether recordings cannot be fetched.
    pub fn cannot_fetch(&self, cannot: bool) {
        self.0.lock().unfetched = cannot;
    }

    /// Forgets which calls are registered, as the portal does after a while.
    pub fn forget(&self) {
        self.0.lock().registered.clear();
    }

    /// Switches a user off or on.
    pub fn set_active(&self, user: u64, active: bool) {
        for one in self.0.lock().users.iter_mut().filter(|one| one.id == user) {
            one.active = active;
        }
    }

    /// The statistics.
    pub fn finished(&self) -> Vec<Finished> {
        self.0.lock().finished.clone()
    }

    /// Who sees a card of one of our calls.
    pub fn cards(&self, external: &str) -> Vec<u64> {
        let state = self.0.lock();
        let ours = |call: &&Registered| call.external.as_deref() == Some(external);
        let users = state.registered.values().filter(ours).flat_map(|call| call.cards.clone());
        users.collect()
    }

    /// Every card that anybody sees.
    pub fn cards_open(&self) -> usize {
        self.0.lock().registered.values().map(|call| call.cards.len()).sum()
    }

    /// Registers a call as a click on a number does; no id of ours is known for it.
    pub fn click(&self, user: u64, number: &str) -> String {
        let mut state = self.0.lock();
        let call = Registered {
            external: None,
            user,
            number: number.to_owned(),
            kind: 1,
            line: None,
            began: String::from("2026-11-22T10:00:00+05:00"),
            cards: BTreeSet::from([user]),
            finished: false,
        };
        state.add(call)
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.0.lock().counts
    }

    /// The lines it was told of.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().lines.iter().cloned().collect()
    }

    /// Where it would send its events.
    pub fn handler(&self) -> Option<String> {
        self.0.lock().handler.clone()
    }
}

impl Router for Bitrix24 {
    fn answer(&self, request: &Request) -> Reply {
        let mut state = self.0.lock();
        if request.path.trim_end_matches('/') == "/oauth/token" {
            let base = format!("http://{}", request.header("host").unwrap_or_default());
            return state.tokens.exchange(request, &base);
        }
        match request.segments().as_slice() {
            ["rest", method] => state.rest(request, method, true),
            ["rest", user, _, method] if user.bytes().all(|b| b.is_ascii_digit()) => {
                state.rest(request, method, false)
            }
            _ => Reply::html(404, b"<html><body>404</body></html>"),
        }
    }
}

impl State {
    fn rest(&mut self, request: &Request, method: &str, application: bool) -> Reply {
        self.counts.requests += 1;
        if !self.bucket.takes() {
            self.counts.limited += 1;
            return refused((503, "QUERY_LIMIT_EXCEEDED", "Too many requests"));
        }
        if let Some((status, code)) = self.held {
            return refused((status, code, "held by a test"));
        }
        let method = method.trim_end_matches(".json").to_lowercase();
        let json = request.kind() == "application/json";
        let body = request.json::<Map<String, Value>>().filter(|_| json).unwrap_or_default();
        if !application && APPLICATION_ONLY.contains(&method.as_str()) {
            let text = "Current authorization type is denied for this method";
            return refused((403, "WRONG_AUTH_TYPE", text));
        }
        if application {
            let token = body.get("auth").and_then(Value::as_str).unwrap_or_default();
            if let Err(refusal) = self.tokens.uses(token) {
                return refused(refusal);
            }
        }
        let told = if method == "batch" {
            bitrix24_batch::run(&body, |method, body| self.method(method, body))
        } else {
            self.method(&method, &body)
        };
        match told {
            Ok(Value::Object(mut page)) if page.contains_key("total") => {
                page.insert(String::from("time"), json!({ "operating": 0 }));
                Reply::json(200, &page)
            }
            Ok(result) => {
                Reply::json(200, &json!({ "result": result, "time": { "operating": 0 } }))
            }
            Err(refusal) => refused(refusal),
        }
    }

    fn method(&mut self, method: &str, body: &Map<String, Value>) -> Result<Value, Refusal> {
        match method {
            "telephony.externalcall.register" => self.register(body),
            "telephony.externalcall.show" => self.card(body, true),
            "telephony.externalcall.hide" => self.card(body, false),
            "telephony.externalcall.finish" => self.finish(body),
            "telephony.externalcall.attachrecord" => self.attach(body),
            "telephony.externalcall.searchcrmentities" => self.search(body),
            "telephony.externalline.add" => self.line(body),
            "voximplant.statistic.get" => Ok(self.statistic(body)),
            "crm.deal.list" => Ok(self.deals(body)),
            "user.get" => Ok(self.people(body)),
            "event.bind" => self.bind(body),
            _ => Err((404, "ERROR_METHOD_NOT_FOUND", "Method not found!")),
        }
    }

    fn active(&self, value: Option<&Value>) -> Result<u64, Refusal> {
        let id = number(value).ok_or(core("USER_ID or USER_PHONE_INNER should be set"))?;
        let there = self.users.iter().any(|user| user.id == id && user.active);
        if there { Ok(id) } else { Err(core("User is not found or is not active")) }
    }

    fn add(&mut self, call: Registered) -> String {
        self.calls_made += 1;
        self.counts.registered += 1;
        let id = format!("externalCall.{:08x}.{}", 0x5eed + self.calls_made, self.calls_made);
        self.registered.insert(id.clone(), call);
        id
    }

    fn register(&mut self, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let user = self.active(body.get("USER_ID"))?;
        let phone = text(body, "PHONE_NUMBER").unwrap_or_default();
        let digits = phone.trim_start_matches('+');
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(core("Unsupported phone number format"));
        }
        let kind = number(body.get("TYPE")).filter(|kind| (1..=5).contains(kind));
        let kind = kind.ok_or(core("Unknown TYPE"))?;
        let began = text(body, "CALL_START_DATE").unwrap_or_default();
        let zoned = crate::model::Wall::parse_rfc3339(began).is_some() && began.len() == 25;
        if !began.is_empty() && !zoned {
            return Err(core("CALL_START_DATE should be in the ISO-8601 format"));
        }
        let call = Registered {
            external: text(body, "EXTERNAL_CALL_ID").map(str::to_owned),
            user,
            number: phone.to_owned(),
            kind,
            line: text(body, "LINE_NUMBER").map(str::to_owned),
            began: began.to_owned(),
            cards: BTreeSet::new(),
            finished: false,
        };
        let known = self.registered.iter().find(|(_, own)| {
            (&own.external, own.user, &own.number, own.kind, &own.line)
                == (&call.external, call.user, &call.number, call.kind, &call.line)
        });
        let id = known.map(|(id, _)| id.clone());
        let id = id.unwrap_or_else(|| self.add(call));
        let shows = body.get("SHOW").is_none_or(|show| number(Some(show)) != Some(0));
        if let Some(call) = self.registered.get_mut(&id).filter(|_| shows) {
            call.cards.insert(user);
        }
        let entity = self.entities.iter().find(|entity| entity.number == phone);
        Ok(json!({
            "CALL_ID": id,
            "CRM_CREATED_LEAD": null,
            "CRM_CREATED_ENTITIES": [],
            "CRM_ENTITY_TYPE": entity.map(|entity| entity.kind),
            "CRM_ENTITY_ID": entity.map(|entity| entity.id),
        }))
    }

    fn card(&mut self, body: &Map<String, Value>, shows: bool) -> Result<Value, Refusal> {
        self.counts.cards += 1;
        let users: Vec<u64> = match body.get("USER_ID") {
            Some(Value::Array(users)) => users.iter().filter_map(|one| number(Some(one))).collect(),
            one => number(one).into_iter().collect(),
        };
        let call = text(body, "CALL_ID").and_then(|id| self.registered.get_mut(id));
        let Some(call) = call.filter(|_| !users.is_empty()) else { return Ok(json!(false)) };
        for user in users {
            if shows {
                call.cards.insert(user);
            } else {
                call.cards.remove(&user);
            }
        }
        Ok(json!(true))
    }

    fn finish(&mut self, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let Some(Value::String(id)) = body.get("CALL_ID") else {
            return Err((400, "INVALID_ARGUMENT", "CALL_ID must be a string"));
        };
        let user = self.active(body.get("USER_ID"))?;
        let seconds = number(body.get("DURATION")).unwrap_or(0);
        let usual = if seconds > 0 { "200" } else { "304" };
        let status = text(body, "STATUS_CODE").unwrap_or(usual);
        if !STATUS_CODES.contains(&status) {
            return Err((400, "INVALID_ARGUMENT", "Unknown STATUS_CODE"));
        }
        let unlisted = self.unlisted;
        let absent = core("Call is not found (call should be registered prior to finishing");
        let call = self.registered.get_mut(id).ok_or(absent)?;
        if call.finished {
            self.counts.finished_twice += 1;
            return Err(absent);
        }
        call.finished = true;
        let finished = Finished {
            call_id: id.clone(),
            external: call.external.clone(),
            user,
            number: call.number.clone(),
            kind: call.kind,
            seconds,
            status: status.to_owned(),
            began: call.began.clone(),
            record: None,
            unlisted,
        };
        self.finished.push(finished);
        let row = self.finished.len();
        Ok(json!({
            "ID": row,
            "CALL_ID": id,
            "PORTAL_USER_ID": user,
            "CALL_DURATION": seconds,
            "CALL_STATUS": u8::from(status == "200"),
            "CALL_FAILED_CODE": status,
            "CRM_ACTIVITY_ID": 7000 + row,
        }))
    }

    fn attach(&mut self, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let name = text(body, "FILENAME").unwrap_or_default();
        let url = text(body, "RECORD_URL").unwrap_or_default();
        if !name.ends_with(".wav") && !name.ends_with(".mp3") {
            return Err(core("Wrong file extension. Only wav and mp3 are allowed"));
        }
        let absent =
            core("Call is not found in the statistic table. Looks like it is not finished yet.");
        let id = text(body, "CALL_ID").unwrap_or_default();
        let unfetched = self.unfetched;
        let call = self.finished.iter_mut().find(|call| call.call_id == id).ok_or(absent)?;
        if call.unlisted > 0 {
            call.unlisted -= 1;
            return Err(absent);
        }
        if unfetched || !url.starts_with("http") {
            return Err(core("Server returns HTTP error code 404"));
        }
        call.record = Some(url.to_owned());
        Ok(json!({ "FILE_ID": 9079 }))
    }

    fn search(&self, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let phone = text(body, "PHONE_NUMBER").ok_or(core("PHONE_NUMBER is empty"))?;
        let digits = phone.trim_start_matches('+');
        let found = self.entities.iter().filter(|one| one.number.trim_start_matches('+') == digits);
        let rows = found.map(|entity| {
            let user = self.users.iter().find(|user| user.id == entity.assigned);
            json!({
                "CRM_ENTITY_TYPE": entity.kind,
                "CRM_ENTITY_ID": entity.id,
                "ASSIGNED_BY_ID": entity.assigned,
                "NAME": entity.name,
                "ASSIGNED_BY": {
                    "ID": entity.assigned.to_string(),
                    "TIMEMAN_STATUS": if user.is_some_and(|user| user.active) { "OPENED" } else { "CLOSED" },
                    "USER_PHONE_INNER": user.and_then(|user| user.extension.clone()),
                    "WORK_PHONE": null,
                },
            })
        });
        Ok(Value::Array(rows.collect()))
    }

    fn line(&mut self, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let line = text(body, "NUMBER").ok_or(core("NUMBER should not be empty"))?;
        if !self.lines.insert(line.to_owned()) {
            return Err(core("Line already exists"));
        }
        Ok(json!({ "ID": self.lines.len() }))
    }

    /// Only a filter under this very name is understood; any other is passed over.
    fn statistic(&self, body: &Map<String, Value>) -> Value {
        let filter = body.get("FILTER").and_then(Value::as_object);
        let wants = |field: &str| filter.and_then(|filter| text(filter, field));
        let (call_id, external) = (wants("CALL_ID"), wants("EXTERNAL_CALL_ID"));
        let rows = self.finished.iter().filter(|call| {
            call_id.is_none_or(|id| id == call.call_id)
                && external.is_none_or(|id| Some(id) == call.external.as_deref())
        });
        let rows = rows.map(|call| {
            json!({
                "CALL_ID": call.call_id,
                "EXTERNAL_CALL_ID": call.external,
                "PORTAL_USER_ID": call.user.to_string(),
                "CALL_DURATION": call.seconds.to_string(),
                "CALL_FAILED_CODE": call.status,
            })
        });
        page(rows.collect(), body)
    }

    fn deals(&self, body: &Map<String, Value>) -> Value {
        let filter = body.get("filter").and_then(Value::as_object);
        let contact = filter.and_then(|filter| number(filter.get("CONTACT_ID")));
        let only_open = filter.and_then(|filter| text(filter, "CLOSED")) == Some("N");
        let deals = self.deals.iter().rev().filter(|deal| {
            contact.is_none_or(|contact| contact == deal.contact) && !(only_open && deal.closed)
        });
        let rows = deals.map(|deal| {
            json!({
                "ID": deal.id.to_string(),
                "TITLE": deal.title,
                "STAGE_ID": deal.stage,
                "CONTACT_ID": deal.contact.to_string(),
                "ASSIGNED_BY_ID": deal.assigned.to_string(),
            })
        });
        page(rows.collect(), body)
    }

    fn people(&self, body: &Map<String, Value>) -> Value {
        let filter = body.get("FILTER").and_then(Value::as_object);
        let only_active = filter.and_then(|filter| filter.get("ACTIVE")) == Some(&json!(true));
        let id = filter.and_then(|filter| number(filter.get("ID")));
        let users = self
            .users
            .iter()
            .filter(|user| (user.active || !only_active) && id.is_none_or(|id| id == user.id));
        let rows = users.map(|user| {
            json!({
                "ID": user.id.to_string(),
                "NAME": user.name,
                "LAST_NAME": "",
                "ACTIVE": user.active,
                "UF_PHONE_INNER": user.extension,
            })
        });
        page(rows.collect(), body)
    }

    fn bind(&mut self, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let handler = text(body, "handler").filter(|handler| handler.starts_with("https://"));
        let handler = handler.ok_or((400, "ERROR_ARGUMENT", "Wrong handler"))?;
        self.handler = Some(handler.to_owned());
        Ok(json!(true))
    }
}

impl Leak {
    fn takes(&mut self) -> bool {
        let passed = self.at.elapsed().as_secs_f64();
        self.at = Instant::now();
        self.level = (self.level - passed * self.per_second).max(0.0) + 1.0;
        self.level <= self.burst
    }
}

fn page(rows: Vec<Value>, body: &Map<String, Value>) -> Value {
    let start = number(body.get("start")).and_then(|start| usize::try_from(start).ok());
    let (start, total) = (start.unwrap_or(0), rows.len());
    let result: Vec<Value> = rows.into_iter().skip(start).take(PAGE).collect();
    let mut page = json!({ "result": result, "total": total });
    if let (true, Some(page)) = (start + PAGE < total, page.as_object_mut()) {
        page.insert(String::from("next"), json!(start + PAGE));
    }
    page
}

fn refused((status, code, text): Refusal) -> Reply {
    Reply::json(status, &json!({ "error": code, "error_description": text }))
}

fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str().filter(|text| !text.is_empty())
}
