//! Environment variables over the file: `NAVBAT__QUEUE__SALES__RING=25s`.
//!
//! Each part between the double underscores is a key, or the name of an entry, in capitals and
//! with `_` for anything that is neither letter nor digit. Entries are changed, never made: a
//! misspelt name would else be a queue that nobody knows.

use crate::plan::{Entries, Entry, Node, Place, Problem, Value, nearest};

/// What every variable of ours begins with.
const PREFIX: &str = "NAVBAT__";

/// Lists of tables, with the key that names each.
const LISTS: [(&str, &str); 5] = [
    ("user", "login"),
    ("operator", "name"),
    ("provider", "name"),
    ("trunk", "name"),
    ("notify", "name"),
];

/// Tables whose keys are names of entries.
const NAMED: [&str; 3] = ["queue", "calendar", "crm"];

/// Puts every variable of ours over what the file says. Gives what cannot be put anywhere.
pub fn put(entries: &mut Entries, environment: &[(String, String)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut own: Vec<_> = environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    own.sort();
    for (name, text) in own {
        let place = Place::Environment(name.as_str().into());
        let parts: Vec<&str> = name.get(PREFIX.len()..).unwrap_or("").split("__").collect();
        if parts.iter().any(|part| part.is_empty()) {
            let message = "a part of the name is empty";
            problems.push(Problem::error(&place, "bad-environment", message));
            continue;
        }
        if let Err(problem) = set(entries, &parts, true, text, &place) {
            problems.push(problem);
        }
    }
    problems
}

/// How a key or a name is written in the name of a variable, in small letters.
fn plain(text: &str) -> String {
    let letter = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text.chars().map(letter).collect()
}

fn set(
    entries: &mut Entries,
    parts: &[&str],
    top: bool,
    text: &str,
    place: &Place,
) -> Result<(), Problem> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    let wanted = plain(first);
    let known = entries.keys().find(|key| plain(key) == wanted).cloned();
    let key = known.unwrap_or_else(|| wanted.clone());
    if rest.is_empty() {
        // A secret and the file that holds it are one value: the later word counts.
        let twin = key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned);
        entries.remove(&twin);
        let node = Node::bare(text, place.clone());
        entries.insert(key, Entry { key_at: place.clone(), node });
        return Ok(());
    }
    if let Some((_, naming)) = LISTS.iter().find(|(list, _)| top && *list == key) {
        return set_in_list(entries.get_mut(&key), naming, rest, text, place);
    }
    let empty = || Node { at: place.clone(), value: Value::Table(Entries::new()) };
    let made = Entry { key_at: place.clone(), node: empty() };
    let node = &mut entries.entry(key.clone()).or_insert(made).node;
    if let (Value::Bare { .. }, Some(inside)) = (&node.value, node.table().cloned()) {
        node.value = Value::Table(inside); // a whole table came from the environment before this
    }
    let Value::Table(inside) = &mut node.value else {
        let message = format!("`{key}` is {}, nothing can stand below it", node.value.kind());
        return Err(Problem::error(place, "bad-environment", message));
    };
    if top && NAMED.contains(&key.as_str()) && rest.len() > 1 {
        let name = rest.first().map(|name| plain(name)).unwrap_or_default();
        if !inside.keys().any(|own| plain(own) == name) {
            let names: Vec<String> = inside.keys().map(|own| plain(own)).collect();
            return Err(no_such(&key, &name, &names, place));
        }
    }
    set(inside, rest, false, text, place)
}

fn set_in_list(
    list: Option<&mut Entry>,
    naming: &str,
    parts: &[&str],
    text: &str,
    place: &Place,
) -> Result<(), Problem> {
    let name = parts.first().map(|name| plain(name)).unwrap_or_default();
    let rest = parts.get(1..).unwrap_or_default();
    let mut names = Vec::new();
    let items = match list.map(|entry| &mut entry.node.value) {
        Some(Value::List(items)) => items.as_mut_slice(),
        Some(_) | None => &mut [],
    };
    for item in items {
        let Some(own) = item.table().and_then(|table| table.get(naming)?.node.text()) else {
            continue;
        };
        names.push(plain(own));
        if plain(own) == name
            && !rest.is_empty()
            && let Value::Table(inside) = &mut item.value
        {
            return set(inside, rest, false, text, place);
        }
    }
    Err(no_such("entry", &name, &names, place))
}

fn no_such(what: &str, name: &str, names: &[String], place: &Place) -> Problem {
    let near = nearest(name, names.iter().map(String::as_str));
    let mend = match near {
        Some(near) => format!("did you mean {}?", near.to_uppercase()),
        None => String::from("the environment changes entries of the file and makes none"),
    };
    let message = format!("no {what} of the file is called `{name}`");
    Problem::error(place, "missing-target", message).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::parse;

    fn put_one(file: &str, name: &str, text: &str) -> (Entries, Vec<Problem>) {
        let mut entries = parse("f", file).unwrap();
        let problems = put(&mut entries, &[(name.to_owned(), text.to_owned())]);
        (entries, problems)
    }

    #[test]
    fn a_variable_reaches_keys_names_and_entries_of_lists() {
        let file = "[queue.sales-1]\n[[provider]]\nname = \"sipuni-main\"\ntoken = \"x\"\n";
        let (entries, problems) = put_one(file, "NAVBAT__QUEUE__SALES_1__RING", "25s");
        assert!(problems.is_empty());
        let ring = &entries["queue"].node.table().unwrap()["sales-1"].node.table().unwrap()["ring"];
        assert_eq!(ring.node.text(), Some("25s"));
        let (entries, problems) =
            put_one(file, "NAVBAT__PROVIDER__SIPUNI_MAIN__TOKEN_FILE", "secrets/x");
        assert!(problems.is_empty());
        let provider = entries["provider"].node.list().unwrap()[0].table().unwrap();
        assert_eq!(provider["token_file"].node.text(), Some("secrets/x"));
        assert!(!provider.contains_key("token"), "the environment's word replaces the file's");
        let (entries, _) = put_one("", "NAVBAT__WEB__LISTEN", "127.0.0.1:1");
        assert_eq!(
            entries["web"].node.table().unwrap()["listen"].key_at.to_string(),
            "environment NAVBAT__WEB__LISTEN"
        );
    }

    #[test]
    fn a_variable_makes_no_entry_and_other_variables_are_not_ours() {
        let file = "data_dir = \"x\"\n[queue.sales]\n[[provider]]\nname = \"a\"\n";
        for (name, mend) in [
            ("NAVBAT__QUEUE__SALSE__RING", "did you mean SALES?"),
            ("NAVBAT__PROVIDER__B__TOKEN", "the environment changes"),
            ("NAVBAT__QUEUE____RING", ""),
            ("NAVBAT__DATA_DIR__X", ""),
        ] {
            let (_, problems) = put_one(file, name, "x");
            assert_eq!(problems.len(), 1, "{name}");
            assert!(problems[0].mend.starts_with(mend), "{name}: {:?}", problems[0]);
        }
        assert!(put_one(file, "NAVBAT_TEST_PG", "x").1.is_empty());
    }
}
