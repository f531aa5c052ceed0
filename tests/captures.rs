//! Captures whose calls were worked out by hand from the providers' sheets.
//!
//! `tests/fixtures/captures/README.md` says how a case is written.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Orders of arrival that every case is tried in.
const ORDERS: u64 = 4;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut cases: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect();
    cases.sort();
    assert!(cases.len() > 40, "only {} captures found", cases.len());
    cases
}

fn replay(capture: &Path, config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_navbat"));
    command.arg("replay").arg(capture).env_remove("NAVBAT_CONFIG");
    if config.is_file() {
        command.arg("--config").arg(config);
    }
    command.output().unwrap()
}

/// The calls by their keys, without the ids, which another order of arrival changes.
fn calls(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut calls: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for call in &mut calls {
        call.as_object_mut().unwrap().remove("id");
    }
    calls.sort_by_key(|call| call["call_key"].to_string());
    calls
}

#[test]
fn every_capture_gives_the_calls_of_the_sheets() {
    let mut wrong = Vec::new();
    for case in cases() {
        let output = replay(&case, &case.with_extension("toml"));
        let calls = calls(&output);
        let wanted = std::fs::read_to_string(case.with_extension("json")).unwrap();
        let wanted: Vec<Value> = serde_json::from_str(&wanted).unwrap();
        let name = case.file_stem().unwrap().to_string_lossy();
        if calls.len() != wanted.len() {
            wrong.push(format!("{name}: {} calls instead of {}", calls.len(), wanted.len()));
        }
        for (at, wanted) in wanted.iter().enumerate() {
            let keyed = |call: &&Value| call["call_key"] == wanted["call_key"];
            let call = calls.iter().find(keyed).or_else(|| calls.get(at));
            for (field, value) in wanted.as_object().unwrap() {
                let got = call.map(|call| &call[field]);
                if got != Some(value) {
                    wrong.push(format!("{name}: {field} is {got:?} instead of {value}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Requests that carry their own times give the same calls however they arrive.
#[test]
fn calls_do_not_depend_on_the_order_of_arrival() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_stem().unwrap().to_string_lossy().into_owned();
        // ITooLabs has no times but those of receipt, and a clock's line says when news came.
        let text = std::fs::read_to_string(&case).unwrap();
        if name.starts_with("itoolabs") || text.contains("\"clock\"") {
            continue;
        }
        let config = case.with_extension("toml");
        let settled = |mut calls: Vec<Value>| {
            calls.iter_mut().for_each(|call| call["settled"] = Value::Null);
            calls
        };
        let straight = settled(calls(&replay(&case, &config)));
        for seed in 0..ORDERS {
            let twisted = folder.path().join("twisted.jsonl");
            std::fs::write(&twisted, twist(&text, seed)).unwrap();
            if settled(calls(&replay(&twisted, &config))) != straight {
                wrong.push(format!("{name}, order {seed}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every line twice, in an order that the seed gives, received at the same moments.
fn twist(text: &str, seed: u64) -> String {
    let mut lines: Vec<Value> =
        text.lines().chain(text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut moments: Vec<Value> = lines.iter().map(|line| line["at"].clone()).collect();
    moments.sort_by_key(ToString::to_string);
    let mut state = seed.wrapping_add(1);
    for last in (1..lines.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        lines.swap(last, other);
    }
    let received = lines.iter_mut().zip(moments).map(|(line, at)| {
        line["at"] = at;
        format!("{line}\n")
    });
    received.collect()
}

#[test]
fn a_line_that_is_no_request_is_told_and_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let case = cases().into_iter().find(|case| case.ends_with("sipuni-answered.jsonl")).unwrap();
    let good = std::fs::read_to_string(&case).unwrap();
    let straight = calls(&replay(&case, Path::new("")));
    for strange in [&b"{broken"[..], b"[]", b"\"text\"", b"\xff\xfe{", b"{\"at\":\"noon\"}"] {
        let mut capture = strange.to_vec();
        for line in good.lines() {
            capture.push(b'\n');
            capture.extend_from_slice(line.as_bytes());
        }
        let path = folder.path().join("strange.jsonl");
        std::fs::write(&path, &capture).unwrap();
        let output = replay(&path, Path::new(""));
        assert_eq!(calls(&output), straight, "{}", String::from_utf8_lossy(strange));
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("line 1 ") && !said.contains("struct"), "{said}");
    }
}
