//! The rules of the house, read from the map in `src/lib.rs` and held against the tree.
//!
//! What clippy can hold (unwrap, panic, bare index, long functions) is in `src/lib.rs` and
//! `Cargo.toml`; here stands what only a look at the whole tree can.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// No file is longer, tests included: past this nobody reads it in one sitting.
const LINES_MAX: usize = 800;

/// Words that would make a pure room depend on when or where it runs.
const IMPURE: [&str; 16] = [
    "async fn",
    ".await",
    "tokio",
    "HashMap",
    "HashSet",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "rand::",
    "OsRng",
];

/// One door per foreign library: crate name, then the only place that may name it.
const DOORS: [(&str, &str); 4] =
    [("sqlx", "store/"), ("axum", "web/"), ("rsip", "sip/message.rs"), ("rtp_rs", "rtp/packet.rs")];

struct Room {
    pure: bool,
    may_import: BTreeSet<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The room table of `src/lib.rs`.
fn rooms() -> BTreeMap<String, Room> {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rows = map.lines().filter(|line| line.starts_with("//! | `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_start_matches("//! |").split('|').map(str::trim).collect();
        let imports = cells[2].split(',').map(|name| name.trim().to_owned());
        let may_import = imports.filter(|name| !name.is_empty()).collect();
        (cells[0].trim_matches('`').to_owned(), Room { pure: cells[1] == "pure", may_import })
    })
    .collect()
}

/// Every file below a folder with one of these endings, without build products.
fn files(below: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "node_modules" | "target" | "dist" | ".git") {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The part of a Rust file that ships: without its tests module and without comments.
fn shipped(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let code = text.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        Some(_) | None => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

fn src_files() -> Vec<(String, PathBuf)> {
    let src = root().join("src");
    let all = files(&src, &[".rs"]).into_iter();
    let named = all.map(|path| {
        (path.strip_prefix(&src).unwrap().to_string_lossy().into_owned(), path.clone())
    });
    named.filter(|(name, _)| !name.starts_with("web/ui/")).collect()
}

/// Rooms named after `crate::` in a piece of code, also inside `use crate::{a, b}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(top_names(group)),
            None => {
                found.insert(word(rest));
            }
        }
    }
    found
}

/// The names at the first level of a `use` group, up to its closing brace.
fn top_names(group: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let mut top = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ if depth == 0 => top.push(letter),
            _ => {}
        }
    }
    top.split(',').map(|name| word(name.trim())).filter(|name| !name.is_empty()).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn hold(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_map_names_every_room_and_no_other() {
    let named: BTreeSet<String> = rooms().into_keys().collect();
    let there: BTreeSet<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(named, there);
}

#[test]
fn a_room_imports_only_what_its_row_allows() {
    let rooms = rooms();
    let mut broken = Vec::new();
    for (name, path) in src_files() {
        let Some((own, _)) = name.split_once('/') else { continue };
        for import in imports(&shipped(&path)) {
            let known = rooms.contains_key(&import);
            if known && import != own && !rooms[own].may_import.contains(&import) {
                broken.push(format!("src/{name} imports `{import}`, which `{own}` may not"));
            }
        }
    }
    hold(broken);
}

#[test]
fn pure_rooms_are_pure() {
    let rooms = rooms();
    let mut broken = Vec::new();
    for (name, path) in src_files() {
        let Some((own, _)) = name.split_once('/') else { continue };
        if !rooms[own].pure {
            continue;
        }
        let code = shipped(&path);
        for word in IMPURE.iter().filter(|word| code.contains(*word)) {
            broken.push(format!("src/{name} says `{word}`, but `{own}` is a pure room"));
        }
    }
    hold(broken);
}

#[test]
fn only_the_clock_reads_the_wall_clock() {
    let readings = ["SystemTime::now", "Timestamp::now", "Zoned::now"];
    let mut broken = Vec::new();
    for (name, path) in src_files().into_iter().filter(|(name, _)| name != "app/clock.rs") {
        let code = shipped(&path);
        for reading in readings.iter().filter(|reading| code.contains(*reading)) {
            broken.push(format!("src/{name} reads the clock by `{reading}`"));
        }
    }
    hold(broken);
}

#[test]
fn each_foreign_library_has_one_door() {
    let mut broken = Vec::new();
    for (name, path) in src_files() {
        let code = shipped(&path);
        for (library, door) in DOORS {
            if code.contains(&format!("{library}::")) && !name.starts_with(door) {
                broken.push(format!("src/{name} names {library}, which only src/{door} may"));
            }
        }
    }
    hold(broken);
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    let mut broken = Vec::new();
    let rust = ["src", "tests", "benches"].map(|folder| files(&root().join(folder), &[".rs"]));
    let pages = files(&root().join("src/web/ui"), &[".ts", ".tsx", ".css"]);
    for path in rust.into_iter().flatten().chain(pages) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{} has {lines} lines, {LINES_MAX} at most", path.display()));
        }
        if path.extension().is_some_and(|ending| ending == "rs") && !text.starts_with("//! ") {
            broken.push(format!("{} does not begin with what it is for (`//! …`)", path.display()));
        }
    }
    hold(broken);
}

#[test]
fn rooms_are_one_folder_deep() {
    let too_deep = src_files().into_iter().filter(|(name, _)| name.matches('/').count() > 2);
    hold(too_deep.map(|(name, _)| format!("src/{name} lies deeper than one folder")).collect());
}

#[test]
fn no_lint_is_switched_off_without_a_reason() {
    let mut broken = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in files(&root().join(folder), &[".rs"]) {
            let text = fs::read_to_string(&path).unwrap();
            for (at, line) in text.lines().enumerate() {
                let bare = line.trim_start();
                if bare.starts_with("#[allow(") || bare.starts_with("#![allow(") {
                    broken.push(format!("{}:{}: `allow`", path.display(), at + 1));
                }
            }
            for expect in text.match_indices("#[expect(").map(|(at, _)| &text[at..]) {
                let own = expect.split(']').next().unwrap_or("");
                if !own.contains("reason") && !path.ends_with("house.rs") {
                    broken.push(format!("{}: `expect` without a reason", path.display()));
                }
            }
        }
    }
    hold(broken);
}

#[test]
fn migrations_come_in_pairs_without_gaps() {
    let names = |database: &str| -> Vec<String> {
        files(&root().join("src/store/migrations").join(database), &[".sql"])
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "no migration at all");
    assert_eq!(sqlite, postgres);
    for (at, name) in sqlite.iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", at + 1)), "{name} is not number {}", at + 1);
    }
}

#[test]
fn no_test_waits_by_sleeping() {
    let mut broken = Vec::new();
    for path in files(&root().join("tests"), &[".rs"]) {
        let own = path.ends_with("house.rs");
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if !own && (line.contains("thread::sleep") || line.contains("time::sleep(")) {
                broken.push(format!("{}:{}: {}", path.display(), at + 1, line.trim()));
            }
        }
    }
    hold(broken);
}

#[test]
fn the_top_level_holds_only_what_it_must() {
    let expected = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "benches",
        "config.example.toml",
        "data",
        "dialplans",
        "src",
        "target",
        "tests",
    ];
    let there = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = there.map(|name| name.to_string_lossy().into_owned());
    let strange: Vec<String> =
        names.filter(|name| !name.starts_with('.') && !expected.contains(&name.as_str())).collect();
    hold(strange);
}
