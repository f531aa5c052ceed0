//! Where news goes: `[crm.NAME]`, `[[notify]]`, and the rules of `[[alert]]`.
//!
//! Each kind is a table of its keys below; its adapter takes its words from [`Outlet`].

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::amocrm;
use super::names::{check_name, is_name, unique};
use super::secrets::Vault;
use crate::connect::crm;
use crate::model::Name;
use crate::plan::{Found, Place, Section, quoted};

/// A CRM, or a target of messages.
#[derive(Debug, Clone)]
pub struct Outlet {
    /// Unique among its own.
    pub name: Name,
    /// `amocrm`, `telegram` and so on.
    pub kind: &'static str,
    /// Texts and lists by key; absent keys are not there.
    pub words: BTreeMap<&'static str, Vec<String>>,
    /// Secrets by key.
    pub secrets: BTreeMap<&'static str, SecretString>,
    /// What is only looked at, never written: notes are logged and not sent.
    pub dry_run: bool,
    /// Where it stands.
    pub at: Place,
}

/// A rule: events to targets.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Event words, like `missed`.
    pub on: Vec<String>,
    /// Names of targets.
    pub to: Vec<Name>,
    /// Local times between which nothing is sent.
    pub quiet: Option<(String, String)>,
}

/// What one kind of outlet can be told.
struct Shape {
    kind: &'static str,
    required: &'static [&'static str],
    texts: &'static [&'static str],
    lists: &'static [&'static str],
    secrets: &'static [(&'static str, &'static str)],
}

const CLIENT: (&str, &str) = ("client_secret", "client_secret_file");
const PASSWORD: (&str, &str) = ("password", "password_file");
const SECRET: (&str, &str) = ("secret", "secret_file");
const TOKEN: (&str, &str) = ("token", "token_file");

const CRMS: [Shape; 3] = [
    Shape {
        kind: "amocrm",
        required: &["base"],
        texts: &["client_id", "redirect_uri"],
        lists: &[],
        secrets: &[TOKEN, CLIENT],
    },
    Shape {
        kind: "bitrix24",
        required: &["portal", "client_id"],
        texts: &["base", "tariff"],
        lists: &[],
        secrets: &[TOKEN, CLIENT],
    },
    Shape {
        kind: "webhook",
        required: &["url"],
        texts: &[],
        lists: &["events", "fields"],
        secrets: &[SECRET],
    },
];

const TARGETS: [Shape; 6] = [
    Shape {
        kind: "telegram",
        required: &["chats"],
        texts: &["base"],
        lists: &[],
        secrets: &[TOKEN],
    },
    Shape {
        kind: "email",
        required: &["host", "from", "to"],
        texts: &["port", "login", "security"],
        lists: &[],
        secrets: &[PASSWORD],
    },
    Shape {
        kind: "eskiz",
        required: &["login", "phones"],
        texts: &["base", "from"],
        lists: &[],
        secrets: &[PASSWORD],
    },
    Shape {
        kind: "playmobile",
        required: &["login", "phones", "from"],
        texts: &["base"],
        lists: &[],
        secrets: &[PASSWORD],
    },
    Shape {
        kind: "http",
        required: &["url"],
        texts: &["method", "template", "success"],
        lists: &["headers", "phones"],
        secrets: &[TOKEN],
    },
    Shape {
        kind: "webhook",
        required: &["url"],
        texts: &[],
        lists: &["events", "fields"],
        secrets: &[SECRET],
    },
];

/// Reads every `[crm.NAME]`; addresses of `outgoing` may be private.
pub fn crms(top: &mut Section<'_>, vault: &Vault, outgoing: &[String]) -> Vec<Outlet> {
    let mut crms = Vec::new();
    for (name, mut section) in top.named("crm") {
        if !is_name(&name) {
            let message = format!("{} is no name", quoted(&name));
            section.error(section.at(), "bad-name", message, "use a-z, 0-9 and -");
        }
        let words = ["skip", "note", "unsorted", "create"].map(|word| (word, word));
        let unknown = section.choice("unknown_caller", &words, "skip");
        if let Some(mut outlet) = outlet(&mut section, vault, &CRMS, name.as_str().into()) {
            outlet.words.insert("unknown_caller", vec![unknown.to_owned()]);
            outlet.dry_run = section.or("dry_run", false);
            if outlet.kind == "amocrm" {
                amocrm::read(&mut section, &mut outlet, outgoing);
            }
            section.done();
            crms.push(outlet);
        }
    }
    crms
}

/// Reads every `[[notify]]`.
pub fn targets(top: &mut Section<'_>, vault: &Vault) -> Vec<Outlet> {
    let mut targets: Vec<Outlet> = Vec::new();
    for mut section in top.each("notify", "name") {
        let name = section.must::<String>("name");
        if let Some(name) = &name {
            check_name(&section, name);
            unique(&section, name, targets.iter().map(|other| (&other.name, &other.at)));
        }
        let own = name.as_ref().map_or("", |name| name.value.as_str());
        if let Some(outlet) = outlet(&mut section, vault, &TARGETS, own.into()) {
            section.done();
            targets.push(outlet);
        }
    }
    targets
}

fn outlet(
    section: &mut Section<'_>,
    vault: &Vault,
    shapes: &'static [Shape],
    name: Name,
) -> Option<Outlet> {
    let kinds: Vec<(&'static str, &Shape)> = shapes.iter().map(|s| (s.kind, s)).collect();
    let kind = section.must::<String>("kind")?;
    let shape = section.pick("kind", &kind, &kinds)?;
    let mut words = BTreeMap::new();
    for key in shape.required {
        if !section.has(key) {
            let message = format!("`{}` is missing", section.path(key));
            section.error(section.at(), "missing", message, &format!("add `{key} = …`"));
        }
    }
    for key in shape.required.iter().chain(shape.texts).chain(shape.lists) {
        let found = section.list::<String>(key);
        if !found.is_empty() {
            check_address(section, key, &found);
            check_word(section, shape.kind, key, &found);
            words.insert(*key, found.into_iter().map(|word| word.value).collect());
        }
    }
    let mut secrets = BTreeMap::new();
    for keys in shape.secrets {
        if let Some(secret) = vault.secret(section, *keys) {
            secrets.insert(keys.0, secret.text);
        }
    }
    if shape.kind == "bitrix24" && !secrets.contains_key("client_secret") {
        let message = format!("`{}` is missing", section.path("client_secret"));
        let mend = "add `client_secret_file = …`: telephony needs an application of the portal";
        section.error(section.at(), "missing", message, mend);
    }
    let at = section.at().clone();
    Some(Outlet { name, kind: shape.kind, words, secrets, dry_run: false, at })
}

/// Words of a closed set, and a host that is no address.
fn check_word(section: &Section<'_>, kind: &str, key: &str, found: &[Found<String>]) {
    let fields = || crm::WEBHOOK_KINDS.iter().flat_map(|kind| kind.fields);
    let known: Vec<&str> = match (kind, key) {
        ("webhook", "events") => crm::WEBHOOK_KINDS.iter().map(|kind| kind.event).collect(),
        ("webhook", "fields") => {
            let private = fields().filter(|field| field.private).map(|field| field.name);
            private.chain(["*"]).collect()
        }
        ("bitrix24", "tariff") => crm::Bitrix24Rate::TARIFFS.to_vec(),
        ("bitrix24", "portal") => Vec::new(),
        _ => return,
    };
    for word in found {
        let host = key == "portal" && crm::is_bitrix24_portal(&word.value);
        if host || known.contains(&word.value.as_str()) {
            continue;
        }
        let message = format!("`{}` cannot be {}", section.path(key), quoted(&word.value));
        let mend = match key {
            "portal" => String::from("write its host, like example.bitrix24.uz"),
            _ => crate::plan::did_you_mean(&word.value, &known),
        };
        section.error(&word.at, "bad-value", message, mend.trim_end_matches(": "));
    }
}

fn check_address(section: &Section<'_>, key: &str, found: &[Found<String>]) {
    if !["base", "url", "redirect_uri"].contains(&key) {
        return;
    }
    for address in found {
        let rest = ["https://", "http://"].iter().find_map(|s| address.value.strip_prefix(s));
        if rest.is_none_or(str::is_empty) {
            let message = format!("`{}` is no web address", section.path(key));
            section.error(&address.at, "bad-value", message, "write https://…");
        }
    }
}

/// Reads every `[[alert]]`; its targets must be there.
pub fn alerts(top: &mut Section<'_>, targets: &[Outlet]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for mut section in top.each("alert", "-") {
        let on = section.list::<String>("on");
        let to = section.list::<String>("to");
        for (key, found) in [("on", &on), ("to", &to)] {
            if found.is_empty() {
                let message = format!("`{}` is empty: the rule does nothing", section.path(key));
                section.error(&section.place(key), "missing", message, "");
            }
        }
        for event in &on {
            check_name(&section, event);
        }
        for target in &to {
            if !targets.iter().any(|own| own.name.as_str() == target.value) {
                let known: Vec<&str> = targets.iter().map(|own| own.name.as_str()).collect();
                let message = format!("no [[notify]] is called {}", quoted(&target.value));
                let mend = crate::plan::did_you_mean(&target.value, &known);
                section.error(&target.at, "missing-target", message, mend.trim_end_matches(": "));
            }
        }
        let quiet = section.section("quiet").and_then(|mut quiet| {
            let from = quiet.must::<String>("from");
            let to = quiet.must::<String>("to");
            if let (Some(from), Some(to)) = (&from, &to)
                && let Err(error) = crate::plan::Span::new("mon-sun", &from.value, &to.value)
            {
                quiet.error(&from.at, "bad-value", error.to_string(), "");
            }
            quiet.done();
            Some((from?.value, to?.value))
        });
        section.done();
        let to = to.into_iter().map(|target| target.value.into()).collect();
        alerts.push(Alert { on: on.into_iter().map(|event| event.value).collect(), to, quiet });
    }
    alerts
}
