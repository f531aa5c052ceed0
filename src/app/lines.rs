//! From the configuration to telephones and trunks: what is listened on, what the switch is told
//! of its wires, and which carriers are looked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::{Dial, Site, Trunk};
use super::{certificate, web_site};
use crate::model::{Name, NumberRules, Period};
use crate::net::{self, Arrived, Guest, Listen, Names, NetLimits, Promised, Target, Wires};
use crate::sip::digest::Ha1;
use crate::sip::{Hop, Login, StackSettings, Transport, TrunkAuth, TrunkLine, User};
use crate::switch::{Allowed, CallerFrom, Keys, NumbersOut, PhoneSettings, TrunkSettings, Wiring};
use crate::web::Web;

/// The key that signs challenges, in the data directory: the same over a restart, so that no
/// telephone has to prove itself again.
const KEY_FILE: &str = "sip.key";

/// Messages between the sockets and the switch. Past a quarter of it new calls are refused; the
/// rest is for calls that run. More hides a longer stall and makes everybody wait for it.
const INBOX_MAX: usize = 4096;

/// How often a trunk without registration is asked whether it lives.
const PROBE_EVERY: Period = Period::secs(30);
/// How long a registration at a carrier is asked for, seconds.
const REGISTER_FOR: u32 = 3600;
/// Addresses nobody has: the way to them is the way to the world (RFC 5737, RFC 3849).
const WORLD_4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
const WORLD_6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 5060);

/// The open sockets, and what a reload needs to tell them.
#[derive(Clone)]
pub struct Lines {
    /// The sockets.
    pub wires: Wires,
    names: Names,
    key: [u8; 32],
    /// Which SIP user belongs to which operator: a page telephones as nobody else.
    users: Arc<ArcSwap<BTreeMap<Name, String>>>,
}

impl Lines {
    /// Opens what `[sip]` says and looks for the carriers; `None` when it listens on nothing.
    /// Fails when an address is taken or a certificate cannot be read.
    pub fn open(
        site: &Site,
        base: &str,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<(Lines, mpsc::Receiver<Arrived>)>> {
        if site.sip.listen.is_empty() {
            return Ok(None);
        }
        let tls = site.sip.tls.as_ref().map(certificate::read).transpose()?;
        let (sender, arrived) = mpsc::channel(INBOX_MAX);
        let wires = net::open(&listens(site, tls.as_ref()), limits(site, base), sender, stop)?;
        if let Some(trust) = trust() {
            wires.trust(trust);
        }
        let key = web_site::key(&site.data_dir, KEY_FILE)?;
        let users = Arc::new(ArcSwap::from_pointee(users(site)));
        let lines = Lines { wires, names: Names::system(), key, users };
        lines.wires.watch(&lines.names, targets(site));
        Ok(Some((lines, arrived)))
    }

    /// Lets the pages of signed-in operators telephone over a WebSocket, each as their own SIP
    /// user and for as long as they are signed in.
    pub fn admit(&self, web: Web) {
        let users = self.users.clone();
        let admit = move |cookies: String| -> Promised<Option<Guest>> {
            let (web, users) = (web.clone(), users.clone());
            Box::pin(async move {
                let signed = web.signed_in(&cookies).await?;
                let user = users.load().get(&signed.operator?).cloned()?;
                Some(Guest { user, over: signed.over })
            })
        };
        self.wires.admit(Arc::new(admit));
    }

    /// Reads the certificate of another configuration. Fails without changing anything.
    pub fn renew(&self, site: &Site) -> anyhow::Result<()> {
        if let Some(files) = &site.sip.tls {
            let tls = certificate::read(files).context("[sip] tls")?;
            self.wires.certify(&tls);
        }
        Ok(())
    }

    /// Looks for the carriers of another configuration, and says what the switch is to be told.
    pub fn rewire(&self, site: &Site) -> Arc<Wiring> {
        self.wires.watch(&self.names, targets(site));
        self.users.store(Arc::new(users(site)));
        self.wiring(site)
    }

    /// What the switch is told.
    pub fn wiring(&self, site: &Site) -> Arc<Wiring> {
        let mut wiring = Wiring::new(Arc::new(stack(site, self.key, self.wires.local())));
        wiring.pickup.clone_from(&site.sip.pickup);
        wiring.phones = phones(site);
        wiring.trunks = site.trunks.iter().map(trunk).collect();
        Arc::new(wiring)
    }
}

/// The SIP user of each operator who has one.
fn users(site: &Site) -> BTreeMap<Name, String> {
    phones(site).into_iter().map(|phone| (phone.operator, phone.user)).collect()
}

/// What is listened on.
fn listens(site: &Site, tls: Option<&Arc<rustls::ServerConfig>>) -> Vec<Listen> {
    let listen = site.sip.listen.iter();
    let read = listen.map(|(word, address)| Listen {
        transport: transport(word),
        address: *address,
        tls: tls.cloned(),
    });
    read.collect()
}

/// Whose certificates carriers may show: those that this machine trusts. `None` on a machine
/// that trusts nobody; nothing is then sent over TLS.
fn trust() -> Option<Arc<rustls::ClientConfig>> {
    use rustls_platform_verifier::BuilderVerifierExt;
    let config = rustls::ClientConfig::builder().with_platform_verifier();
    match config {
        Ok(config) => Some(Arc::new(config.with_no_client_auth())),
        Err(error) => {
            tracing::warn!(%error, "no certificate of a carrier can be checked: no TLS to trunks");
            None
        }
    }
}

/// The bounds of the sockets; pages of ours may open a WebSocket.
fn limits(site: &Site, base: &str) -> NetLimits {
    let own = site.web.public_url.as_deref().map(origin);
    let origins = own.into_iter().chain([origin(base)]).collect();
    NetLimits { origins, ..NetLimits::default() }
}

/// Scheme, host and port of an address, as a browser names a page's origin.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Where carriers are to be looked for.
fn targets(site: &Site) -> Vec<(Name, Target)> {
    let of = |trunk: &Trunk| {
        let target = Target {
            host: trunk.host.clone(),
            port: trunk.port,
            transport: trunk.transport.map(transport),
        };
        (trunk.name.clone(), target)
    };
    site.trunks.iter().map(of).collect()
}

fn stack(site: &Site, secret: [u8; 32], local: &[(Transport, SocketAddr)]) -> StackSettings {
    let domain = site.sip.domain.as_str();
    let mut stack = StackSettings::new(domain, secret);
    stack.digest.clone_from(&site.sip.digest);
    stack.advertise = advertised(site.sip.advertise.as_deref(), local);
    let told = stack.advertise.values().map(|(host, _)| host.clone());
    let own = local.iter().map(|(_, address)| address.ip());
    let own = own.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    stack.aliases = told.chain(own).collect();
    stack.aliases.sort();
    stack.aliases.dedup();
    for (operator, devices) in &site.devices {
        let Some((user, Some(password))) = &devices.sip else { continue };
        let ha1 = Ha1::new(user, domain, password.text.expose_secret());
        stack.users.insert(user.clone(), User { operator: operator.clone(), ha1 });
    }
    stack.trunks = site.trunks.iter().map(trunk_line).collect();
    stack
}

/// What peers are told of each address. Where nothing is said and every address of this machine
/// is listened on, it is the one by which the world is reached.
fn advertised(
    told: Option<&str>,
    local: &[(Transport, SocketAddr)],
) -> BTreeMap<(Transport, SocketAddr), (String, u16)> {
    let mut advertise = BTreeMap::new();
    for (transport, address) in local {
        let said = match told {
            Some(told) => Some(place(told, address.port())),
            None if address.ip().is_unspecified() => {
                let world = if address.is_ipv4() { WORLD_4 } else { WORLD_6 };
                net::own_address(world).map(|ip| (bracketed(ip), address.port()))
            }
            None => Some((bracketed(address.ip()), address.port())),
        };
        if let Some(said) = said {
            advertise.insert((*transport, *address), said);
        }
    }
    advertise
}

/// Reads `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
fn place(told: &str, port: u16) -> (String, u16) {
    if let Ok(ip) = told.parse::<IpAddr>() {
        return (bracketed(ip), port);
    }
    match told.rsplit_once(':') {
        Some((host, own)) if !host.ends_with(':') => match own.parse() {
            Ok(own) => (host.to_owned(), own),
            Err(_) => (told.to_owned(), port),
        },
        Some(_) | None => (told.to_owned(), port),
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("[{six}]"),
    }
}

fn trunk_line(trunk: &Trunk) -> TrunkLine {
    let transport = transport(trunk.transport.unwrap_or("udp"));
    let literal = trunk.host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let port = trunk.port.unwrap_or(transport.port());
    let hop =
        |ip| Hop { transport, peer: SocketAddr::new(ip, port), local: None, connection: None };
    let login = trunk.login.clone().unwrap_or_default();
    let auth = if trunk.registers {
        TrunkAuth::Register(Login {
            from_user: trunk.from_user.clone().unwrap_or_else(|| login.clone()),
            from_domain: trunk.from_domain.clone().unwrap_or_else(|| trunk.host.clone()),
            login,
            password: trunk.password.clone().unwrap_or_else(|| SecretString::from("")),
            realm: None,
            expires: REGISTER_FOR,
        })
    } else {
        TrunkAuth::Ip { probe: PROBE_EVERY }
    };
    TrunkLine {
        name: trunk.name.clone(),
        hops: literal.into_iter().map(hop).collect(),
        sources: trunk.sources.clone(),
        host: trunk.host.clone(),
        port: trunk.port,
        transport,
        auth,
        channels_max: u32::from(trunk.channels_max),
    }
}

fn trunk(trunk: &Trunk) -> TrunkSettings {
    TrunkSettings {
        priority: trunk.priority,
        weight: trunk.weight,
        lines: trunk.lines.clone(),
        numbers: NumberRules::default(),
        caller_from: match trunk.caller_id_source {
            "p-asserted-identity" => CallerFrom::Asserted,
            "remote-party-id" => CallerFrom::RemoteParty,
            "diversion" => CallerFrom::Diversion,
            _ => CallerFrom::From,
        },
        numbers_out: match trunk.number_format_out {
            "+998XXXXXXXXX" => NumbersOut::Plus,
            "XXXXXXXXX" => NumbersOut::National,
            _ => NumbersOut::Digits,
        },
        channels_max: u32::from(trunk.channels_max),
        keys: if trunk.dtmf == "info" { Keys::Info } else { Keys::Media },
        codecs: trunk.codecs.iter().map(|codec| encoding(codec).to_owned()).collect(),
        ..TrunkSettings::named(trunk.name.as_str())
    }
}

/// A codec's name in SDP (RFC 3551 section 6).
fn encoding(word: &str) -> &str {
    match word {
        "alaw" => "PCMA",
        "ulaw" => "PCMU",
        "g722" => "G722",
        other => other,
    }
}

/// The telephones of operators who may work.
fn phones(site: &Site) -> Vec<PhoneSettings> {
    let operators = site.settings.operators.iter().filter(|operator| !operator.disabled);
    let phone = |operator: &crate::acd::OperatorSettings| {
        let devices = site.devices.get(&operator.name)?;
        let (user, _) = devices.sip.as_ref()?;
        let short = operator.aliases.iter().filter(|of| of.account.is_none());
        Some(PhoneSettings {
            operator: operator.name.clone(),
            user: user.clone(),
            extensions: short.map(|of| of.alias.clone()).collect(),
            outside: devices.dial.as_ref().map(allowed),
        })
    };
    operators.filter_map(phone).collect()
}

fn allowed(dial: &Dial) -> Allowed {
    Allowed {
        prefixes: dial.prefixes.clone(),
        calls_max: dial.calls_max,
        per_minute: dial.per_minute,
        per_day: u32::from(dial.per_day),
    }
}

/// The transport of a word that the configuration has checked.
fn transport(word: &str) -> Transport {
    match word {
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        "ws" => Transport::Ws,
        "wss" => Transport::Wss,
        _ => Transport::Udp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_may_carry_a_port() {
        assert_eq!(place("sip.example.uz", 5060), (String::from("sip.example.uz"), 5060));
        assert_eq!(place("192.0.2.7:5080", 5060), (String::from("192.0.2.7"), 5080));
        assert_eq!(place("2001:db8::1", 5060), (String::from("[2001:db8::1]"), 5060));
        assert_eq!(place("[2001:db8::1]:5080", 5060), (String::from("[2001:db8::1]"), 5080));
    }

    #[test]
    fn who_listens_everywhere_tells_one_address() {
        let any = SocketAddr::from(([0, 0, 0, 0], 5060));
        let own = SocketAddr::from(([127, 0, 0, 1], 5060));
        let local = [(Transport::Udp, any), (Transport::Tcp, own)];
        let told = advertised(None, &local);
        // A trunk that registers is told one of these, also where nothing is advertised.
        assert_eq!(told[&(Transport::Tcp, own)], (String::from("127.0.0.1"), 5060));
        assert!(told.values().all(|(host, port)| host != "0.0.0.0" && *port == 5060));
        let told = advertised(Some("198.51.100.4"), &local);
        assert_eq!(told.len(), 2);
        assert_eq!(told[&(Transport::Udp, any)], (String::from("198.51.100.4"), 5060));
    }

    #[test]
    fn a_page_is_known_by_scheme_host_and_port() {
        assert_eq!(origin("https://navbat.example.uz/desk"), "https://navbat.example.uz");
        assert_eq!(origin("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
