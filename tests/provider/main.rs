//! Every recorded webhook gives its facts, and every call its view.
//!
//! A fixture is a `.req` file (`capture.rs` says how it is written) with a `.facts` file beside
//! it. `BLESS=1 cargo test --test provider` writes the `.facts` anew; read the difference.

mod capture;
mod disorder;
mod examples;
mod numbers;
mod reading;
mod refusals;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use capture::Capture;
use reading::Taken;

#[test]
fn every_recorded_request_gives_its_facts() {
    let mut wrong = Vec::new();
    for path in captures() {
        let told = printed(&Capture::load(&path));
        let expected = path.with_extension("facts");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &told).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "BLESS=1 writes the expectations anew\n{}", wrong.join("\n"));
}

/// All captures of all providers.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/provider");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        assert!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "req") {
                found.push(file);
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "only {} captures found", found.len());
    found
}

/// What a capture tells: each request, then each call.
fn printed(capture: &Capture) -> String {
    let mut text = String::new();
    for (index, taken) in capture.read().into_iter().enumerate() {
        write!(text, "{} ", index + 1).unwrap();
        match taken {
            Taken::Refused(error) => writeln!(text, "refused: {error}").unwrap(),
            Taken::Duplicate(kind) => writeln!(text, "{kind}: duplicate").unwrap(),
            Taken::Unknown(kind) => writeln!(text, "{kind}: unknown").unwrap(),
            Taken::Question(question) => writeln!(text, "question: {question}").unwrap(),
            Taken::Facts(kind, fingerprint, facts) => {
                writeln!(text, "{kind}: {fingerprint}").unwrap();
                for fact in facts {
                    writeln!(text, "  {}", serde_json::to_string(&fact).unwrap()).unwrap();
                }
            }
        }
    }
    let calls: BTreeMap<_, _> = capture.calls();
    for (key, view) in calls {
        writeln!(text, "\ncall {key}").unwrap();
        let view = serde_json::to_value(&view).unwrap();
        for (field, value) in view.as_object().unwrap() {
            writeln!(text, "  {field} = {value}").unwrap();
        }
    }
    text
}
