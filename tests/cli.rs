//! The command line: its help, its exit codes, and what the first minutes of a user meet.
//!
//! `BLESS=1 cargo test --test cli` writes the help again; read the difference.

use std::path::Path;
use std::process::{Command, Output};

fn navbat(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_navbat"))
        .args(args)
        .current_dir(folder)
        .env_remove("NAVBAT_CONFIG")
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn the_help_is_worth_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["demo", "--help"],
        &["check", "--help"],
        &["explain", "--help"],
        &["replay", "--help"],
        &["operator", "add", "--help"],
        &["user", "add", "--help"],
        &["token", "create", "--help"],
        &["backup", "--help"],
        &["reload", "--help"],
    ] {
        let output = navbat(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        text.push_str(&format!("$ navbat {}\n{}\n", args.join(" "), said(&output)));
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cli/help.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
        std::fs::write(&kept, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&kept).unwrap_or_default(), "BLESS=1 writes it");
}

#[test]
fn wrong_use_is_2_and_says_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["serv"][..],
        &[],
        &["demo", "--calls", "0"],
        &["demo", "--speed", "fast"],
        &["explain"],
        &["explain", "x", "--operator", "y"],
        &["token", "create", "--role", "king", "--name", "x"],
        &["replay"],
    ] {
        assert_eq!(navbat(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
    assert!(said(&navbat(folder.path(), &["serv"])).contains("serve"));
}

#[test]
fn a_wrong_configuration_is_78_and_names_key_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("navbat.toml");
    std::fs::write(&file, "[web]\nlisten = \"127.0.0.1:0\"\n\n[queue.sales]\nrign = \"20s\"\n")
        .unwrap();
    for verb in ["check", "serve", "reload"] {
        let output = navbat(folder.path(), &[verb, "--config", "navbat.toml"]);
        assert_eq!(output.status.code(), Some(78), "{verb}: {}", said(&output));
        let text = said(&output);
        assert!(text.contains("navbat.toml:5:1"), "{verb}: {text}");
        assert!(text.contains("rign") && text.contains("ring"), "{verb}: {text}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was made for a wrong configuration");
    let missing = navbat(folder.path(), &["check", "--config", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(78), "{}", said(&missing));
}

#[test]
fn commands_work_on_a_directory_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = navbat(folder.path(), args);
        (output.status.code(), said(&output))
    };
    let (code, text) = run(&["user", "add", "nargiza", "--role", "supervisor"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("http://127.0.0.1:8080/setup#"), "{text}");
    let (code, text) = run(&["operator", "add", "Dilnoza", "--login", "dilnoza", "--alias", "201"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, text) = run(&["operator", "list"]);
    assert!(text.contains("Dilnoza") && text.contains("201"), "{text}");
    let (code, text) = run(&["operator", "add", "Sardor", "--alias", "201"]);
    assert_ne!(code, Some(0), "one alias, two owners: {text}");
    let (_, text) = run(&["operator", "list"]);
    assert!(!text.contains("Sardor"), "{text}");
    let (code, text) = run(&["operator", "disable", "Dilnoza"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, text) = run(&["user", "list"]);
    assert!(text.contains("nargiza") && text.contains("dilnoza"), "{text}");
    assert!(
        text.lines().any(|line| line.contains("dilnoza") && line.contains("disabled")),
        "{text}"
    );
    let (code, token) = run(&["token", "create", "--role", "admin", "--name", "monitor"]);
    assert_eq!((code, token.trim().len()), (Some(0), 32), "{token}");
    assert_eq!(run(&["token", "create", "--role", "admin", "--name", "monitor"]).0, Some(1));
    assert_eq!(run(&["token", "revoke", "monitor"]).0, Some(0));
    assert!(run(&["token", "list"]).1.contains("revoked"));
    assert_eq!(run(&["user", "disable", "nobody"]).0, Some(1));
    assert_eq!(run(&["explain", "nowhere/1"]).0, Some(1));
    let (code, text) = run(&["explain", "--operator", "Dilnoza", "--from", "2026-11-20"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, files) = run(&["backup", "copy"]);
    assert_eq!(code, Some(0), "{files}");
    assert_eq!(files.lines().count(), 2, "{files}");
    assert!(files.lines().all(|file| Path::new(file).is_file()), "{files}");
    let (code, text) = run(&["reload"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no server runs"), "{text}");
}

#[test]
fn the_defaults_the_document_and_the_completions_print() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let output = navbat(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    std::fs::write(folder.path().join("d.toml"), run(&["config", "default"])).unwrap();
    let checked = navbat(folder.path(), &["check", "--offline", "--config", "d.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(run(&["config", "show"]).contains("data_dir"));
    let document: serde_json::Value = serde_json::from_str(&run(&["openapi"])).unwrap();
    assert!(document["paths"].as_object().unwrap().contains_key("/api/v1/calls"));
    assert!(run(&["completions", "bash"]).contains("navbat"));
}
