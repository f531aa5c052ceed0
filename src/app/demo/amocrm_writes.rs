//! What the stand-in of amoCRM takes, and what it refuses.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::amocrm::{good, problem};
use super::amocrm_world::{Entity, Lead, Note, Pop, Task, World};
use super::http::{Reply, Request};

/// Items of one request at most.
const BATCH_MAX: usize = 250;
/// Seconds after this are milliseconds that somebody took for seconds.
const SECONDS_MAX: i64 = 100_000_000_000;

/// A call as `POST /api/v4/calls` takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    direction: String,
    duration: u64,
    source: String,
    phone: String,
    uniq: Option<String>,
    link: Option<String>,
    call_result: Option<String>,
    call_status: Option<u8>,
    call_responsible: Option<Value>,
    responsible_user_id: Option<u64>,
    created_by: Option<u64>,
    created_at: Option<i64>,
    request_id: Option<String>,
}

impl Call {
    /// The first field that is wrong.
    fn fault(&self, world: &World) -> Option<(&'static str, &'static str)> {
        let user = |id: Option<u64>| id.is_some_and(|id| !world.is_user(id));
        let web = |link: &String| link.starts_with("http");
        if !["inbound", "outbound"].contains(&self.direction.as_str()) {
            Some(("InvalidChoice", "direction"))
        } else if self.source.is_empty() {
            Some(("NotBlank", "source"))
        } else if !self.phone.chars().any(|c| c.is_ascii_digit()) {
            Some(("NotBlank", "phone"))
        } else if self.link.as_ref().is_some_and(|link| !web(link)) {
            Some(("InvalidUrl", "link"))
        } else if self.call_status.is_some_and(|status| !(1..=8).contains(&status)) {
            Some(("InvalidChoice", "call_status"))
        } else if self.created_at.is_some_and(|at| at > SECONDS_MAX) {
            Some(("InvalidTimestamp", "created_at"))
        } else if user(self.responsible_user_id) {
            Some(("NotSupportedChoice", "responsible_user_id"))
        } else if user(self.created_by) {
            Some(("NotSupportedChoice", "created_by"))
        } else if user(self.call_responsible.as_ref().and_then(Value::as_u64)) {
            Some(("NotSupportedChoice", "call_responsible"))
        } else {
            None
        }
    }

    fn params(&self) -> Value {
        json!({
            "uniq": self.uniq,
            "duration": self.duration,
            "source": self.source,
            "link": self.link,
            "phone": self.phone,
            "call_result": self.call_result,
            "call_status": self.call_status,
            "call_responsible": self.call_responsible,
        })
    }
}

/// `POST /api/v4/calls`: one bad item refuses all; a call of nobody is not stored.
pub fn calls(world: &mut World, request: &Request) -> Reply {
    let items = match batch::<Call>(request) {
        Ok(items) => items,
        Err(refusal) => return refusal,
    };
    let id_of = |at: usize, call: &Call| call.request_id.clone().unwrap_or_else(|| at.to_string());
    let faults = items.iter().enumerate().filter_map(|(at, call)| {
        call.fault(world).map(|(code, path)| fault(&id_of(at, call), code, path))
    });
    let faults: Vec<Value> = faults.collect();
    if !faults.is_empty() {
        return invalid(&faults);
    }
    let (mut stored, mut errors) = (Vec::new(), Vec::new());
    for (at, call) in items.iter().enumerate() {
        let request_id = id_of(at, call);
        let Some((kind, entity)) = world.place(&call.phone) else {
            errors.push(json!({
                "request_id": request_id,
                "title": "Entity not found",
                "status": 263,
                "detail": "Entity not found",
            }));
            continue;
        };
        let note_type = if call.direction == "inbound" { "call_in" } else { "call_out" };
        let id = keep(world, (kind, entity), note_type, call.params());
        stored.push(json!({
            "id": id,
            "entity_id": entity,
            "entity_type": kind.trim_end_matches('s'),
            "account_id": 1,
            "request_id": request_id,
        }));
    }
    let status = if stored.is_empty() { 400 } else { 200 };
    let body = json!({
        "_total_items": stored.len(),
        "errors": errors,
        "_embedded": { "calls": stored },
    });
    good(status, &body)
}

fn keep(world: &mut World, (kind, entity): (&str, u64), note_type: &str, params: Value) -> u64 {
    let id = world.id();
    let (kind, note_type) = (kind.to_owned(), note_type.to_owned());
    world.notes.push(Note { id, kind, entity, note_type, params });
    id
}

/// A contact as it is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contact {
    name: Option<String>,
    responsible_user_id: Option<u64>,
    custom_fields_values: Vec<Field>,
    request_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    field_code: String,
    values: Vec<FieldValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldValue {
    value: String,
    enum_code: String,
}

impl Contact {
    /// The telephone, where it is written as it must be.
    fn phone(&self) -> Option<&str> {
        let codes = ["WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER"];
        let field = self.custom_fields_values.iter().find(|field| field.field_code == "PHONE")?;
        let value = field.values.first()?;
        codes.contains(&value.enum_code.as_str()).then_some(value.value.as_str())
    }

    fn keep(&self, world: &mut World) -> Option<u64> {
        let phone = self.phone()?.to_owned();
        let name = self.name.clone().unwrap_or_default();
        let entity = Entity::person(&name, &phone, self.responsible_user_id.unwrap_or(0));
        Some(world.add("contacts", entity))
    }
}

/// `POST /api/v4/contacts`.
pub fn contacts(world: &mut World, request: &Request) -> Reply {
    let items = match batch::<Contact>(request) {
        Ok(items) => items,
        Err(refusal) => return refusal,
    };
    for (at, contact) in items.iter().enumerate() {
        if contact.responsible_user_id.is_some_and(|id| !world.is_user(id)) {
            let path = "responsible_user_id";
            return invalid(&[fault(&at.to_string(), "NotSupportedChoice", path)]);
        }
        if contact.phone().is_none() {
            let path = "custom_fields_values.0.values.0.enum_code";
            return invalid(&[fault(&at.to_string(), "InvalidChoice", path)]);
        }
    }
    let made: Vec<Value> = items
        .iter()
        .filter_map(|contact| {
            Some(json!({ "id": contact.keep(world)?, "request_id": contact.request_id }))
        })
        .collect();
    good(200, &json!({ "_embedded": { "contacts": made } }))
}

/// A note as it is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    note_type: String,
    created_by: Option<u64>,
    created_at: Option<i64>,
    params: Value,
}

/// `POST /api/v4/{kind}/{id}/notes`.
pub fn notes(world: &mut World, (kind, id): (&str, &str), request: &Request) -> Reply {
    let known = id.parse::<u64>().ok().filter(|id| world.has(kind, *id));
    let Some(entity) = known else { return problem(404, "Not Found") };
    let items = match batch::<NewNote>(request) {
        Ok(items) => items,
        Err(refusal) => return refusal,
    };
    for (at, note) in items.iter().enumerate() {
        let has = |key: &str| note.params.get(key).is_some_and(|value| !value.is_null());
        let missing = match note.note_type.as_str() {
            "common" => ["text"].iter().find(|key| !has(key)),
            "call_in" | "call_out" => {
                ["uniq", "duration", "source", "phone"].iter().find(|key| !has(key))
            }
            _ => return invalid(&[fault(&at.to_string(), "InvalidChoice", "note_type")]),
        };
        if let Some(missing) = missing {
            return invalid(&[fault(&at.to_string(), "NotBlank", missing)]);
        }
        if note.created_by.is_some_and(|id| !world.is_user(id)) {
            return invalid(&[fault(&at.to_string(), "NotSupportedChoice", "created_by")]);
        }
        if note.created_at.is_some_and(|at| at > SECONDS_MAX) {
            return invalid(&[fault(&at.to_string(), "InvalidTimestamp", "created_at")]);
        }
    }
    let made: Vec<Value> = items
        .into_iter()
        .map(|note| {
            let id = keep(world, (kind, entity), &note.note_type, note.params);
            json!({ "id": id, "entity_id": entity })
        })
        .collect();
    good(200, &json!({ "_embedded": { "notes": made } }))
}

/// A task as it is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    task_type_id: Option<u64>,
    text: String,
    complete_till: i64,
    entity_type: String,
    entity_id: u64,
    responsible_user_id: Option<u64>,
}

/// `POST /api/v4/tasks`.
pub fn tasks(world: &mut World, request: &Request) -> Reply {
    let items = match batch::<NewTask>(request) {
        Ok(items) => items,
        Err(refusal) => return refusal,
    };
    for (at, task) in items.iter().enumerate() {
        let wrong = if task.responsible_user_id.is_some_and(|id| !world.is_user(id)) {
            Some(("NotSupportedChoice", "responsible_user_id"))
        } else if task.complete_till > SECONDS_MAX {
            Some(("InvalidTimestamp", "complete_till"))
        } else if !world.has(&task.entity_type, task.entity_id) {
            Some(("NotSupportedChoice", "entity_id"))
        } else if task.text.is_empty() {
            Some(("NotBlank", "text"))
        } else if task.task_type_id.is_some_and(|kind| !(1..=2).contains(&kind)) {
            Some(("NotSupportedChoice", "task_type_id"))
        } else {
            None
        };
        if let Some((code, path)) = wrong {
            return invalid(&[fault(&at.to_string(), code, path)]);
        }
    }
    let mut made = Vec::new();
    for task in items {
        let id = world.id();
        world.tasks.push(Task {
            id,
            kind: task.entity_type,
            entity: task.entity_id,
            text: task.text,
            complete_till: task.complete_till,
            responsible: task.responsible_user_id,
            result: None,
        });
        made.push(json!({ "id": id }));
    }
    good(200, &json!({ "_embedded": { "tasks": made } }))
}

/// What may be changed of a task.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DoneTask {
    is_completed: bool,
    result: Option<TaskResult>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskResult {
    text: String,
}

/// `PATCH /api/v4/tasks/{id}`.
pub fn task(world: &mut World, id: &str, request: &Request) -> Reply {
    let known = id.parse::<u64>().ok();
    let Some(task) = world.tasks.iter_mut().find(|task| Some(task.id) == known) else {
        return problem(404, "Not Found");
    };
    let Some(done) = request.json::<DoneTask>() else { return problem(400, "Bad Request") };
    let text = done.result.map(|result| result.text).unwrap_or_default();
    task.result = done.is_completed.then_some(text);
    good(200, &json!({ "id": task.id, "updated_at": 1_795_000_000 }))
}

/// An incoming lead as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    request_id: Option<String>,
    source_uid: String,
    source_name: String,
    pipeline_id: Option<u64>,
    created_at: Option<i64>,
    metadata: Metadata,
    #[serde(rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    from: String,
    phone: String,
    call_responsible: Option<Value>,
    called_at: i64,
    duration: u64,
    service_code: String,
    link: String,
    uniq: String,
    is_call_event_needed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Embedded {
    leads: Vec<Value>,
    contacts: Vec<Contact>,
}

/// `POST /api/v4/leads/unsorted/sip`: makes a lead, a contact and the call.
pub fn unsorted(world: &mut World, request: &Request) -> Reply {
    let items = match batch::<Incoming>(request) {
        Ok(items) => items,
        Err(refusal) => return refusal,
    };
    let mut made = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let (one_lead, one_contact) = (item.embedded.leads.len(), item.embedded.contacts.len());
        let blank = [&item.source_uid, &item.source_name, &item.metadata.service_code];
        let bad_time = item.created_at.unwrap_or(0).max(item.metadata.called_at) > SECONDS_MAX;
        if one_lead != 1 || one_contact > 1 || bad_time || blank.iter().any(|t| t.is_empty()) {
            return invalid(&[fault(&at.to_string(), "InvalidValue", "metadata")]);
        }
        if item.metadata.from != item.metadata.phone || item.metadata.link.is_empty() {
            return invalid(&[fault(&at.to_string(), "InvalidValue", "metadata.from")]);
        }
        made.push(incoming(world, item));
    }
    good(200, &json!({ "_total_items": made.len(), "_embedded": { "unsorted": made } }))
}

fn incoming(world: &mut World, item: &Incoming) -> Value {
    let contact = item.embedded.contacts.first().and_then(|contact| contact.keep(world));
    let name = item.embedded.leads.first().and_then(|lead| lead.get("name"));
    let name = name.and_then(Value::as_str).unwrap_or_default().to_owned();
    let lead = world.add_lead(contact.unwrap_or(0), Lead { name, status: 1, responsible: 0 });
    let metadata = &item.metadata;
    if metadata.is_call_event_needed == Some(true) {
        let params = json!({
            "uniq": metadata.uniq,
            "duration": metadata.duration,
            "link": metadata.link,
            "phone": metadata.phone,
            "call_responsible": metadata.call_responsible,
        });
        keep(world, ("leads", lead), "call_in", params);
    }
    let contacts: Vec<Value> = contact.into_iter().map(|id| json!({ "id": id })).collect();
    let row = json!({
        "uid": format!("uid-{lead}"),
        "account_id": 1,
        "request_id": item.request_id,
        "category": "sip",
        "pipeline_id": item.pipeline_id,
        "metadata": { "uniq": metadata.uniq, "phone": metadata.phone },
        "_embedded": { "leads": [{ "id": lead }], "contacts": contacts, "companies": [] },
    });
    world.unsorted.push(row.clone());
    row
}

/// `POST /api/v2/events`.
pub fn events(world: &mut World, request: &Request) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Events {
        add: Vec<Event>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Event {
        r#type: String,
        phone_number: String,
        users: Option<Vec<u64>>,
    }
    let Some(events) = request.json::<Events>() else { return problem(400, "Bad Request") };
    let mut items = Vec::new();
    for event in events.add {
        let users = event.users.unwrap_or_default();
        if users.is_empty() {
            world.wrong.push(String::from("a card was sent to every user of the account"));
        }
        if event.r#type != "phone_call" || users.iter().any(|id| !world.is_user(*id)) {
            return problem(400, "Bad Request");
        }
        let element = world.place(&event.phone_number);
        items.push(json!({
            "element_id": element.map(|(_, id)| id),
            "element_type": element.map(|(kind, _)| if kind == "leads" { 2 } else { 1 }),
            "uid": format!("uid-{}", world.pops.len()),
            "phone_number": event.phone_number,
        }));
        world.pops.push(Pop { phone: event.phone_number, users });
    }
    let links = json!({ "self": { "href": "/api/v2/events", "method": "post" } });
    good(200, &json!({ "_links": links, "_embedded": { "items": items } }))
}

/// The items of a request; what cannot be read refuses all of them.
fn batch<T: DeserializeOwned>(request: &Request) -> Result<Vec<T>, Reply> {
    let items = request.json::<Vec<T>>().ok_or_else(|| problem(400, "Bad Request"))?;
    if items.len() > BATCH_MAX {
        return Err(problem(422, "Unprocessable Entity"));
    }
    if items.is_empty() {
        return Err(problem(400, "Bad Request"));
    }
    Ok(items)
}

fn fault(item: &str, code: &str, path: &str) -> Value {
    let error = json!({ "code": code, "path": path, "detail": "Значение не подходит" });
    json!({ "request_id": item, "errors": [error] })
}

fn invalid(faults: &[Value]) -> Reply {
    let body = json!({
        "validation-errors": faults,
        "title": "Bad Request",
        "type": "https://httpstatus.es/400",
        "status": 400,
        "detail": "Request validation failed",
    });
    Reply::json_as("application/problem+json", 400, &body)
}
