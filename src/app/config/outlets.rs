//! Where news goes: `[crm.NAME]` and `[[notify]]`. The rules of `[[alert]]` stand in `alerts`.
//!
//! Each kind is a table of its keys below; its adapter takes its words from [`Outlet`].

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::amocrm;
use super::names::{check_name, is_name, unique};
use super::parts::Language;
use super::secrets::Vault;
use crate::connect::crm;
use crate::connect::notify::{Security, Success};
use crate::model::{Name, Number};
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
    /// Nothing leaves; what would is listed.
    pub dry_run: bool,
    /// Whether a missed call becomes a task there.
    pub missed_task: bool,
    /// Where it stands.
    pub at: Place,
}

/// Requests a second, and at once, that a portal of one's own may be said to bear. More would be a
/// slip of the finger.
const PER_SECOND_MAX: u32 = 1_000;
const BURST_MAX: u32 = 10_000;

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
        texts: &["login", "security", "ca_file"],
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

impl Outlet {
    /// Whether it can be asked who is responsible for a client.
    pub fn knows_clients(&self) -> bool {
        matches!(self.kind, "amocrm" | "bitrix24")
    }

    /// A text of the configuration.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words.get(key).and_then(|words| words.first()).map(String::as_str)
    }
}

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
            if outlet.kind == "bitrix24" {
                rate(&mut section, &mut outlet);
            }
            outlet.missed_task = section.or("missed_task", true);
            section.done();
            crms.push(outlet);
        }
    }
    crms
}

/// What a portal bears that is an installation of one's own: its limits are nobody's tariff.
fn rate(section: &mut Section<'_>, outlet: &mut Outlet) {
    for (key, most) in [("per_second", PER_SECOND_MAX), ("burst", BURST_MAX)] {
        let Some(found) = section.opt::<u32>(key) else { continue };
        if !(1..=most).contains(&found.value) {
            let message = format!("`{}` cannot be {}", section.path(key), found.value);
            section.error(&found.at, "bad-value", message, &format!("a number from 1 to {most}"));
        }
        outlet.words.insert(key, vec![found.value.to_string()]);
    }
}

/// Reads every `[[notify]]`. Notes of all kinds stand in one outbox and are told apart by the name of
/// their target, so none may have the name of a CRM.
pub fn targets(top: &mut Section<'_>, vault: &Vault, crms: &[Outlet]) -> Vec<Outlet> {
    let mut targets: Vec<Outlet> = Vec::new();
    for mut section in top.each("notify", "name") {
        let name = section.must::<String>("name");
        if let Some(name) = &name {
            check_name(&section, name);
            unique(&section, name, targets.iter().map(|other| (&other.name, &other.at)));
            if let Some(crm) = crms.iter().find(|crm| crm.name.as_str() == name.value) {
                let message = format!("{} is a CRM already, at {}", quoted(&name.value), crm.at);
                let mend = "choose another name: notes are told apart by it";
                section.error(&name.at, "duplicate", message, mend);
            }
        }
        let own = name.as_ref().map_or("", |name| name.value.as_str());
        if let Some(mut outlet) = outlet(&mut section, vault, &TARGETS, own.into()) {
            tongue(&mut section, &mut outlet);
            channel(&mut section, &mut outlet);
            section.done();
            targets.push(outlet);
        }
    }
    targets
}

/// How a target is spoken to, whatever it is.
fn tongue(section: &mut Section<'_>, outlet: &mut Outlet) {
    let words = ["masked", "full"].map(|word| (word, word));
    let numbers = section.choice("numbers", &words, "masked");
    outlet.words.insert("numbers", vec![numbers.to_owned()]);
    if let Some(language) = section.opt::<String>("language")
        && let Some(language) = section.pick("language", &language, &Language::WORDS)
    {
        outlet.words.insert("language", vec![language.word().to_owned()]);
    }
}

/// The keys of one kind that are no plain texts, and texts that must be of a form.
fn channel(section: &mut Section<'_>, outlet: &mut Outlet) {
    let mut number = |key: &'static str, section: &mut Section<'_>| {
        if let Some(found) = section.opt::<u32>(key) {
            outlet.words.insert(key, vec![found.value.to_string()]);
        }
    };
    match outlet.kind {
        "email" => number("port", section),
        "eskiz" => number("per_day", section),
        "playmobile" if section.or("reports", false) => {
            outlet.words.insert("reports", vec![String::from("true")]);
        }
        _ => {}
    }
    let refuse = |key: &'static str, is_right: &dyn Fn(&str) -> bool, mend: &str| {
        let words = outlet.words.get(key).into_iter().flatten();
        for word in words.filter(|word| !is_right(word)) {
            let message = format!("`{}` cannot be {}", section.path(key), quoted(word));
            section.error(&section.place(key), "bad-value", message, mend);
        }
    };
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    refuse("port", &is_port, "a number from 1 to 65535");
    let is_security = |text: &str| Security::WORDS.iter().any(|(word, _)| *word == text);
    refuse("security", &is_security, "one of starttls, tls, none");
    let is_phone = |text: &str| Number::new(text).is_ok();
    refuse("phones", &is_phone, "write + and 8 to 15 digits");
    let is_chat = |text: &str| {
        let (chat, topic) = text.split_once('/').map_or((text, "1"), |parts| parts);
        let is_name = chat.len() > 1 && chat.starts_with('@');
        (chat.parse::<i64>().is_ok() || is_name) && topic.parse::<i64>().is_ok()
    };
    refuse("chats", &is_chat, "an id, \"@channel\", or \"id/topic\"");
    let is_verb = |text: &str| matches!(text, "GET" | "POST");
    refuse("method", &is_verb, "GET or POST");
    let is_rule = |text: &str| Success::parse(text).is_some();
    refuse("success", &is_rule, "status, text:OK, json:/path or json:/path=value");
    let is_header = |text: &str| text.split_once(':').is_some_and(|(name, _)| !name.is_empty());
    refuse("headers", &is_header, "write \"Name: value\"");
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
    let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
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
    if let Some(files) = words.get_mut("ca_file") {
        let whole = |file: &String| vault.path(file).display().to_string();
        *files = files.iter().map(whole).collect();
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
    Some(Outlet { name, kind: shape.kind, words, secrets, dry_run: false, missed_task: true, at })
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
