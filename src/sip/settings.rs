//! What the stack is told at start and at reload: users, trunks, limits, timers.

use std::collections::BTreeMap;

use core::net::{IpAddr, SocketAddr};

use secrecy::SecretString;

use crate::model::{Name, Period};

use super::digest::{Algorithm, Ha1};
use super::io::{Hop, Transport};
use super::uri::Host;

/// Everything the stack needs to know. Replaced as a whole by a reload.
#[derive(Debug)]
pub struct StackSettings {
    /// Our SIP domain: realm of challenges, host of every user's address of record.
    pub domain: String,
    /// Other hosts that mean us in an address of record (our IP addresses, a public name).
    pub aliases: Vec<String>,
    /// What we write into Via and Contact for each address we listen at; one that is not here
    /// is written as it is. NAT in front of us is told this way.
    pub advertise: BTreeMap<(Transport, SocketAddr), (String, u16)>,
    /// The hashes that telephones are asked for, best first (RFC 8760 section 2.4).
    pub digest: Vec<Algorithm>,
    /// Who may register, by SIP user name.
    pub users: BTreeMap<String, User>,
    /// Carriers.
    pub trunks: Vec<TrunkLine>,
    /// Signs nonces and makes tags that cannot be guessed. Changing it makes telephones
    /// authenticate once more.
    pub server_secret: [u8; 32],
    /// Bounds of every table.
    pub limits: StackLimits,
    /// Session timers (RFC 4028).
    pub session_timers: SessionTimers,
    /// `Server` and `User-Agent`; empty sends none. It should not tell a version.
    pub agent: String,
}

impl StackSettings {
    /// No users, no trunks, defaults everywhere.
    pub fn new(domain: &str, server_secret: [u8; 32]) -> StackSettings {
        StackSettings {
            domain: domain.to_owned(),
            aliases: Vec::new(),
            advertise: BTreeMap::new(),
            digest: vec![Algorithm::Sha256, Algorithm::Md5],
            users: BTreeMap::new(),
            trunks: Vec::new(),
            server_secret,
            limits: StackLimits::default(),
            session_timers: SessionTimers::default(),
            agent: String::from("navbat"),
        }
    }
}

/// A SIP account.
#[derive(Debug, Clone)]
pub struct User {
    /// Whose telephone it is.
    pub operator: Name,
    /// Its password, hashed with user name and our domain as realm.
    pub ha1: Ha1,
}

/// One carrier line.
#[derive(Debug)]
pub struct TrunkLine {
    /// Configured name.
    pub name: Name,
    /// Where it is, best first: from configuration or DNS. [`super::Stack::trunk_hops`] replaces it.
    pub hops: Vec<Hop>,
    /// Addresses it may also send from, at any port.
    pub sources: Vec<IpAddr>,
    /// Host in request URIs, and the only realm host we authenticate for.
    pub host: String,
    /// Port in request URIs; `None` writes none.
    pub port: Option<u16>,
    /// How we send to it.
    pub transport: Transport,
    /// How each side knows the other.
    pub auth: TrunkAuth,
    /// Calls at once, both directions together; the switch counts, the stack only knows.
    pub channels_max: u32,
}

/// How we and a trunk know each other.
#[derive(Debug)]
pub enum TrunkAuth {
    /// We register there with a login.
    Register(Login),
    /// By address alone; OPTIONS tell whether it lives.
    Ip {
        /// How often it is asked, 30 s by default; shorter finds a dead carrier sooner.
        probe: Period,
    },
}

/// A login at a trunk.
#[derive(Debug)]
pub struct Login {
    /// User name of the credentials.
    pub login: String,
    /// Its password.
    pub password: SecretString,
    /// User in From and in the address of record; the login where the carrier names no other.
    pub from_user: String,
    /// Host in From; `host` of the trunk where the carrier names no other.
    pub from_domain: String,
    /// The realm we answer challenges for; `None` accepts whatever realm the trunk's own
    /// address asks with.
    pub realm: Option<String>,
    /// How long a registration is asked for, 3600 s by default.
    pub expires: u32,
}

/// Bounds. At a bound the item is refused and counted, everything else goes on.
#[derive(Debug, Clone)]
pub struct StackLimits {
    /// Sessions at once, both directions. Each costs up to 32 KiB; past it INVITE gets 503.
    pub sessions_max: usize,
    /// Transactions at once, both sides. Past it new requests get 503 without state.
    pub transactions_max: usize,
    /// Contacts of one user. Smaller stops a stolen account from being rung in many places.
    pub bindings_max: usize,
    /// Early dialogs of one INVITE of ours. More forks than that are acknowledged and ended.
    pub forks_max: usize,
    /// Shortest registration in seconds; below it 423. Shorter means more traffic.
    pub expires_min: u32,
    /// Longest registration in seconds; longer wishes are cut. Longer keeps dead telephones.
    pub expires_max: u32,
    /// Addresses and accounts the table of failed logins remembers.
    pub failures_max: usize,
    /// Nonces whose counts are remembered. Forgotten ones cost a telephone one more challenge.
    pub nonces_max: usize,
    /// How long an INVITE of ours may ring before it is cancelled (timer C, over 3 minutes).
    pub ring_max: Period,
    /// How often a registered telephone without traffic is asked by OPTIONS; zero never asks.
    pub probe: Period,
}

impl Default for StackLimits {
    fn default() -> StackLimits {
        StackLimits {
            sessions_max: 20_000,
            transactions_max: 100_000,
            bindings_max: 10,
            forks_max: 12,
            expires_min: 60,
            expires_max: 3600,
            failures_max: 10_000,
            nonces_max: 50_000,
            ring_max: Period::secs(185),
            probe: Period::ZERO,
        }
    }
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, Copy)]
pub struct SessionTimers {
    /// What we ask for and cut longer wishes to, in seconds. Shorter finds dead calls sooner.
    pub expires: u32,
    /// The shortest we accept (RFC 4028 section 4 forbids less than 90), in seconds.
    pub min: u32,
}

impl Default for SessionTimers {
    fn default() -> SessionTimers {
        SessionTimers { expires: 1800, min: 90 }
    }
}

impl StackSettings {
    /// What we write as our own `host:port` towards a peer of this transport.
    pub(super) fn written(&self, transport: Transport, local: Option<SocketAddr>) -> String {
        let own = local.and_then(|local| self.advertise.get(&(transport, local)));
        let any = || self.advertise.iter().find(|((kind, _), _)| *kind == transport);
        match (own.or_else(|| any().map(|(_, written)| written)), local) {
            (Some((host, port)), _) => format!("{host}:{port}"),
            (None, Some(local)) => local.to_string(),
            (None, None) => self.domain.clone(),
        }
    }

    /// The hop with the listening address it leaves from, so that what we write about ourselves
    /// and where the message really comes from are the same.
    pub(super) fn settled(&self, hop: Hop) -> Hop {
        let fits = |at: &SocketAddr| at.is_ipv4() == hop.peer.is_ipv4();
        let mut own = self.advertise.keys().filter(|(kind, at)| *kind == hop.transport && fits(at));
        Hop { local: hop.local.or_else(|| own.next().map(|(_, at)| *at)), ..hop }
    }

    /// Whether a host in an address means this server.
    pub(super) fn is_ours(&self, host: &Host, local: SocketAddr) -> bool {
        let text = host.to_string();
        let named = |name: &str| name.eq_ignore_ascii_case(&text);
        named(&self.domain)
            || self.aliases.iter().any(|alias| named(alias))
            || host.ip() == Some(local.ip())
            || self.advertise.iter().any(|((_, at), (name, _))| {
                named(name) || host.ip().is_some_and(|ip| ip == at.ip())
            })
    }
}
