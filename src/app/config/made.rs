//! What is made in the pages: documents with the keys of the file, read by the code of the file.
//!
//! A document is put into the tree of the file before that is read, so everything that can be
//! wrong with an operator of the file is told of one of the pages in the same words, and the
//! place of a complaint is the field. The way back makes documents of what was read, defaults
//! among it, for forms.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::people::Operator;
use super::queues::Queue;
use crate::plan::{Entries, Entry, InPages, Node, Place, Problem, Shown, Value, quoted};
use crate::web::{Sort, Thing};

/// One thing made in the pages.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it is.
    pub sort: Sort,
    /// Unique within the sort, over pages and file.
    pub name: String,
    /// The keys of its section, without the name.
    pub keys: Map<String, Json>,
}

/// Keys whose values are secrets or lead to secrets: those stand in the file or the environment,
/// never in the database.
const FILE_ONLY: [&str; 1] = ["sip"];

/// The key whose value is the name; a queue's name is the section's.
const fn naming(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::Operator => Some("name"),
        Sort::User => Some("login"),
        Sort::Queue => None,
    }
}

impl Document {
    /// The place of a field of it.
    fn place(&self, field: &str) -> Place {
        let (kind, name, field) = (self.sort.word(), self.name.clone(), field.to_owned());
        Place::Pages(Arc::new(InPages { kind, name, field }))
    }
}

/// Puts documents into the tree of a file. A name in both is told and left as the file has it:
/// nobody could say which counts.
pub fn put(entries: &mut Entries, made: &[Document]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for document in made {
        for key in FILE_ONLY.iter().filter(|key| document.keys.contains_key(**key)) {
            let place = document.place(key);
            let message = format!("`{key}` holds a secret and cannot be made in the pages");
            let mend = "declare this one in the configuration file";
            problems.push(Problem::error(&place, "file-only", message).mend(mend));
        }
        let place = document.place("");
        let (word, name) = (document.sort.word(), document.name.as_str());
        let taken = match document.sort {
            Sort::Operator | Sort::User => in_list(entries, document, &place),
            Sort::Queue => in_table(entries, document, &place),
        };
        if let Some(at) = taken {
            let message = format!("{word} {} was made in the pages as well", quoted(name));
            let mend = "take it out of the file, or delete it in the pages";
            problems.push(Problem::error(&at, "duplicate", message).mend(mend));
        }
    }
    problems
}

/// Adds a document to a list of tables; gives the place of one that has the name already.
fn in_list(entries: &mut Entries, document: &Document, place: &Place) -> Option<Place> {
    let word = document.sort.word();
    let naming = naming(document.sort).unwrap_or("name");
    let empty = || Node { at: place.clone(), value: Value::List(Vec::new()) };
    let fresh = || Entry { key_at: place.clone(), node: empty() };
    let node = &mut entries.entry(word.to_owned()).or_insert_with(fresh).node;
    if let Some(items) = node.list().map(<[Node]>::to_vec) {
        node.value = Value::List(items); // a list that came from the environment as text
    }
    let Value::List(items) = &mut node.value else { return None }; // told when it is read
    let named = |item: &&Node| {
        let own = item.table().and_then(|table| table.get(naming)?.node.text());
        own == Some(document.name.as_str())
    };
    if let Some(item) = items.iter().find(named) {
        return Some(item.at.clone());
    }
    let mut table = table(document);
    let at = document.place(naming);
    let node = Node { at: at.clone(), value: Value::Text(document.name.clone()) };
    table.insert(naming.to_owned(), Entry { key_at: at, node });
    items.push(Node { at: place.clone(), value: Value::Table(table) });
    None
}

/// The same for a table of names.
fn in_table(entries: &mut Entries, document: &Document, place: &Place) -> Option<Place> {
    let word = document.sort.word();
    let empty = || Node { at: place.clone(), value: Value::Table(Entries::new()) };
    let fresh = || Entry { key_at: place.clone(), node: empty() };
    let node = &mut entries.entry(word.to_owned()).or_insert_with(fresh).node;
    if let Some(inside) = node.table().cloned() {
        node.value = Value::Table(inside);
    }
    let Value::Table(names) = &mut node.value else { return None };
    if let Some(taken) = names.get(&document.name) {
        return Some(taken.key_at.clone());
    }
    let node = Node { at: place.clone(), value: Value::Table(table(document)) };
    names.insert(document.name.clone(), Entry { key_at: place.clone(), node });
    None
}

fn table(document: &Document) -> Entries {
    let place = |field: &str| document.place(field);
    entries_of(&document.keys, "", &place)
}

fn entries_of(keys: &Map<String, Json>, before: &str, place: &dyn Fn(&str) -> Place) -> Entries {
    let written = keys.iter().filter(|(_, value)| !value.is_null()); // null: not said
    let entry = |(key, value): (&String, &Json)| {
        let field = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        let entry = Entry { key_at: place(&field), node: node_of(value, &field, place) };
        (key.clone(), entry)
    };
    written.map(entry).collect()
}

fn node_of(value: &Json, field: &str, place: &dyn Fn(&str) -> Place) -> Node {
    let read = match value {
        Json::Null => Value::Strange("nothing"),
        Json::Bool(truth) => Value::Truth(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Whole(whole),
            None => Value::Strange("a number with a point"),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => {
            let item = |(at, item): (usize, &Json)| node_of(item, &format!("{field}[{at}]"), place);
            Value::List(items.iter().enumerate().map(item).collect())
        }
        Json::Object(keys) => Value::Table(entries_of(keys, field, place)),
    };
    Node { at: place(field), value: read }
}

/// Operators and queues as they were read, with the values that hold for them.
pub fn things(operators: &[Operator], queues: &[Queue], values: &[Shown]) -> Vec<Thing> {
    let operators = operators.iter().map(|one| (Sort::Operator, &one.settings.name, &one.at));
    let queues = queues.iter().map(|one| (Sort::Queue, &one.settings.name, &one.at));
    let thing = |(sort, name, at): (Sort, &crate::model::Name, &Place)| {
        let before = format!("{}.{name}.", sort.word());
        let mut keys = Map::new();
        for value in values {
            let Some(path) = value.path.strip_prefix(&before) else { continue };
            if naming(sort) != Some(path) {
                let way: Vec<&str> = path.split('.').collect();
                insert(&mut keys, &way, json_of(&value.value));
            }
        }
        let file = (!at.is_pages()).then(|| at.to_string());
        Thing { sort, name: name.to_string(), file, keys: listed(keys) }
    };
    operators.chain(queues).map(thing).collect()
}

/// A value as the file would write it, as JSON; text that is no value stays text.
fn json_of(written: &str) -> Json {
    fn of(node: &Node) -> Json {
        match node.typed() {
            Value::Text(text) | Value::Bare { text, .. } => Json::from(text.as_str()),
            Value::Whole(number) => Json::from(*number),
            Value::Truth(truth) => Json::from(*truth),
            Value::Strange(_) => Json::Null,
            Value::List(items) => items.iter().map(of).collect(),
            Value::Table(table) => {
                table.iter().map(|(key, entry)| (key.clone(), of(&entry.node))).collect()
            }
        }
    }
    of(&Node::bare(written, Place::Default))
}

fn insert(keys: &mut Map<String, Json>, way: &[&str], value: Json) {
    let Some((first, rest)) = way.split_first() else { return };
    if rest.is_empty() {
        keys.insert((*first).to_owned(), value);
        return;
    }
    let below = keys.entry((*first).to_owned()).or_insert_with(|| Json::Object(Map::new()));
    if let Json::Object(below) = below {
        insert(below, rest, value);
    }
}

/// Tables whose keys are `0`, `1` … are lists: steps of a queue are named by their place.
fn listed(keys: Map<String, Json>) -> Map<String, Json> {
    let list = |value: Json| {
        let Json::Object(inside) = value else { return value };
        let counted =
            !inside.is_empty() && (0..inside.len()).all(|at| inside.contains_key(&at.to_string()));
        let mut inside = listed(inside);
        if !counted {
            return Json::Object(inside);
        }
        let places = 0..inside.len();
        places.filter_map(|at| inside.remove(&at.to_string())).collect()
    };
    keys.into_iter().map(|(key, value)| (key, list(value))).collect()
}
