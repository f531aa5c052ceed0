//! Several requests in one, as the stand-in of Bitrix24 runs them: in order, each a method and a
//! query, where `$result[part][0][FIELD]` stands for what an earlier part gave.

use serde_json::{Map, Value, json};

use super::bitrix24::Refusal;

/// Parts of one batch.
const PARTS_MAX: usize = 50;

/// Runs a batch by the methods of the portal.
pub(super) fn run(
    body: &Map<String, Value>,
    mut method: impl FnMut(&str, &Map<String, Value>) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let Some(Value::Object(parts)) = body.get("cmd") else {
        return Err((400, "ERROR_ARGUMENT", "cmd must be an array"));
    };
    let (mut results, mut errors) = (Map::new(), Map::new());
    for (name, part) in parts.iter().take(PARTS_MAX) {
        let line = part.as_str().unwrap_or_default();
        let (called, query) = line.split_once('?').unwrap_or((line, ""));
        let called = called.to_lowercase();
        let done = if called == "batch" {
            Err((400, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage"))
        } else {
            method(&called, &fields(query, &results))
        };
        match done {
            // A list is its rows here; how many there are stands elsewhere.
            Ok(told) => {
                let rows = told.get("total").and_then(|_| told.get("result")).cloned();
                results.insert(name.clone(), rows.unwrap_or(told));
            }
            Err((_, code, text)) => {
                let error = json!({ "error": code, "error_description": text });
                errors.insert(name.clone(), error);
            }
        }
    }
    Ok(json!({ "result": or_list(results), "result_error": or_list(errors) }))
}

/// Empty objects are empty lists there.
fn or_list(map: Map<String, Value>) -> Value {
    if map.is_empty() { json!([]) } else { Value::Object(map) }
}

/// The fields of a query: `a=1`, `filter[b]=2`, `select[]=c`.
fn fields(query: &str, results: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = earlier(&value, results).unwrap_or_else(|| Value::from(value.as_ref()));
        match key.split_once('[') {
            None => {
                fields.insert(key.into_owned(), value);
            }
            Some((outer, inner)) => {
                let group = fields.entry(outer).or_insert_with(|| json!({}));
                if let Some(group) = group.as_object_mut() {
                    group.insert(inner.trim_end_matches(']').to_owned(), value);
                }
            }
        }
    }
    fields
}

/// What `$result[part][0][FIELD]` stands for; an empty text when there is no such thing.
fn earlier(value: &str, results: &Map<String, Value>) -> Option<Value> {
    let path = value.strip_prefix("$result[")?.trim_end_matches(']');
    let mut steps = path.split("][");
    let mut found = steps.next().and_then(|part| results.get(part));
    for step in steps {
        found = match step.parse::<usize>() {
            Ok(at) => found.and_then(|list| list.get(at)),
            Err(_) => found.and_then(|map| map.get(step)),
        };
    }
    Some(found.cloned().unwrap_or_else(|| json!("")))
}
