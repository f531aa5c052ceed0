//! The configuration: the shipped example against the code, wrong files against the places of
//! their faults, secrets, the environment, what the database adds, and texts of no sense.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use navbat::acd::{OperatorSettings, QueueSettings, Strategy};
use navbat::app::check;
use navbat::app::config::{DEFAULT, Extra, Files, Kind, Site, Sources, load, show};
use navbat::model::{Period, Seed};
use navbat::plan::{Place, Problem};
use secrecy::ExposeSecret;

/// A folder with a configuration, its secrets and its dialplan; gone when dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("navbat.toml", text, 0o640);
        folder
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> Result<Site, Vec<Problem>> {
        load(&Sources::file(&self.path("navbat.toml")))
    }

    fn load_with(&self, environment: &[(&str, &str)]) -> Result<Site, Vec<Problem>> {
        let own = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        let environment: Vec<_> = environment.iter().map(own).collect();
        let file = self.path("navbat.toml");
        load(&Sources { environment: &environment, ..Sources::file(&file) })
    }
}

fn whole_example() -> Folder {
    let text: Vec<&str> = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
            Some(_) | None => line,
        })
        .collect();
    // An example beside a default is the same key twice: the example is the later one.
    let mut kept: Vec<&str> = Vec::new();
    for line in text {
        let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
        let section = kept.iter().rposition(|line| line.starts_with('[')).unwrap_or(0);
        if let Some(key_here) = key(line).filter(|_| !line.starts_with('#')) {
            let twin = kept
                .iter()
                .skip(section)
                .position(|old| !old.starts_with('#') && key(old).as_ref() == Some(&key_here));
            if let Some(twin) = twin {
                kept.remove(section + twin);
            }
        }
        kept.push(line);
    }
    let folder = Folder::with(&kept.join("\n"));
    for line in &kept {
        if let Some((_, rest)) = line.split_once("\"secrets/") {
            let name = rest.split('"').next().unwrap();
            let token = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c\n";
            folder.write(&format!("secrets/{name}"), token, 0o600);
        }
    }
    folder.write("tls/chain.pem", "x", 0o644);
    folder.write("tls/key.pem", "x", 0o600);
    folder.write("dialplans/shop.toml", include_str!("../dialplans/shop.toml"), 0o644);
    folder
}

fn told(result: Result<Site, Vec<Problem>>) -> Vec<String> {
    let problems = match result {
        Ok(site) => site.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_as_it_stands_says_the_defaults() {
    let site = Folder::with(DEFAULT).load().unwrap();
    assert_eq!(site.warnings, []);
    for value in &site.values {
        if let Some(default) = &value.default {
            assert_eq!(&value.value, default, "{}", value.path);
        }
    }
    let empty = load(&Sources { file: None, ..Sources::file(Path::new("")) }).unwrap();
    let stripped = |site: &Site| -> Vec<(String, String)> {
        site.values.iter().map(|value| (value.path.clone(), value.value.clone())).collect()
    };
    assert_eq!(stripped(&site), stripped(&empty));
    assert_eq!(site.settings.version, empty.settings.version);
}

#[test]
fn the_whole_example_loads_and_names_every_key() {
    let folder = whole_example();
    let site = folder.load().unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(told(folder.load()), Vec::<String>::new());
    assert_eq!(site.settings.operators.len(), 3);
    assert_eq!(site.providers.len(), 6);
    assert_eq!(site.plans.len(), 1);
    let queue = &site.settings.queues[0];
    assert_eq!(queue.tiers[0].members[1].weight, 5);
    assert_eq!(queue.ring, Period::secs(20));
    assert!(matches!(&site.providers[2].kind, Kind::Utel { domain: Some(_), .. }));
    // What is a default in the code stands as that default in the example.
    let mut unlike = Vec::new();
    for value in site.values.iter().filter(|value| value.place != Place::Default) {
        let Some(default) = &value.default else { continue };
        if *default != value.value {
            unlike.push(value.path.as_str());
        }
    }
    let examples: BTreeSet<&str> = [
        "outgoing.allow",
        "site.dialplans",
        "web.trusted_proxies",
        "calendar.office.days",
        "calendar.office.from",
        "calendar.office.to",
        "calendar.office.holidays",
        "calendar.office.closed",
        "calendar.two-shifts.spans.0.days",
        "calendar.two-shifts.spans.0.from",
        "calendar.two-shifts.spans.0.to",
        "calendar.two-shifts.spans.1.days",
        "calendar.two-shifts.spans.1.from",
        "calendar.two-shifts.spans.1.to",
        "operator.Dilnoza.aliases",
        "operator.Sardor.aliases",
        "operator.Jasur.aliases",
        "operator.Dilnoza.dial.prefixes",
        "queue.sales.tiers.0.members",
        "queue.sales.tiers.1.after",
        "queue.sales.tiers.1.members",
        "provider.sipuni-main.lines",
        "provider.opbx.gateways",
        "provider.other.map.call_id",
        "provider.other.map.event",
        "provider.other.map.caller",
        "provider.other.map.callee",
        "provider.other.map.line",
        "provider.other.map.operator",
        "provider.other.map.time",
        "provider.office-pbx.trunks",
        "trunk.sarkor.lines",
        "notify.chiefs.chats",
        "notify.mail.host",
        "notify.mail.from",
        "notify.mail.to",
        "crm.amo.base",
        "alert.0.on",
        "alert.0.to",
    ]
    .into();
    let strange: Vec<_> = unlike.iter().filter(|path| !examples.contains(*path)).collect();
    assert!(strange.is_empty(), "not the defaults, nor known examples: {strange:?}");
    // Every key that the code asks for stands in the example.
    let words: BTreeSet<&str> =
        DEFAULT.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let keys: BTreeSet<&str> = site
        .keys
        .iter()
        .filter_map(|key| key.rsplit('.').next())
        .filter(|key| *key != "*")
        .collect();
    let untold: Vec<_> = keys
        .iter()
        .filter(|key| {
            let stem = key.strip_suffix("_file").unwrap_or(key);
            !words.contains(stem) && !words.contains(format!("{stem}_file").as_str())
        })
        .collect();
    assert!(untold.is_empty(), "not in the example: {untold:?}");
}
