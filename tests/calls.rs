//! Call transcripts: every file under `tests/calls/` is a story with its outcome.
//!
//! A file holds settings, then timed inputs; what the switch does is printed under each (`>`),
//! as is what became of each call (`=`). `BLESS=1 cargo test --test calls` writes the
//! expectations anew; the diff is then read by a person. The grammar is in `calls/script.rs`.

#[path = "calls/script.rs"]
mod script;
#[path = "calls/stage.rs"]
mod stage;
#[path = "calls/words.rs"]
mod words;

use std::fmt::Write;
use std::path::{Path, PathBuf};

#[test]
fn every_story_goes_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let only = std::env::var("CALL").unwrap_or_default();
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    for file in files.iter().filter(|file| file.to_string_lossy().contains(&only)) {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let text = std::fs::read_to_string(file).unwrap();
        let told = match std::panic::catch_unwind(|| stage::play(&text)) {
            Ok(told) => told,
            Err(_) => {
                writeln!(wrong, "\n{name}: panicked").unwrap();
                continue;
            }
        };
        if told == text {
            continue;
        }
        if bless {
            std::fs::write(file, &told).unwrap();
        } else {
            writeln!(wrong, "\n{name}:{}", difference(&text, &told)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "call") {
            files.push(path);
        }
    }
}

/// The lines from the first that differs, of both.
fn difference(want: &str, told: &str) -> String {
    let same = want.lines().zip(told.lines()).take_while(|(one, other)| one == other).count();
    let part = |text: &str, mark: char| {
        let lines = text.lines().skip(same).take(12);
        lines.map(|line| format!("\n  {mark} {line}")).collect::<String>()
    };
    format!(" from line {}\n  written:{}\n  went:{}", same + 1, part(want, '-'), part(told, '+'))
}

/// Each file says what it is about, and every trap that can occur without SIP and CRM has one.
#[test]
fn every_trap_has_a_story() {
    /// Of media, SIP, CRM, pages and other rooms: told by their own tests.
    const ELSEWHERE: [u32; 6] = [21, 24, 30, 34, 35, 39];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut told = std::collections::BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("# "), "{} does not say what it is about", file.display());
        if let Some(traps) = first.strip_prefix("# Trap") {
            let traps = traps.split('.').next().unwrap_or_default();
            told.extend(traps.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse::<u32>));
        }
    }
    let silent: Vec<u32> =
        (1..=43).filter(|trap| !told.contains(trap) && !ELSEWHERE.contains(trap)).collect();
    assert!(silent.is_empty(), "no story for the traps {silent:?} of the routing paper");
}
