//! A TOML text as a tree in which everything knows where it was written.
//!
//! Configuration and dialplans are read from it (`section.rs`), so that every complaint can
//! name a line and a column, and several complaints come at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// The keys of a table.
pub type Entries = BTreeMap<String, Entry>;

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key_at: Place,
    /// The value.
    pub node: Node,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub at: Place,
    /// What it is.
    pub value: Value,
}

/// What can stand behind a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text in quotes.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// True or false.
    Truth(bool),
    /// A number with a point, a date: nothing in our files is one.
    Strange(&'static str),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Entries),
    /// Text without a type, from the environment: whoever reads it knows what it should be.
    Bare {
        /// As it is.
        text: String,
        /// Read as a TOML value, where it is one.
        read: Option<Box<Node>>,
    },
}

impl Value {
    /// What it is, for a complaint.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) | Value::Bare { .. } => "a text",
            Value::Whole(_) => "a whole number",
            Value::Truth(_) => "true or false",
            Value::Strange(kind) => kind,
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The value; of text from the environment what it says.
    pub fn typed(&self) -> &Value {
        if let Value::Bare { read: Some(read), .. } = &self.value {
            &read.value
        } else {
            &self.value
        }
    }

    /// Its text, if it is one; everything from the environment is.
    pub fn text(&self) -> Option<&str> {
        match (self.typed(), &self.value) {
            (Value::Text(text), _) | (_, Value::Text(text) | Value::Bare { text, .. }) => {
                Some(text)
            }
            (_, _) => None,
        }
    }

    /// Its keys, if it is a table.
    pub fn table(&self) -> Option<&Entries> {
        if let Value::Table(entries) = self.typed() { Some(entries) } else { None }
    }

    /// Its items, if it is a list.
    pub fn list(&self) -> Option<&[Node]> {
        if let Value::List(items) = self.typed() { Some(items) } else { None }
    }

    /// A value from the environment.
    pub fn bare(text: &str, at: Place) -> Node {
        let parsed = DeValue::parse(text).ok();
        let read = parsed.map(|value| Box::new(node(&value, &|_| at.clone())));
        Node { value: Value::Bare { text: text.to_owned(), read }, at }
    }
}

/// Reads a TOML text. Fails with every place at which it is not TOML.
pub fn parse(file: &str, text: &str) -> Result<Entries, Vec<Problem>> {
    let lines = Lines::new(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(entries(table.get_ref(), &|span| lines.place(span.start)));
    }
    let mut problems: Vec<Problem> = Vec::new();
    for error in errors {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        // One wrong letter makes several complaints: the first of each line is the useful one.
        let same_line = |known: &Problem| match (&known.place, &place) {
            (Place::File { line, .. }, Place::File { line: other, .. }) => line == other,
            (_, _) => false,
        };
        if !problems.iter().any(same_line) {
            let message = format!("not TOML: {}", error.message());
            problems.push(Problem::error(&place, "syntax", message));
        }
    }
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    Err(problems)
}

fn entries(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Entries {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        let key_at = place(key.span());
        let mut node = node(value, place);
        if let Value::Table(_) = node.value {
            node.at = key_at.clone(); // a table is where its name is
        }
        (key.get_ref().to_string(), Entry { key_at, node })
    };
    table.iter().map(entry).collect()
}

fn node(value: &Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Place) -> Node {
    let at = place(value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(whole) => match i64::from_str_radix(whole.as_str(), whole.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => Value::Strange("a number that is too large"),
        },
        DeValue::Float(_) => Value::Strange("a number with a point"),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(_) => Value::Strange("a date without quotes"),
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(item, place)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, place)),
    };
    Node { at, value }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    file: Arc<str>,
    text: &'a str,
    begins: Vec<usize>,
}

impl Lines<'_> {
    fn new<'a>(file: &str, text: &'a str) -> Lines<'a> {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { file: file.into(), text, begins: std::iter::once(0).chain(ends).collect() }
    }

    /// The line and column of a byte.
    fn place(&self, byte: usize) -> Place {
        let line = self.begins.partition_point(|begin| *begin <= byte);
        let begin = line.checked_sub(1).and_then(|at| self.begins.get(at)).copied().unwrap_or(0);
        let before = self.text.get(begin..byte).unwrap_or("");
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (line, col) = (count(line), count(before.chars().count() + 1));
        Place::File { file: self.file.clone(), line, col }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: &Place) -> String {
        place.to_string()
    }

    #[test]
    fn everything_knows_where_it_was_written() {
        let text = "a = 1\n[queue.sales]\nring = \"20s\"\n[[user]]\nqueues = [\"x\", 2.5]\n";
        let top = parse("f", text).unwrap();
        assert_eq!(at(&top["a"].key_at), "f:1:1");
        assert_eq!(at(&top["a"].node.at), "f:1:5");
        let Value::Table(queues) = &top["queue"].node.value else { panic!() };
        assert_eq!(at(&queues["sales"].key_at), "f:2:8");
        let Value::Table(sales) = &queues["sales"].node.value else { panic!() };
        assert_eq!(at(&sales["ring"].node.at), "f:3:8");
        let Value::List(users) = &top["user"].node.value else { panic!() };
        assert_eq!(at(&users[0].at), "f:4:1");
        let Value::Table(user) = &users[0].value else { panic!() };
        let Value::List(list) = &user["queues"].node.value else { panic!() };
        assert_eq!(at(&list[1].at), "f:5:16");
        assert_eq!(list[1].value, Value::Strange("a number with a point"));
    }

    #[test]
    fn what_is_not_toml_names_every_line() {
        let problems = parse("f", "a = 1\nb = \nc = 2\nd = [1\ne = 3\n").unwrap_err();
        let lines: Vec<_> = problems.iter().map(|p| at(&p.place)).collect();
        assert!(lines[0].starts_with("f:2:"), "{lines:?}");
        let twice = parse("f", "a = 1\na = 2\n").unwrap_err();
        assert!(at(&twice[0].place).starts_with("f:2:"), "{twice:?}");
    }
}
