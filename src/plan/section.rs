//! Reading a table key by key: types, defaults, misspelt keys, and what was read for `config show`.
//!
//! A complaint never stops the reading: the default stands in, so that everything else that is
//! wrong is told in the same run.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::problem::{Place, Problem, nearest, quoted};
use super::sheet::{Entries, Entry, Node, Value};
use crate::model::Period;

/// Collects what reading finds.
#[derive(Debug, Default)]
pub struct Reader {
    problems: RefCell<Vec<Problem>>,
    values: RefCell<Vec<Shown>>,
    shapes: RefCell<BTreeSet<String>>,
}

/// One value as it came out, for `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Like `queue.sales.ring`.
    pub path: String,
    /// As it would be written in the file; a secret is not.
    pub value: String,
    /// As it would be without anything written; `None` where there is no default.
    pub default: Option<String>,
    /// Where it was written.
    pub place: Place,
}

/// A value with the place at which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub at: Place,
}

/// One table while it is read. [`Section::done`] complains about the keys nobody asked for.
#[derive(Debug)]
#[must_use = "unknown keys are found by `done`"]
pub struct Section<'a> {
    reader: &'a Reader,
    entries: &'a Entries,
    at: Place,
    path: String,
    shape: String,
    asked: Vec<&'static str>,
}

/// What can be read from one value.
pub trait Word: Sized {
    /// Reads it; fails with what it should have been.
    fn read(node: &Node) -> Result<Self, String>;
    /// Writes it as the file would.
    fn shown(&self) -> String;
}

impl Reader {
    /// Starts at the top of a file.
    pub fn top<'a>(&'a self, entries: &'a Entries, at: Place) -> Section<'a> {
        let (path, shape) = (String::new(), String::new());
        Section { reader: self, entries, at, path, shape, asked: Vec::new() }
    }

    /// Adds a complaint.
    pub fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Everything found: complaints in the order of the file, values in the order of reading,
    /// and every key that was asked for, names as `*`.
    pub fn finish(self) -> (Vec<Problem>, Vec<Shown>, BTreeSet<String>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        (problems, self.values.into_inner(), self.shapes.into_inner())
    }

    fn show(&self, path: String, value: String, default: Option<String>, place: Place) {
        self.values.borrow_mut().push(Shown { path, value, default, place });
    }
}

impl<'a> Section<'a> {
    /// Where the table begins.
    pub const fn at(&self) -> &Place {
        &self.at
    }

    /// The path of a key, like `queue.sales.ring`.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where a key stands, or the table when it is not there.
    pub fn place(&self, key: &str) -> Place {
        self.entries.get(key).map_or_else(|| self.at.clone(), |entry| entry.key_at.clone())
    }

    /// Whether a key is written.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Complains; see [`Problem::error`].
    pub fn error(&self, at: &Place, code: &'static str, message: impl Into<String>, mend: &str) {
        self.reader.add(Problem::error(at, code, message).mend(mend));
    }

    /// The reader behind it.
    pub const fn reader(&self) -> &'a Reader {
        self.reader
    }

    /// The value of a key, without reading it; the key counts as known from here on.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        let shape =
            if self.shape.is_empty() { key.into() } else { format!("{}.{key}", self.shape) };
        self.reader.shapes.borrow_mut().insert(shape);
        self.asked.push(key);
        self.entries.get(key).map(|entry| &entry.node)
    }

    /// A value that may be absent.
    pub fn opt<T: Word>(&mut self, key: &'static str) -> Option<Found<T>> {
        let node = self.node(key)?;
        let found = self.read::<T>(key, node)?;
        self.reader.show(self.path(key), found.value.shown(), None, found.at.clone());
        Some(found)
    }

    /// A value that must be there.
    pub fn must<T: Word>(&mut self, key: &'static str) -> Option<Found<T>> {
        if !self.has(key) {
            self.asked.push(key);
            let message = format!("`{}` is missing", self.path(key));
            self.error(&self.at, "missing", message, &format!("add `{key} = …`"));
        }
        self.opt(key)
    }

    /// A value with a default.
    pub fn or<T: Word>(&mut self, key: &'static str, default: T) -> T {
        self.found_or(key, default).value
    }

    /// A value with a default, and where it stands.
    pub fn found_or<T: Word>(&mut self, key: &'static str, default: T) -> Found<T> {
        let shown = default.shown();
        let read = self.node(key).and_then(|node| self.read::<T>(key, node));
        let found = read.unwrap_or(Found { value: default, at: Place::Default });
        self.reader.show(self.path(key), found.value.shown(), Some(shown), found.at.clone());
        found
    }

    /// One of a closed set of words, with a default.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        default: T,
    ) -> T {
        let word = |value: T| {
            let found = words.iter().find(|(_, known)| *known == value);
            format!("\"{}\"", found.map_or("", |(word, _)| *word))
        };
        let Some(found) = self.node(key).and_then(|node| self.read::<String>(key, node)) else {
            self.reader.show(self.path(key), word(default), Some(word(default)), Place::Default);
            return default;
        };
        let chosen = self.pick(key, &found, words).unwrap_or(default);
        self.reader.show(self.path(key), word(chosen), Some(word(default)), found.at);
        chosen
    }

    /// Looks a word up in a closed set; complains when it is not there.
    pub fn pick<T: Copy>(
        &self,
        key: &str,
        found: &Found<String>,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == found.value) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("{} is not a `{}`", quoted(&found.value), self.path(key));
        let mend = did_you_mean(&found.value, &known);
        self.error(&found.at, "bad-value", message, &format!("{mend}one of {}", known.join(", ")));
        None
    }

    /// A list; absent is empty. One value alone is a list of one.
    pub fn list<T: Word>(&mut self, key: &'static str) -> Vec<Found<T>> {
        self.list_or(key, Vec::new())
    }

    /// A list with a default.
    pub fn list_or<T: Word>(&mut self, key: &'static str, default: Vec<T>) -> Vec<Found<T>> {
        let written = |values: Vec<String>| format!("[{}]", values.join(", "));
        let usual = written(default.iter().map(Word::shown).collect());
        let (found, at) = match self.node(key) {
            None => {
                let own = |value| Found { value, at: Place::Default };
                (default.into_iter().map(own).collect(), Place::Default)
            }
            Some(node) => {
                let items = self.items(key, node);
                let read = items.iter().filter_map(|item| self.read(key, item));
                (read.collect::<Vec<Found<T>>>(), node.at.clone())
            }
        };
        let shown = written(found.iter().map(|item| item.value.shown()).collect());
        self.reader.show(self.path(key), shown, Some(usual), at);
        found
    }

    /// The values of a list. In the environment commas may stand between bare words.
    pub fn items(&self, key: &str, node: &'a Node) -> Vec<Node> {
        if let Some(items) = node.list() {
            return items.to_vec();
        }
        if let Value::Bare { text, .. } = &node.value {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            return words.map(|word| Node::bare(word, node.at.clone())).collect();
        }
        if node.text().is_some() {
            return vec![node.clone()];
        }
        self.wrong(key, node, "a list");
        Vec::new()
    }

    /// A table below this one.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        self.below(node, self.path(key), self.shape_of(key))
    }

    /// A table below this one, or an empty one, so that its defaults are read all the same.
    pub fn table(&mut self, key: &'static str) -> Section<'a> {
        static EMPTY: Entries = Entries::new();
        let (path, shape) = (self.path(key), self.shape_of(key));
        let (reader, at) = (self.reader, self.at.clone());
        let found = self.section(key);
        let asked = Vec::new();
        found.unwrap_or(Section { reader, entries: &EMPTY, at, path, shape, asked })
    }

    /// The tables of a table of names, in the order of the file.
    pub fn named(&mut self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Some(names) = self.below(node, self.path(key), String::new()) else {
            return Vec::new();
        };
        let shape = format!("{}.*", self.shape_of(key));
        let mut found: Vec<_> = names.entries.iter().collect();
        found.sort_by(|one, other| one.1.key_at.cmp(&other.1.key_at));
        let below = |(name, entry): (&String, &'a Entry)| {
            let section = self.below(&entry.node, format!("{}.{name}", names.path), shape.clone());
            section.map(|section| (name.clone(), section))
        };
        found.into_iter().filter_map(below).collect()
    }

    /// The tables of a list of tables; `name` is the key whose value names each in paths.
    pub fn each(&mut self, key: &'static str, name: &str) -> Vec<Section<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Some(items) = node.list() else {
            self.wrong(key, node, &format!("a list of tables: write [[{key}]]"));
            return Vec::new();
        };
        let shape = format!("{}.*", self.shape_of(key));
        let below = |(at, item): (usize, &'a Node)| {
            let own = item.table().and_then(|entries| entries.get(name)?.node.text());
            let label = own.map_or_else(|| at.to_string(), str::to_owned);
            self.below(item, format!("{}.{label}", self.path(key)), shape.clone())
        };
        items.iter().enumerate().filter_map(below).collect()
    }

    /// A table that stands as a value.
    pub fn below(&self, node: &'a Node, path: String, shape: String) -> Option<Section<'a>> {
        let Some(entries) = node.table() else {
            let message = format!("`{path}` must be a table, not {}", node.value.kind());
            self.error(&node.at, "wrong-type", message, "");
            return None;
        };
        let (reader, at, asked) = (self.reader, node.at.clone(), Vec::new());
        Some(Section { reader, entries, at, path, shape, asked })
    }

    /// Every key that is written, for tables whose keys are free.
    pub fn free(&mut self) -> Vec<(&'a str, &'a Node)> {
        let shape = format!("{}.*", self.shape);
        self.reader.shapes.borrow_mut().insert(shape);
        let mut found: Vec<_> = self.entries.iter().collect();
        found.sort_by(|one, other| one.1.key_at.cmp(&other.1.key_at));
        found.into_iter().map(|(key, entry)| (key.as_str(), &entry.node)).collect()
    }

    /// Reads a value under a key; complains and gives nothing when it is of another kind.
    pub fn read<T: Word>(&self, key: &str, node: &Node) -> Option<Found<T>> {
        match T::read(node) {
            Ok(value) => Some(Found { value, at: node.at.clone() }),
            Err(wanted) => {
                self.wrong(key, node, &wanted);
                None
            }
        }
    }

    /// Notes a value for `config show` that was read by hand.
    pub fn show(&self, key: &str, value: String, default: Option<String>, place: Place) {
        self.reader.show(self.path(key), value, default, place);
    }

    fn wrong(&self, key: &str, node: &Node, wanted: &str) {
        let found = node.text().map_or_else(|| node.value.kind().to_owned(), quoted);
        let message = format!("`{}` must be {wanted}, not {found}", self.path(key));
        self.error(&node.at, "bad-value", message, "");
    }

    fn shape_of(&self, key: &str) -> String {
        if self.shape.is_empty() { key.to_owned() } else { format!("{}.{key}", self.shape) }
    }

    /// Complains about every key that nobody asked for.
    pub fn done(self) {
        self.finish();
    }

    /// The same for a section that somebody else holds.
    pub fn finish(&self) {
        for (key, entry) in self.entries {
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let known: Vec<&str> = self.asked.clone();
            let inside = if self.path.is_empty() {
                String::from("at the top of the file")
            } else {
                format!("in `{}`", self.path)
            };
            let message = format!("unknown key {} {inside}", quoted(key));
            let mut mend = did_you_mean(key, &known);
            if mend.is_empty() {
                mend = format!("known are {}", known.join(", "));
            }
            self.error(&entry.key_at, "unknown-key", message, mend.trim_end_matches(": "));
        }
    }
}

/// `did you mean `ring`?` and a colon, or nothing.
pub fn did_you_mean<'k>(word: &str, known: &[&'k str]) -> String {
    let near: Option<&'k str> = nearest(word, known.iter().copied());
    near.map(|name| format!("did you mean `{name}`?: ")).unwrap_or_default()
}

impl Word for String {
    fn read(node: &Node) -> Result<String, String> {
        node.text().map(str::to_owned).ok_or_else(|| "a text in quotes".into())
    }

    fn shown(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Word for bool {
    fn read(node: &Node) -> Result<bool, String> {
        if let Value::Truth(truth) = node.typed() {
            Ok(*truth)
        } else {
            Err("true or false".into())
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Word for Period {
    fn read(node: &Node) -> Result<Period, String> {
        let wanted = "a length of time like \"20s\" (ms, s, m, h or d)";
        let text = String::read(node).map_err(|_| wanted.to_owned())?;
        text.parse().map_err(|_| wanted.to_owned())
    }

    fn shown(&self) -> String {
        format!("\"{self}\"")
    }
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl Word for $kind {
            fn read(node: &Node) -> Result<$kind, String> {
                let wanted = || format!("a whole number from 0 to {}", <$kind>::MAX);
                let Value::Whole(number) = node.typed() else { return Err(wanted()) };
                <$kind>::try_from(*number).map_err(|_| wanted())
            }

            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

whole!(u8, u16, u32);
