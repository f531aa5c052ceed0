//! `navbat config default`, `navbat config show`, and what a reload changed, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use secrecy::ExposeSecret;

use super::{Provider, Site};
use crate::plan::Place;

/// Every key with its default, unit and reason: a file that says what the defaults say.
pub const DEFAULT: &str = include_str!("../../../config.example.toml");

/// Sections whose second part is the name of an entry.
const ENTRIES: [&str; 9] =
    ["calendar", "user", "operator", "queue", "provider", "trunk", "crm", "notify", "alert"];

/// Every value that is written; with `effective` the defaults too, with `source` where each
/// came from. Secrets are hidden.
pub fn show(site: &Site, effective: bool, source: bool) -> String {
    let mut text = String::new();
    for value in site.values.iter().filter(|value| effective || value.place != Place::Default) {
        let line = format!("{} = {}", value.path, value.value);
        let written = if source {
            writeln!(text, "{line:<60} # {}", value.place)
        } else {
            writeln!(text, "{line}")
        };
        if written.is_err() {
            break; // writing to a text cannot fail
        }
    }
    text
}

impl Site {
    /// What changes when another configuration takes the place of this one, a line each.
    pub fn diff(&self, other: &Site) -> Vec<String> {
        let (mine, theirs) = (by_path(self), by_path(other));
        let (my_entries, their_entries) = (entries(&mine), entries(&theirs));
        let mut lines: Vec<String> = Vec::new();
        lines.extend(my_entries.difference(&their_entries).map(|entry| format!("- {entry}")));
        lines.extend(their_entries.difference(&my_entries).map(|entry| format!("+ {entry}")));
        let paths: BTreeSet<&&str> = mine.keys().chain(theirs.keys()).collect();
        for path in paths {
            let both = |entry: &String| my_entries.contains(entry) && their_entries.contains(entry);
            if entry_of(path).is_some_and(|entry| !both(&entry)) {
                continue; // told as a whole
            }
            let shown = |value: Option<&&str>| value.map_or("(absent)", |value| *value).to_owned();
            let (old, new) = (shown(mine.get(*path)), shown(theirs.get(*path)));
            if old != new {
                lines.push(format!("  {path}: {old} → {new}"));
            }
        }
        lines.extend(changed_tokens(&self.providers, &other.providers));
        for plan in &other.plans {
            match self.plans.iter().find(|own| own.name == plan.name) {
                None => lines.push(format!("+ dialplan {}", plan.name)),
                Some(own) if own != plan => lines.push(format!("  dialplan {} changed", plan.name)),
                Some(_) => {}
            }
        }
        let gone = |name| !other.plans.iter().any(|plan| plan.name == name);
        let names = self.plans.iter().map(|plan| plan.name.clone());
        lines.extend(names.filter(|n| gone(n.clone())).map(|name| format!("- dialplan {name}")));
        lines
    }
}

fn by_path(site: &Site) -> BTreeMap<&str, &str> {
    site.values.iter().map(|value| (value.path.as_str(), value.value.as_str())).collect()
}

/// `queue.sales` of `queue.sales.ring`.
fn entry_of(path: &str) -> Option<String> {
    let (kind, rest) = path.split_once('.')?;
    let (name, _) = rest.split_once('.')?;
    ENTRIES.contains(&kind).then(|| format!("{kind} {name}"))
}

fn entries(values: &BTreeMap<&str, &str>) -> BTreeSet<String> {
    values.keys().filter_map(|path| entry_of(path)).collect()
}

fn changed_tokens(mine: &[Provider], theirs: &[Provider]) -> Vec<String> {
    let changed = |own: &&Provider| {
        let twin = theirs.iter().find(|other| other.settings.name == own.settings.name);
        twin.is_some_and(|other| other.token.expose_secret() != own.token.expose_secret())
    };
    let tell = |own: &Provider| format!("  provider.{}.token changed", own.settings.name);
    mine.iter().filter(changed).map(tell).collect()
}
