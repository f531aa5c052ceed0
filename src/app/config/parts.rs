//! The sections about the machine and the house: directory, database, retention, site, web, SIP.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use secrecy::SecretString;

use super::secrets::{Files, Vault};
use crate::model::Period;
use crate::plan::{Found, Problem, Section, quoted, read_zone, read_zone_key};
use crate::sip::digest::Algorithm;

/// Key `database`.
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite:FILE` in the data directory, or `postgres://…`.
    pub url: String,
    /// Of the PostgreSQL user.
    pub password: Option<SecretString>,
}

/// Key `retention`: how long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Calls, entries, offers, talks, and the journal's records.
    pub calls: Period,
    /// Recordings.
    pub recordings: Period,
    /// Decision records.
    pub decisions: Period,
    /// Raw requests of providers.
    pub raw: Period,
    /// Log files.
    pub logs: Period,
}

/// Language of what the server says when the reader has chosen none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Uzbek, Latin.
    Uz,
    /// Uzbek, Cyrillic.
    UzCyrl,
    /// Russian.
    Ru,
    /// English.
    En,
}

impl Language {
    /// As the file writes it.
    pub const WORDS: [(&'static str, Language); 4] = [
        ("uz", Language::Uz),
        ("uz-Cyrl", Language::UzCyrl),
        ("ru", Language::Ru),
        ("en", Language::En),
    ];

    /// The word in the configuration and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Language::Uz => "uz",
            Language::UzCyrl => "uz-Cyrl",
            Language::Ru => "ru",
            Language::En => "en",
        }
    }
}

/// Section `[site]`.
#[derive(Debug, Clone)]
pub struct House {
    /// The zone of days, shifts and calendars.
    pub timezone: TimeZone,
    /// Of the server's texts.
    pub language: Language,
    /// Files with dialplans, and where each is named.
    pub dialplans: Vec<Found<String>>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain, PEM.
    pub cert_file: PathBuf,
    /// The private key, PEM.
    pub key_file: PathBuf,
}

/// Section `[web]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Address of the pages, the API and the hooks.
    pub listen: SocketAddr,
    /// What providers and CRMs are told; no slash at the end.
    pub public_url: Option<String>,
    /// `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Login over plain HTTP beyond loopback is allowed.
    pub plain_http: bool,
    /// Addresses or networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// Section `[sip]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sip {
    /// Transport (`udp`, `tcp`, `tls`, `ws`, `wss`) and address; none: no telephones.
    pub listen: Vec<(String, SocketAddr)>,
    /// The realm of registrations.
    pub domain: String,
    /// Address told to peers; `None`: the listening one.
    pub advertise: Option<String>,
    /// For `tls:` and `wss:`.
    pub tls: Option<Tls>,
    /// What an operator dials to take a call that rings elsewhere.
    pub pickup: String,
    /// The hashes that telephones are asked for, best first; never empty.
    pub digest: Vec<Algorithm>,
}

/// Section `[rtp]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtp {
    /// First and last port.
    pub ports: (u16, u16),
    /// Silence for so long ends a call.
    pub timeout: Period,
}

/// Reads `database`.
pub fn database(top: &mut Section<'_>, vault: &Vault) -> Database {
    const URL: &str = "sqlite:navbat.db";
    let mut section = top.table("database");
    let url = section.found_or("url", URL.to_owned());
    let password = vault.secret(&mut section, ("password", "password_file"));
    let postgres = ["postgres://", "postgresql://"].iter().any(|p| url.value.starts_with(p));
    if !postgres && !url.value.starts_with("sqlite:") {
        let mend = "write sqlite:navbat.db or postgres://navbat@127.0.0.1/navbat";
        section.error(&url.at, "bad-value", "not the address of a database", mend);
    }
    let user = url.value.split("://").nth(1).and_then(|rest| rest.split_once('@'));
    if postgres && user.is_some_and(|(user, _)| user.contains(':')) {
        let mend = "write it to a file and name that by `password_file`";
        section.error(&url.at, "secret-in-url", "the address holds the password", mend);
    }
    section.done();
    Database { url: url.value, password: password.map(|secret| secret.text) }
}

/// Reads `retention`.
pub fn retention(top: &mut Section<'_>) -> Retention {
    let mut kept = Retention {
        calls: Period::days(1095),
        recordings: Period::days(90),
        decisions: Period::days(90),
        raw: Period::days(30),
        logs: Period::days(14),
    };
    let mut section = top.table("retention");
    kept.calls = section.or("calls", kept.calls);
    kept.recordings = section.or("recordings", kept.recordings);
    kept.decisions = section.or("decisions", kept.decisions);
    kept.raw = section.or("raw", kept.raw);
    kept.logs = section.or("logs", kept.logs);
    section.done();
    kept
}

/// Reads `outgoing`: exact `host:port` that may be private, loopback or plain HTTP.
pub fn outgoing(top: &mut Section<'_>) -> Vec<String> {
    let mut section = top.table("outgoing");
    let allow = section.list::<String>("allow");
    for place in &allow {
        let port = place.value.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        if !matches!(port, Some((host, Ok(1..))) if !host.is_empty() && !host.contains('/')) {
            let message = format!("{} is not host:port", quoted(&place.value));
            section.error(&place.at, "bad-value", message, "write pbx.lan:443");
        }
    }
    section.done();
    allow.into_iter().map(|place| place.value).collect()
}

/// Reads `[site]`.
pub fn house(top: &mut Section<'_>) -> House {
    let tashkent = read_zone("Asia/Tashkent").unwrap_or(TimeZone::UTC);
    let mut section = top.table("site");
    let timezone = read_zone_key(&mut section, "timezone", &tashkent);
    let language = section.choice("language", &Language::WORDS, Language::Uz);
    let dialplans = section.list::<String>("dialplans");
    section.done();
    House { timezone, language, dialplans }
}

/// Reads `[web]`.
pub fn web(top: &mut Section<'_>, vault: &Vault) -> Web {
    let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let mut web =
        Web { listen, public_url: None, tls: None, plain_http: false, trusted_proxies: Vec::new() };
    let mut section = top.table("web");
    let address = section.found_or("listen", listen.to_string());
    web.listen = socket(&section, &address, &address.value).unwrap_or(listen);
    let public = section.opt::<String>("public_url");
    web.tls = tls(&mut section, vault);
    web.plain_http = section.or("plain_http", false);
    let proxies = section.list::<String>("trusted_proxies");
    for proxy in &proxies {
        let (address, mask) = proxy.value.split_once('/').unwrap_or((&proxy.value, "0"));
        if address.parse::<std::net::IpAddr>().is_err() || mask.parse::<u8>().is_err() {
            let message = format!("{} is no address", quoted(&proxy.value));
            section.error(&proxy.at, "bad-value", message, "write 10.0.0.2 or 10.0.0.0/24");
        }
    }
    web.trusted_proxies = proxies.into_iter().map(|proxy| proxy.value).collect();
    if let Some(url) = public {
        let host = ["https://", "http://"].iter().find_map(|scheme| url.value.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            let message = format!("{} is no address of a site", quoted(&url.value));
            section.error(&url.at, "bad-value", message, "write https://navbat.example.uz");
        }
        web.public_url = Some(url.value.trim_end_matches('/').to_owned());
    }
    let guarded = web.listen.ip().is_loopback() || web.tls.is_some();
    if !guarded && web.trusted_proxies.is_empty() {
        let (said, mend) = if web.plain_http {
            ("passwords cross the network in the clear", "set `tls`, or listen on loopback")
        } else {
            ("nobody can sign in over plain HTTP beyond loopback", "set `tls` or `plain_http`")
        };
        section
            .reader()
            .add(Problem::warning(&section.place("listen"), "plain-http", said).mend(mend));
    }
    section.done();
    web
}

/// Reads `[sip]`.
pub fn sip(top: &mut Section<'_>, vault: &Vault) -> Sip {
    let own = SocketAddr::from(([127, 0, 0, 1], 5060));
    let mut sip = Sip {
        listen: vec![("udp".into(), own), ("tcp".into(), own)],
        domain: "navbat.local".into(),
        advertise: None,
        tls: None,
        pickup: "*8".into(),
        digest: Vec::new(),
    };
    let mut section = top.table("sip");
    let words = sip.listen.iter().map(|(kind, address)| format!("{kind}:{address}")).collect();
    let listen = section.list_or::<String>("listen", words);
    sip.listen = listen.iter().filter_map(|address| transport(&section, address)).collect();
    sip.domain = section.or("domain", sip.domain);
    let advertise = section.or("advertise", String::new());
    sip.advertise = Some(advertise).filter(|address| !address.is_empty());
    sip.pickup = section.or("pickup", sip.pickup);
    sip.digest = digest(&mut section);
    sip.tls = tls(&mut section, vault);
    let secure = |(kind, _): &(String, SocketAddr)| kind == "tls" || kind == "wss";
    if sip.tls.is_none() && sip.listen.iter().any(secure) {
        let message = "`tls:` and `wss:` need a certificate";
        section.error(&section.place("listen"), "missing", message, "add `tls = { … }`");
    }
    section.done();
    sip
}

/// Reads `digest`; a list that names nothing would let everybody in or nobody.
fn digest(section: &mut Section<'_>) -> Vec<Algorithm> {
    const WORDS: [(&str, Algorithm); 2] = [("sha-256", Algorithm::Sha256), ("md5", Algorithm::Md5)];
    let all = WORDS.map(|(word, _)| String::from(word)).to_vec();
    let written = section.list_or("digest", all);
    let read: Vec<_> =
        written.iter().filter_map(|word| section.pick("digest", word, &WORDS)).collect();
    if read.is_empty() && written.is_empty() {
        let mend = "write [\"sha-256\", \"md5\"]";
        section.error(&section.place("digest"), "bad-value", "no hash is named", mend);
    }
    read
}

fn transport(section: &Section<'_>, found: &Found<String>) -> Option<(String, SocketAddr)> {
    let (kind, address) = found.value.split_once(':').unwrap_or(("", ""));
    if !["udp", "tcp", "tls", "ws", "wss"].contains(&kind) {
        let message = format!("{} has no transport", quoted(&found.value));
        section.error(&found.at, "bad-value", message, "write udp:127.0.0.1:5060");
        return None;
    }
    Some((kind.to_owned(), socket(section, found, address)?))
}

/// Reads `[rtp]`.
pub fn rtp(top: &mut Section<'_>) -> Rtp {
    let mut rtp = Rtp { ports: (20000, 29999), timeout: Period::secs(15) };
    let mut section = top.table("rtp");
    let ports = section.list_or::<u16>("ports", vec![rtp.ports.0, rtp.ports.1]);
    let ports: Vec<u16> = ports.iter().map(|port| port.value).collect();
    match ports.as_slice() {
        [first, last] if first < last && *first >= 1024 => rtp.ports = (*first, *last),
        _ => {
            let message = "`rtp.ports` must be two ports above 1023, the lower first";
            section.error(&section.place("ports"), "bad-value", message, "[20000, 29999]");
        }
    }
    rtp.timeout = section.or("timeout", rtp.timeout);
    section.done();
    rtp
}

/// Reads `tls = { cert_file, key_file }`.
fn tls(section: &mut Section<'_>, vault: &Vault) -> Option<Tls> {
    let mut inside = section.section("tls")?;
    let cert = inside.must::<String>("cert_file");
    let key = inside.must::<String>("key_file");
    for found in [&cert, &key].into_iter().flatten() {
        if vault.files() == Files::Read && !vault.path(&found.value).is_file() {
            let message = format!("there is no file {}", quoted(&found.value));
            inside.error(&found.at, "missing-file", message, "");
        }
    }
    if let (Files::Read, Some(key)) = (vault.files(), &key)
        && let Err(problem) = vault.refuse_open(&vault.path(&key.value))
    {
        inside.reader().add(Problem { place: key.at.clone(), ..problem });
    }
    inside.done();
    Some(Tls { cert_file: vault.path(&cert?.value), key_file: vault.path(&key?.value) })
}

fn socket(section: &Section<'_>, found: &Found<String>, address: &str) -> Option<SocketAddr> {
    let read = address.parse().ok();
    if read.is_none() {
        let message = format!("{} is no address and port", quoted(&found.value));
        section.error(&found.at, "bad-value", message, "write 127.0.0.1:8080");
    }
    read
}
