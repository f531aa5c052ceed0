//! Accounts at hosted PBXs and carriers: `[[provider]]`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

use super::names::{check_name, unique};
use super::secrets::{Files, Secret, Vault};
use crate::acd::AccountSettings;
use crate::model::{Name, NumberRules, Period};
use crate::plan::{Found, Place, Problem, Section, quoted, read_zone_key};

/// An account as it was read.
#[derive(Debug, Clone)]
pub struct Provider {
    /// For the engine: name, kind, queues, settle, number rules.
    pub settings: AccountSettings,
    /// What it is.
    pub kind: Kind,
    /// Of the hook address; empty where the kind has no hooks.
    pub token: SecretString,
    /// Our numbers as the provider writes them.
    pub lines: Vec<String>,
    /// Of times that carry no zone.
    pub timezone: TimeZone,
    /// How often its history is asked for.
    pub history_poll: Period,
    /// Requests of its hook address.
    pub rate: Rate,
    /// Where its name stands.
    pub at: Place,
    /// Where each queue that it names stands.
    pub queues_at: Vec<Found<String>>,
}

/// Key `rate`: over it a request is answered 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// For long.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// What only one kind of provider has.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Sipuni.
    Sipuni {
        /// Its `user_id`; another one in an event is refused.
        cabinet_id: Option<String>,
        /// For history and click-to-call.
        api_secret: Option<SecretString>,
    },
    /// OnlinePBX.
    Onlinepbx {
        /// The cabinet's domain; another one in an event is refused.
        domain: Option<String>,
        /// For history and click-to-call.
        api_key: Option<SecretString>,
    },
    /// Uztelecom, profile `utel`.
    Utel {
        /// The cabinet's domain; another one in an event is refused.
        domain: Option<String>,
        /// For its API.
        company: Option<String>,
        /// For its API.
        login: Option<String>,
        /// For its API.
        password: Option<SecretString>,
        /// Where its live events keep what, if not where its sheet guesses.
        map: Map,
    },
    /// Uztelecom, profile `itoolabs`.
    Itoolabs {
        /// Of its API.
        host: Option<String>,
        /// Stands in the body of every event.
        crm_token: Option<SecretString>,
        /// For its API.
        pbx_key: Option<SecretString>,
    },
    /// Uztelecom, profile `generic`; Sarkor; any other: events are read by a map.
    Mapped(Map),
    /// Asterisk and what is built on it, over AMI.
    Asterisk(Ami),
}

/// Table `map`: where a mapped event keeps what (providers/common.md section 6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// By key: names or JSON pointers, the first that is not empty counts.
    pub fields: BTreeMap<&'static str, Vec<String>>,
    /// `epoch_s`, `epoch_ms`, `iso8601` or a format.
    pub time_format: Option<String>,
    /// Of times that carry none.
    pub time_zone: Option<String>,
    /// The provider's words to ours.
    pub event_values: BTreeMap<String, String>,
    /// The provider's words to `answered`, `not_answered`, `busy`, `cancelled`, `failed`.
    pub status_values: BTreeMap<String, String>,
}

/// An Asterisk's manager interface.
#[derive(Debug, Clone)]
pub struct Ami {
    /// Where.
    pub host: Option<String>,
    /// Where.
    pub port: u16,
    /// Over TLS.
    pub tls: bool,
    /// Of its manager.conf.
    pub login: Option<String>,
    /// Of its manager.conf.
    pub password: Option<SecretString>,
    /// Its SystemName.
    pub system: Option<String>,
    /// Channel technologies that are outside, like `PJSIP/sarkor`.
    pub trunks: Vec<String>,
    /// A pause here is a pause there.
    pub queue_pause: bool,
}

/// The words of `kind`.
const KINDS: [&str; 6] = ["sipuni", "onlinepbx", "uztelecom", "sarkor", "asterisk", "generic"];
/// The words of `profile`, for uztelecom.
const PROFILES: [&str; 3] = ["utel", "itoolabs", "generic"];

/// What a map can name; each has a default in its reader.
pub const MAP_FIELDS: [&str; 13] = [
    "call_id",
    "event",
    "caller",
    "callee",
    "line",
    "operator",
    "time",
    "status",
    "direction",
    "queue",
    "duration",
    "talk",
    "recording",
];

/// What `event_values` may lead to.
const EVENTS: [&str; 11] = [
    "call_started",
    "operator_ringing",
    "operator_answered",
    "operator_ring_stopped",
    "operator_left",
    "client_dialled",
    "client_answered",
    "transferred",
    "call_ended",
    "call_summary",
    "recording_ready",
];

/// What `status_values` may lead to.
const STATUSES: [&str; 5] = ["answered", "not_answered", "busy", "cancelled", "failed"];

/// Fewer bits could be guessed over the network in the life of an installation.
const TOKEN_BITS_MIN: u32 = 128;

/// Reads every `[[provider]]`.
pub fn providers(top: &mut Section<'_>, vault: &Vault, zone: &TimeZone) -> Vec<Provider> {
    let mut providers: Vec<Provider> = Vec::new();
    for section in top.each("provider", "name") {
        if let Some(read) = provider(section, vault, zone, &providers) {
            providers.push(read);
        }
    }
    providers
}

fn provider(
    mut section: Section<'_>,
    vault: &Vault,
    zone: &TimeZone,
    before: &[Provider],
) -> Option<Provider> {
    let name = section.must::<String>("name");
    if let Some(name) = &name {
        check_name(&section, name);
        unique(&section, name, before.iter().map(|other| (&other.settings.name, &other.at)));
    }
    let word = section.must::<String>("kind");
    let word = word.and_then(|found| section.pick("kind", &found, &KINDS.map(|kind| (kind, kind))));
    let kind = word.and_then(|word| kind(&mut section, vault, word));
    let token = match word {
        Some("asterisk") => None,
        Some(_) | None => vault.must(&mut section, ("token", "token_file")),
    };
    if let Some(token) = &token {
        check_token(&section, vault, token);
    }
    let mut lines = section.list::<String>("lines");
    if word == Some("onlinepbx") {
        lines.extend(section.list::<String>("gateways")); // its own word for lines
    }
    let queue = section.opt::<String>("queue");
    let (queues, mut queues_at) = queue_map(&mut section);
    queues_at.extend(queue.clone());
    let settle = section.or("settle", Period::secs(5));
    let stale_after = section.or("stale_after", Period::hours(2));
    let history_poll = section.or("history_poll", Period::mins(5));
    let timezone = read_zone_key(&mut section, "timezone", zone);
    let rate = rate(&mut section);
    let numbers = number_rules(&mut section);
    if word.is_some() {
        section.done(); // without a kind nobody knows which keys it has
    }
    let (name, word) = (name?, word?);
    Some(Provider {
        settings: AccountSettings {
            name: name.value.as_str().into(),
            kind: word.to_owned(),
            queue: queue.map(|queue| queue.value.into()),
            queues,
            settle,
            stale_after,
            numbers,
        },
        kind: kind?,
        token: token.map(|token| token.text).unwrap_or_default(),
        lines: lines.into_iter().map(|line| line.value).collect(),
        timezone,
        history_poll,
        rate,
        at: name.at,
        queues_at,
    })
}

fn kind(section: &mut Section<'_>, vault: &Vault, word: &str) -> Option<Kind> {
    let text = |found: Option<Found<String>>| found.map(|found| found.value);
    let secret = |found: Option<Secret>| found.map(|found| found.text);
    Some(match word {
        "sipuni" => Kind::Sipuni {
            cabinet_id: text(section.opt("cabinet_id")),
            api_secret: secret(vault.secret(section, ("api_secret", "api_secret_file"))),
        },
        "onlinepbx" => Kind::Onlinepbx {
            domain: text(section.opt("domain")),
            api_key: secret(vault.secret(section, ("api_key", "api_key_file"))),
        },
        "uztelecom" => {
            match section.choice("profile", &PROFILES.map(|word| (word, word)), "utel") {
                "utel" => Kind::Utel {
                    domain: text(section.opt("domain")),
                    company: text(section.opt("company")),
                    login: text(section.opt("login")),
                    password: secret(vault.secret(section, ("password", "password_file"))),
                    map: map(section),
                },
                "itoolabs" => Kind::Itoolabs {
                    host: text(section.opt("host")),
                    crm_token: secret(vault.secret(section, ("crm_token", "crm_token_file"))),
                    pbx_key: secret(vault.secret(section, ("pbx_key", "pbx_key_file"))),
                },
                _ => Kind::Mapped(map(section)),
            }
        }
        "asterisk" => Kind::Asterisk(Ami {
            host: text(section.opt("host")),
            port: section.or("port", 5038_u16),
            tls: section.or("tls", false),
            login: text(section.opt("login")),
            password: secret(vault.secret(section, ("password", "password_file"))),
            system: text(section.opt("system")),
            trunks: section.list("trunks").into_iter().map(|trunk| trunk.value).collect(),
            queue_pause: section.or("queue_pause", false),
        }),
        _ => Kind::Mapped(map(section)),
    })
}

fn map(section: &mut Section<'_>) -> Map {
    let mut table = section.table("map");
    let mut map = Map::default();
    for field in MAP_FIELDS {
        let names = table.list::<String>(field);
        if !names.is_empty() {
            map.fields.insert(field, names.into_iter().map(|name| name.value).collect());
        }
    }
    map.time_format = table.opt("time_format").map(|found| found.value);
    let zone = table.opt::<String>("time_zone");
    if let Some(zone) = &zone
        && let Err(error) = crate::plan::read_zone(&zone.value)
    {
        table.error(&zone.at, "bad-value", error.to_string(), "");
    }
    map.time_zone = zone.map(|zone| zone.value);
    map.event_values = words(&mut table, "event_values", &EVENTS);
    map.status_values = words(&mut table, "status_values", &STATUSES);
    table.done();
    map
}

/// Reads a table from the provider's words to ours.
fn words(
    table: &mut Section<'_>,
    key: &'static str,
    known: &[&'static str],
) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    let Some(mut inside) = table.section(key) else { return words };
    let choices: Vec<(&'static str, &'static str)> = known.iter().map(|w| (*w, *w)).collect();
    for (theirs, node) in inside.free() {
        let found = inside.read::<String>(theirs, node);
        let ours = found.and_then(|found| inside.pick(theirs, &found, &choices));
        if let Some(ours) = ours {
            inside.show(theirs, format!("\"{ours}\""), None, node.at.clone());
            words.insert(theirs.to_owned(), ours.to_owned());
        }
    }
    words
}

fn queue_map(section: &mut Section<'_>) -> (Vec<(String, Name)>, Vec<Found<String>>) {
    let (mut queues, mut places) = (Vec::new(), Vec::new());
    if let Some(mut table) = section.section("queues") {
        for (theirs, node) in table.free() {
            if let Some(ours) = table.read::<String>(theirs, node) {
                table.show(theirs, format!("\"{}\"", ours.value), None, ours.at.clone());
                queues.push((theirs.to_owned(), ours.value.as_str().into()));
                places.push(ours);
            }
        }
    }
    (queues, places)
}

fn rate(section: &mut Section<'_>) -> Rate {
    let mut table = section.table("rate");
    let per_second = table.found_or("per_second", 1000_u32);
    let burst = table.found_or("burst", 10_000_u32);
    for count in [&per_second, &burst] {
        if count.value == 0 {
            table.error(&count.at, "bad-value", "a rate of 0 takes nothing", "at least 1");
        }
    }
    table.done();
    Rate { per_second: per_second.value.max(1), burst: burst.value.max(1) }
}

fn number_rules(section: &mut Section<'_>) -> NumberRules {
    let usual = NumberRules::default();
    let area = section.found_or("default_area", usual.default_area);
    let prefix = section.found_or("national_prefix", usual.national_prefix);
    for (found, length) in [(&area, 2..=2), (&prefix, 0..=4)] {
        let digits = found.value.bytes().all(|b| b.is_ascii_digit());
        if !digits || !length.contains(&found.value.len()) {
            let message = format!("{} is no such code", quoted(&found.value));
            section.error(&found.at, "bad-value", message, "two digits; a prefix: up to four");
        }
    }
    let digits = section.list_or::<u8>("extension_digits", vec![2, 6]);
    let digits: Vec<usize> = digits.iter().map(|count| usize::from(count.value)).collect();
    let extension_digits = match digits.as_slice() {
        [from, to] if 1 <= *from && from <= to && *to <= 8 => (*from, *to),
        _ => {
            let message = "`extension_digits` must be the least and the most digits, up to 8";
            section.error(&section.place("extension_digits"), "bad-value", message, "[2, 6]");
            usual.extension_digits
        }
    };
    NumberRules { default_area: area.value, national_prefix: prefix.value, extension_digits }
}

fn check_token(section: &Section<'_>, vault: &Vault, token: &Secret) {
    let text = token.text.expose_secret();
    if vault.files() == Files::Leave && text.is_empty() {
        return;
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    if !text.bytes().all(fits) {
        let message = "the token stands in an address: only letters, digits and - _ . ~ may";
        section.error(&token.at, "bad-value", message, "openssl rand -hex 32");
    }
    let bits = strength(text);
    if bits < TOKEN_BITS_MIN {
        let message =
            format!("the token has about {bits} bits, {TOKEN_BITS_MIN} cannot be guessed");
        let problem = Problem::warning(&token.at, "weak-token", message);
        section.reader().add(problem.mend("openssl rand -hex 32"));
    }
}

/// About how many bits of chance a token holds, judged by its letters.
fn strength(text: &str) -> u32 {
    let any = |fits: fn(&u8) -> bool| text.bytes().any(|b| fits(&b));
    let mut letters = 0_u32;
    letters += if any(u8::is_ascii_digit) { 10 } else { 0 };
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    letters += if any(u8::is_ascii_lowercase) { if hex { 6 } else { 26 } } else { 0 };
    letters += if any(u8::is_ascii_uppercase) { if hex { 6 } else { 26 } } else { 0 };
    let mut seen: Vec<u8> = text.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    let seen = f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX));
    let length = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let letters = f64::from(letters.max(1));
    // How many different letters chance would use; with less than half of them, as in `aaaa…`,
    // only those that are there count.
    let expected = letters * (1.0 - (1.0 - 1.0 / letters).powf(length));
    let letters = if seen * 2.0 < expected { seen.max(1.0) } else { letters };
    (letters.log2() * length).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strength_of_a_token_is_that_of_its_letters() {
        assert!(strength("3f9a1c0d8e7b65423f9a1c0d8e7b6542") >= 126);
        assert!(strength("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c") >= TOKEN_BITS_MIN);
        assert!(strength("Zq3vXw8LrT0mYc5KpB2nHd") >= TOKEN_BITS_MIN);
        assert!(strength("secret") < 40);
        assert_eq!(strength(&"a".repeat(64)), 0);
        assert!(strength(&"01".repeat(20)) < 80);
    }
}
