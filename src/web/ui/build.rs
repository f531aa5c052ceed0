//! Puts the pages where `embed.rs` takes them from. The first of these that fits wins:
//!
//! 1. `NAVBAT_UI_DIST=<folder>`: pages built elsewhere (release jobs, packagers).
//! 2. `NAVBAT_UI=off`: the plain page; for work on the engine alone.
//! 3. node ≥ 20.19 and npm: build them in a folder under `OUT_DIR`; the source tree stays as it is.
//! 4. Otherwise the plain page and a warning; an error when `NAVBAT_UI=require`.
//!
//! A mistake in the pages fails the build. A machine without node or without a network does not.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use sha2::{Digest, Sha256};

/// What the build of the pages reads; a change to any of these builds them again.
const SOURCES: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
];

/// The oldest node that Vite runs on.
const NODE_MIN: (u32, u32) = (20, 19);

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What became of an attempt to build the pages.
enum Built {
    Pages,
    /// This machine cannot; the text says why.
    Cannot(String),
}

fn main() -> Outcome<()> {
    println!("cargo:rerun-if-env-changed=NAVBAT_UI");
    println!("cargo:rerun-if-env-changed=NAVBAT_UI_DIST");
    let home = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    // A path that is not there would make cargo run this every time.
    let watched = SOURCES.iter().chain(&["build.rs", "placeholder", ".npmrc"]);
    for source in watched.filter(|source| home.join(source).exists()) {
        println!("cargo:rerun-if-changed={source}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let dist = out.join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }

    if let Some(given) = env::var_os("NAVBAT_UI_DIST").filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        if !given.join("index.html").is_file() {
            return Err(format!("NAVBAT_UI_DIST: no index.html in {}", given.display()).into());
        }
        copy(&given, &dist)?;
        return tell("given");
    }
    let wish = env::var("NAVBAT_UI").unwrap_or_default();
    if wish == "off" {
        copy(&home.join("placeholder"), &dist)?;
        return tell("placeholder");
    }
    match build(&home, &out, &dist)? {
        Built::Pages => tell("built"),
        Built::Cannot(why) if wish == "require" => {
            Err(format!("NAVBAT_UI=require, but the pages cannot be built: {why}").into())
        }
        Built::Cannot(why) => {
            println!("cargo:warning=the pages are left out of this build: {why}");
            println!("cargo:warning=everything else works; afterwards: cargo clean -p navbat-ui");
            copy(&home.join("placeholder"), &dist)?;
            tell("placeholder")
        }
    }
}

fn tell(kind: &str) -> Outcome<()> {
    println!("cargo:rustc-env=NAVBAT_UI_KIND={kind}");
    Ok(())
}

fn build(home: &Path, out: &Path, dist: &Path) -> Outcome<Built> {
    if let Some(why) = node_is_missing() {
        return Ok(Built::Cannot(why));
    }
    let lock = home.join("package-lock.json");
    if !lock.is_file() {
        return Ok(Built::Cannot("there is no package-lock.json".to_owned()));
    }
    let work = out.join("work");
    fs::create_dir_all(&work)?;
    for source in SOURCES.iter().chain(&[".npmrc"]) {
        let (from, to) = (home.join(source), work.join(source));
        if to.is_dir() {
            fs::remove_dir_all(&to)?;
        }
        if from.exists() {
            copy(&from, &to)?;
        }
    }
    if let Some(why) = install(&work, &hash(&lock)?)? {
        return Ok(Built::Cannot(why));
    }
    let vite = work.join("node_modules/vite/bin/vite.js");
    let made = work.join("dist");
    let run = Command::new("node")
        .arg(vite)
        .args(["build", "--outDir", "dist", "--emptyOutDir", "--logLevel", "warn"])
        .current_dir(&work)
        .output()?;
    if !run.status.success() || !made.join("index.html").is_file() {
        return Err(format!("the pages do not build:\n{}", said(&run)).into());
    }
    copy(&made, dist)?;
    Ok(Built::Pages)
}

/// Installs the packages when the lock file is another than last time.
///
/// `Some` says why it could not. Only a lock file that contradicts itself or the packages is an
/// error: that is a mistake of ours, not of this machine.
fn install(work: &Path, hash: &str) -> Outcome<Option<String>> {
    let mark = work.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|was| was == hash) {
        return Ok(None);
    }
    let run = npm()
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"])
        .args(["--fetch-retries=1", "--fetch-timeout=30000", "--prefer-offline"])
        .current_dir(work)
        .output()?;
    if run.status.success() {
        fs::write(mark, hash)?;
        return Ok(None);
    }
    let said = said(&run);
    if ["EUSAGE", "EINTEGRITY"].iter().any(|code| said.contains(code)) {
        return Err(format!("package-lock.json is wrong:\n{said}").into());
    }
    let line = said.lines().find(|line| line.contains("code")).unwrap_or("no reason given");
    Ok(Some(format!("`npm ci` failed ({line})")))
}

fn node_is_missing() -> Option<String> {
    let Ok(run) = Command::new("node").arg("--version").output() else {
        return Some(format!("node {}.{} or newer is not installed", NODE_MIN.0, NODE_MIN.1));
    };
    let version = String::from_utf8_lossy(&run.stdout).trim().to_owned();
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse().ok());
    let found = (parts.next().flatten().unwrap_or(0), parts.next().flatten().unwrap_or(0));
    if found < NODE_MIN {
        return Some(format!("node is {version}, need {}.{} or newer", NODE_MIN.0, NODE_MIN.1));
    }
    match npm().arg("--version").output() {
        Ok(run) if run.status.success() => None,
        Ok(_) | Err(_) => Some("npm is not installed".to_owned()),
    }
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn said(run: &std::process::Output) -> String {
    let both = [run.stdout.as_slice(), run.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn hash(path: &Path) -> Outcome<String> {
    let sum = Sha256::digest(fs::read(path)?);
    Ok(sum.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Copies a file, or a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Outcome<()> {
    if from.is_file() {
        fs::copy(from, to)?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
