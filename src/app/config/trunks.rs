//! SIP connections to carriers: `[[trunk]]`.

use std::net::IpAddr;

use secrecy::SecretString;

use super::names::{check_name, unique};
use super::secrets::Vault;
use crate::acd::AccountSettings;
use crate::model::{Name, Number, NumberRules, Period};
use crate::plan::{Found, Place, Section, quoted};

/// A trunk as it was read.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Unique over providers and trunks.
    pub name: Name,
    /// The carrier.
    pub host: String,
    /// The carrier; `None`: what its SRV records say, else 5060.
    pub port: Option<u16>,
    /// `udp`, `tcp` or `tls`; `None`: what its NAPTR and SRV records say, else `udp`.
    pub transport: Option<&'static str>,
    /// Whether it registers; else its address is its proof.
    pub registers: bool,
    /// For registration and challenges.
    pub login: Option<String>,
    /// For registration and challenges.
    pub password: Option<SecretString>,
    /// The user of our From; `None`: the login.
    pub from_user: Option<String>,
    /// The host of our From; `None`: the carrier's.
    pub from_domain: Option<String>,
    /// In order of preference.
    pub codecs: Vec<&'static str>,
    /// How keys travel.
    pub dtmf: &'static str,
    /// The header that holds the caller.
    pub caller_id_source: &'static str,
    /// How it writes numbers; `auto` is the common table.
    pub number_format_in: &'static str,
    /// How it wants them.
    pub number_format_out: &'static str,
    /// Calls at the same time.
    pub channels_max: u16,
    /// Smaller is tried first for outgoing calls.
    pub priority: u16,
    /// Among trunks of one priority: how often this one is first.
    pub weight: u16,
    /// Addresses that the carrier also calls from.
    pub sources: Vec<IpAddr>,
    /// Our numbers on it.
    pub lines: Vec<Number>,
    /// The queue of calls that no dialplan takes.
    pub queue: Option<Found<String>>,
    /// Where its name stands.
    pub at: Place,
}

impl Trunk {
    /// The trunk as the engine knows it: an account whose calls are ours.
    pub fn account(&self) -> AccountSettings {
        AccountSettings {
            name: self.name.clone(),
            kind: String::from("sip"),
            queue: self.queue.as_ref().map(|queue| queue.value.as_str().into()),
            queues: Vec::new(),
            settle: Period::ZERO, // nobody tells us anything later
            stale_after: STALE_AFTER,
            numbers: NumberRules::default(),
        }
    }
}

/// How long a call of ours may be without any news until something is wrong with our books.
const STALE_AFTER: Period = Period::hours(12);

/// Names for a closed set of words.
fn same<const N: usize>(words: [&'static str; N]) -> [(&'static str, &'static str); N] {
    words.map(|word| (word, word))
}

/// Reads every `[[trunk]]`; `taken` are the names of providers.
pub fn trunks(top: &mut Section<'_>, vault: &Vault, taken: &[(Name, Place)]) -> Vec<Trunk> {
    let mut trunks: Vec<Trunk> = Vec::new();
    for section in top.each("trunk", "name") {
        if let Some(read) = trunk(section, vault, taken, &trunks) {
            trunks.push(read);
        }
    }
    trunks
}

fn trunk(
    mut section: Section<'_>,
    vault: &Vault,
    taken: &[(Name, Place)],
    before: &[Trunk],
) -> Option<Trunk> {
    let name = section.must::<String>("name");
    if let Some(name) = &name {
        check_name(&section, name);
        let own = before.iter().map(|other| (&other.name, &other.at));
        unique(&section, name, own.chain(taken.iter().map(|(name, at)| (name, at))));
    }
    let host = section.must::<String>("host");
    // Written or not makes a difference: what is not written is asked for in the DNS (RFC 3263).
    let (port_said, transport_said) = (section.has("port"), section.has("transport"));
    let port = Some(section.or("port", 5060_u16)).filter(|_| port_said);
    let transport = section.choice("transport", &same(["udp", "tcp", "tls"]), "udp");
    let transport = Some(transport).filter(|_| transport_said);
    let registers = section.choice("auth", &[("register", true), ("ip", false)], true);
    let login = section.opt::<String>("login");
    let password = vault.secret(&mut section, ("password", "password_file"));
    if registers && (login.is_none() || password.is_none()) && name.is_some() {
        let message = "a trunk that registers needs `login` and a password";
        let mend = "add `login` and `password_file`, or write auth = \"ip\"";
        if !section.has("password_file") && !section.has("password") || login.is_none() {
            section.error(section.at(), "missing", message, mend);
        }
    }
    let from_user = section.opt::<String>("from_user");
    let from_domain = section.opt::<String>("from_domain");
    let codecs = section.list_or("codecs", vec![String::from("alaw"), String::from("ulaw")]);
    let codecs = codecs
        .iter()
        .filter_map(|codec| section.pick("codecs", codec, &same(["alaw", "ulaw", "g722", "opus"])));
    let codecs = codecs.collect();
    let dtmf = section.choice("dtmf", &same(["rfc4733", "info", "inband"]), "rfc4733");
    let sources = same(["from", "p-asserted-identity", "remote-party-id", "diversion"]);
    let caller_id_source = section.choice("caller_id_source", &sources, "from");
    // The common table reads every one of these; the key is there to say so in the file.
    let read = same(["auto", "998XXXXXXXXX", "+998XXXXXXXXX", "XXXXXXXXX"]);
    let number_format_in = section.choice("number_format_in", &read, "auto");
    let formats = same(["998XXXXXXXXX", "+998XXXXXXXXX", "XXXXXXXXX"]);
    let number_format_out = section.choice("number_format_out", &formats, "998XXXXXXXXX");
    let channels_max = section.or("channels_max", 30_u16);
    let (priority, weight) = (section.or("priority", 10_u16), section.or("weight", 10_u16));
    let sources = section.list::<String>("sources");
    let sources = sources.iter().filter_map(|source| address(&section, source)).collect();
    let lines = section.list::<String>("lines");
    let lines = lines.iter().filter_map(|line| number(&section, line)).collect();
    let queue = section.opt::<String>("queue");
    section.done();
    let name = name?;
    Some(Trunk {
        name: name.value.into(),
        host: host?.value,
        port,
        transport,
        registers,
        login: login.map(|login| login.value),
        password: password.map(|secret| secret.text),
        from_user: from_user.map(|user| user.value),
        from_domain: from_domain.map(|domain| domain.value),
        codecs,
        dtmf,
        caller_id_source,
        number_format_in,
        number_format_out,
        channels_max,
        priority,
        weight,
        sources,
        lines,
        queue,
        at: name.at,
    })
}

fn address(section: &Section<'_>, source: &Found<String>) -> Option<IpAddr> {
    let read = source.value.parse().ok();
    if read.is_none() {
        let message = format!("{} is no address", quoted(&source.value));
        section.error(&source.at, "bad-value", message, "write 192.0.2.1");
    }
    read
}

fn number(section: &Section<'_>, line: &Found<String>) -> Option<Number> {
    match Number::new(&line.value) {
        Ok(number) => Some(number),
        Err(error) => {
            section.error(&line.at, "bad-value", error.to_string(), "write +998712000001");
            None
        }
    }
}
