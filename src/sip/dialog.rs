//! What two ends agree on for the length of a call (RFC 3261 section 12).

use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::compose::Draft;
use super::headers::NameAddr;
use super::ids::{COOKIE, hex};
use super::io::{Flow, Hop, Transport};
use super::settings::StackSettings;
use super::uri::{Scheme, Uri};

/// What we write in every request of ours: RFC 3261 section 8.1.1.6.
pub(super) const MAX_FORWARDS: u8 = 70;

/// The longest route set we follow; the reader of messages allows no more either.
const ROUTES_MAX: usize = 64;

/// One dialog, or one that is about to be.
///
/// Everything is kept as the text it is written as, so that a request costs no formatting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dialog {
    pub(super) call_id: Box<str>,
    pub(super) local_tag: u64,
    /// Empty until the peer has named itself.
    pub(super) remote_tag: Box<str>,
    /// Our side of From or To, without the tag.
    pub(super) local: Box<str>,
    /// Their side, without the tag.
    pub(super) remote: Box<str>,
    /// The number of our last request.
    pub(super) local_seq: u32,
    /// The number of their last request.
    pub(super) remote_seq: Option<u32>,
    /// Their Contact: the request URI.
    pub(super) target: Box<str>,
    /// The route set, nearest first.
    pub(super) routes: Vec<Box<str>>,
    /// Where our requests go.
    pub(super) hop: Hop,
    /// Where the peer was last heard: what it sends must come from there.
    pub(super) heard: Hop,
    /// Whether addresses in Contact and Route can be reached as they are written; false when
    /// the peer is behind NAT, and then the learned flow is used.
    pub(super) straight: bool,
}

impl Dialog {
    /// Begins a request inside the dialog; `cseq` is its number.
    pub(super) fn request(
        &self,
        method: &str,
        branch: u64,
        cseq: u32,
        settings: &StackSettings,
    ) -> Draft {
        self.request_of(method, branch, cseq, settings, MAX_FORWARDS)
    }

    /// As `request`, with this many hops left.
    pub(super) fn request_of(
        &self,
        method: &str,
        branch: u64,
        cseq: u32,
        settings: &StackSettings,
        hops: u8,
    ) -> Draft {
        let strict = self.routes.first().filter(|route| !is_loose(route));
        let uri = strict.map_or(&*self.target, |route| bare(route));
        let mut draft = Draft::request(method, uri);
        via(&mut draft, settings, self.hop, branch);
        draft.count("Max-Forwards", u64::from(hops));
        for route in self.routes.iter().skip(usize::from(strict.is_some())) {
            draft.line("Route", route);
        }
        if strict.is_some() {
            draft.parts("Route", &["<", &self.target, ">"]); // RFC 3261 section 12.2.1.1
        }
        self.parties(&mut draft);
        draft.parts("CSeq", &[&cseq.to_string(), " ", method]);
        draft
    }

    /// From, To and Call-ID.
    fn parties(&self, draft: &mut Draft) {
        draft.parts("From", &[&self.local, ";tag=", &hex(self.local_tag)]);
        if self.remote_tag.is_empty() {
            draft.line("To", &self.remote);
        } else {
            draft.parts("To", &[&self.remote, ";tag=", &self.remote_tag]);
        }
        draft.line("Call-ID", &self.call_id);
    }

    /// Our Contact: it names the dialog, so that nothing of the other leg shows in it.
    pub(super) fn contact(&self, settings: &StackSettings) -> String {
        contact(settings, &hex(self.local_tag), self.hop)
    }

    /// Takes the peer's new Contact (a target refresh). Says whether anything changed.
    pub(super) fn refresh(&mut self, target: &Uri) -> bool {
        let mut plain = target.clone();
        plain.headers.clear(); // they were never meant for a request URI
        let text = plain.to_text();
        if *text == *self.target {
            return false;
        }
        self.target = text.into();
        self.aim();
        true
    }

    /// Takes the route set of the message that opened the dialog, nearest first.
    pub(super) fn set_routes(&mut self, routes: impl Iterator<Item = String>) {
        self.routes = routes.take(ROUTES_MAX).map(String::into_boxed_str).collect();
        self.aim();
    }

    /// Works out where requests go: the first route or the target when that is an address we
    /// can reach, else the way the peer was heard over. Names are never looked up here.
    pub(super) fn aim(&mut self) {
        let first = self.routes.first().map_or(&*self.target, |route| bare(route));
        self.hop = match Uri::read(first) {
            Ok(uri) if self.straight => literal(&uri, self.heard),
            Ok(_) | Err(_) => self.heard,
        };
    }

    /// The peer was heard over this flow, and is believed.
    pub(super) fn hear(&mut self, flow: Flow) -> bool {
        let heard = flow.hop();
        if self.heard == heard {
            return false;
        }
        self.heard = heard;
        self.aim();
        true
    }

    /// Whether a message over this flow comes from where the peer was heard, or from where our
    /// own requests go.
    pub(super) fn comes_from_peer(&self, flow: Flow) -> bool {
        let same = |hop: &Hop| {
            hop.transport == flow.transport
                && match hop.connection {
                    Some(connection) => connection == flow.connection,
                    None => hop.peer == flow.peer,
                }
        };
        same(&self.heard) || same(&self.hop)
    }
}

/// Writes our Via for a request to `hop`.
pub(super) fn via(draft: &mut Draft, settings: &StackSettings, hop: Hop, branch: u64) {
    let here = settings.written(hop.transport, hop.local);
    draft.parts(
        "Via",
        &["SIP/2.0/", hop.transport.via(), " ", &here, ";branch=", COOKIE, &hex(branch), ";rport"],
    );
}

/// Our Contact with this user for a peer at `hop`.
pub(super) fn contact(settings: &StackSettings, user: &str, hop: Hop) -> String {
    let here = settings.written(hop.transport, hop.local);
    match hop.transport {
        Transport::Udp => format!("<sip:{user}@{here}>"),
        Transport::Tcp | Transport::Ws => {
            format!("<sip:{user}@{here};transport={}>", hop.transport.param())
        }
        // `transport=tls` is deprecated (RFC 3261 section 26.2.2), but every telephone writes it.
        Transport::Tls => format!("<sip:{user}@{here};transport=tls>"),
        Transport::Wss => format!("<sip:{user}@{here};transport=ws>"),
    }
}

/// The address inside the brackets of a route.
fn bare(route: &str) -> &str {
    let Some((_, rest)) = route.split_once('<') else { return route };
    rest.split_once('>').map_or(rest, |(uri, _)| uri)
}

/// Whether a route's server leaves the request URI alone (RFC 3261 section 19.1.1).
fn is_loose(route: &str) -> bool {
    bare(route).to_ascii_lowercase().split(';').skip(1).any(|p| p == "lr" || p.starts_with("lr="))
}

/// Where an address points when it needs no DNS and speaks the same transport; else `heard`.
fn literal(uri: &Uri, heard: Hop) -> Hop {
    let Some(ip) = uri.host.ip() else { return heard };
    let port = uri.port.unwrap_or_else(|| heard.transport.port());
    let peer = SocketAddr::new(ip, port);
    let secure = uri.scheme == Scheme::Sips && heard.transport != Transport::Tls;
    if peer == heard.peer || secure || is_other(uri, heard.transport) {
        return heard;
    }
    // A stream that is open to that machine is used further: RFC 5923.
    if heard.connection.is_some() && ip == heard.peer.ip() {
        return heard;
    }
    Hop { peer, connection: None, ..heard }
}

/// Whether the address asks for another transport than this.
fn is_other(uri: &Uri, transport: Transport) -> bool {
    let asked = uri.params.get("transport");
    asked.is_some_and(|asked| !asked.eq_ignore_ascii_case(transport.param()))
}

/// Whether an address means nothing outside its own network.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = matches!(v4.octets(), [100, second, ..] if (64..128).contains(&second));
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a peer heard at `heard` that says it is at `said` can be believed: not when it names
/// a private address from a public one.
pub(super) fn is_straight(said: Option<IpAddr>, heard: IpAddr) -> bool {
    said.is_none_or(|said| said == heard || !is_private(said) || is_private(heard))
}

/// A party's line without its tag.
pub(super) fn untagged(party: &NameAddr) -> Box<str> {
    let mut party = party.clone();
    party.params.remove("tag");
    party.to_text().into()
}
