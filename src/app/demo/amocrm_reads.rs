//! What the stand-in of amoCRM tells when it is asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::amocrm::{good, problem};
use super::amocrm_world::{Entity, PIPELINE, World};
use super::http::{Reply, Request};

/// Rows of one page at most.
const PAGE_MAX: usize = 250;

/// The account itself.
pub fn account() -> Reply {
    good(200, &json!({ "id": 1, "name": "Demo", "is_unsorted_on": true, "currency": "UZS" }))
}

/// All users.
pub fn users(world: &World, request: &Request) -> Reply {
    let users = world.users.iter().map(|(id, user)| {
        json!({
            "id": id,
            "name": user.name,
            "email": format!("user{id}@example.uz"),
            "rights": { "is_active": user.active, "is_admin": false, "group_id": null },
        })
    });
    page("users", users.collect(), request)
}

/// The only pipeline with its stages.
pub fn pipelines() -> Reply {
    let stage = |id: u64, name: &str| json!({ "id": id, "name": name, "pipeline_id": PIPELINE });
    let statuses = [
        stage(1, "Yangi"),
        stage(2, "Muzokara"),
        stage(3, "Shartnoma"),
        stage(142, "Muvaffaqiyatli"),
        stage(143, "Yopilgan"),
    ];
    let pipeline =
        json!({ "id": PIPELINE, "name": "Savdo", "_embedded": { "statuses": statuses } });
    good(200, &json!({ "_total_items": 1, "_embedded": { "pipelines": [pipeline] } }))
}

/// Contacts or companies: those in whose texts the query stands, or those with these ids.
pub fn entities(world: &World, kind: &str, request: &Request) -> Reply {
    let all: &BTreeMap<u64, Entity> = match kind {
        "companies" => &world.companies,
        _ => &world.contacts,
    };
    let ids = ids(request, "filter[id][]");
    let query = request.query("query").unwrap_or_default();
    let hit = |(id, own): &(&u64, &Entity)| {
        let text = own.name.contains(query) || own.phone.contains(query);
        (ids.is_empty() || ids.contains(id)) && (text || own.digits().contains(query))
    };
    page(kind, all.iter().filter(hit).map(|(id, own)| own.shown(*id)).collect(), request)
}

/// Leads with these ids.
pub fn leads(world: &World, request: &Request) -> Reply {
    let ids = ids(request, "filter[id][]");
    let own = world.leads.iter().filter(|(id, _)| ids.is_empty() || ids.contains(id));
    page("leads", own.map(|(id, lead)| lead.shown(*id)).collect(), request)
}

/// Incoming leads of category `sip`.
pub fn unsorted(world: &World, request: &Request) -> Reply {
    page("unsorted", world.unsorted.clone(), request)
}

/// Notes of one entity.
pub fn notes(world: &World, (kind, id): (&str, &str), request: &Request) -> Reply {
    let Ok(id) = id.parse::<u64>() else { return problem(404, "Not Found") };
    if !world.has(kind, id) {
        return problem(404, "Not Found");
    }
    let types: Vec<&str> = values(request, "filter[note_type][]").collect();
    let own = world.notes.iter().filter(|note| {
        note.kind == kind
            && note.entity == id
            && (types.is_empty() || types.contains(&note.note_type.as_str()))
    });
    let shown = own.map(|note| {
        json!({
            "id": note.id,
            "entity_id": note.entity,
            "note_type": note.note_type,
            "params": note.params,
        })
    });
    page("notes", ordered(shown.collect(), request), request)
}

/// Tasks of one entity.
pub fn tasks(world: &World, request: &Request) -> Reply {
    let (kind, ids) = (request.query("filter[entity_type]"), ids(request, "filter[entity_id][]"));
    let own = world.tasks.iter().filter(|task| {
        kind.is_none_or(|kind| kind == task.kind) && (ids.is_empty() || ids.contains(&task.entity))
    });
    let shown = own.map(|task| {
        json!({
            "id": task.id,
            "entity_id": task.entity,
            "entity_type": task.kind,
            "text": task.text,
            "complete_till": task.complete_till,
            "is_completed": task.result.is_some(),
        })
    });
    page("tasks", ordered(shown.collect(), request), request)
}

fn ordered(mut rows: Vec<Value>, request: &Request) -> Vec<Value> {
    if request.query("order[id]") == Some("desc") {
        rows.reverse();
    }
    rows
}

fn values<'a>(request: &'a Request, name: &'a str) -> impl Iterator<Item = &'a str> {
    request.query.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn ids(request: &Request, name: &str) -> Vec<u64> {
    values(request, name).filter_map(|id| id.parse().ok()).collect()
}

/// One page of a list; an empty one is a 204 without a body.
fn page(kind: &str, rows: Vec<Value>, request: &Request) -> Reply {
    let number = |name: &str, default: usize| {
        request.query(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let limit = number("limit", 50);
    if limit == 0 || limit > PAGE_MAX {
        return problem(400, "Bad Request");
    }
    let from = number("page", 1).saturating_sub(1).saturating_mul(limit);
    let more = rows.len() > from + limit;
    let rows: Vec<Value> = rows.into_iter().skip(from).take(limit).collect();
    if rows.is_empty() {
        return Reply::empty(204);
    }
    let next = more.then(|| json!({ "href": "https://example.amocrm.ru/next" }));
    let links = match next {
        Some(next) => json!({ "self": {}, "next": next }),
        None => json!({ "self": {} }),
    };
    good(200, &json!({ "_page": 1, "_links": links, "_embedded": { kind: rows } }))
}
