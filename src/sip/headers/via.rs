//! The Via header: where a response goes back to.
//!
//! Sources: RFC 3261 sections 18.2 and 20.42, RFC 3581 (rport), RFC 5118 section 4.5 (`received`
//! with and without brackets).

use core::net::{IpAddr, SocketAddr};

use super::BadHeader;
use crate::sip::lexer::{is_token, trim};
use crate::sip::params::Params;
use crate::sip::uri::{Host, read_place, read_port, write_number};

/// One Via. Unknown transports are kept: only the topmost one is ever used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or whatever was written, in upper case.
    pub transport: Box<str>,
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
}

/// How the branch of everybody who keeps to RFC 3261 begins (section 8.1.1.7).
const COOKIE: &str = "z9hG4bK";

impl Via {
    /// A Via of ours, with an empty `rport` so that the answer finds its way through NAT.
    pub fn ours(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Via {
        let mut params = Params::default();
        params.push("rport", None);
        params.push("branch", Some(branch));
        Via { transport: transport.into(), host, port, params }
    }

    /// Reads `SIP/2.0/UDP host:port;params`, blanks allowed around the slashes and the colon.
    pub fn read(text: &str) -> Result<Via, BadHeader> {
        let (mut via, version, params) = place(text)?;
        if version != "2.0" {
            return Err(BadHeader::Via);
        }
        if !params.is_empty() {
            via.params = Params::read(params).map_err(|_| BadHeader::Via)?;
        }
        Ok(via)
    }

    /// Says whether everything before the parameters can be read, of whatever version: enough to
    /// give the line back in a refusal.
    pub(in crate::sip) fn is_answerable(text: &str) -> bool {
        place(text).is_ok()
    }

    /// The branch; empty when there is none.
    pub fn branch(&self) -> &str {
        self.params.get("branch").unwrap_or_default()
    }

    /// Says whether the branch alone names the transaction: it begins with the cookie of
    /// RFC 3261 and something follows.
    pub fn has_cookie(&self) -> bool {
        let start = self.branch().get(..COOKIE.len());
        self.branch().len() > COOKIE.len()
            && start.is_some_and(|start| start.eq_ignore_ascii_case(COOKIE))
    }

    /// Where the request really came from, as the next hop wrote it down.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().ok()
    }

    /// The port it really came from; `None` when absent or empty.
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport").and_then(|port| read_port(port).ok())
    }

    /// Writes down where the request came from: `received` when it differs from the sent-by or
    /// when `rport` was asked for, and the port then too (RFC 3581 section 4).
    pub fn came_from(&mut self, source: SocketAddr) {
        let asked = self.params.has("rport");
        // What the sender wrote there himself is a lie or a mistake.
        self.params.remove("received");
        if asked {
            let mut port = String::new();
            write_number(u32::from(source.port()), &mut port);
            self.params.set("rport", Some(&port));
        }
        let ip = source.ip().to_canonical();
        if asked || self.host.ip().map(|host| host.to_canonical()) != Some(ip) {
            self.params.push("received", Some(&ip.to_string()));
        }
    }

    /// Says whether both were sent by the same place (RFC 3261 section 17.2.3).
    pub fn same_sender(&self, other: &Via) -> bool {
        self.host.same(&other.host) && self.port == other.port
    }

    /// Appends the value of the header.
    pub fn write(&self, out: &mut String) {
        out.push_str("SIP/2.0/");
        out.push_str(&self.transport);
        out.push(' ');
        self.host.write(out);
        if let Some(port) = self.port {
            out.push(':');
            write_number(u32::from(port), out);
        }
        out.push_str(self.params.as_str());
    }
}

/// Reads what stands before the parameters; gives it, the version, and the parameters' text.
fn place(text: &str) -> Result<(Via, &str, &str), BadHeader> {
    let (name, rest) = text.split_once('/').ok_or(BadHeader::Via)?;
    let (version, rest) = rest.split_once('/').ok_or(BadHeader::Via)?;
    let rest = trim(rest);
    let (transport, rest) = rest.split_once([' ', '\t']).ok_or(BadHeader::Via)?;
    if !trim(name).eq_ignore_ascii_case("SIP") || !is_token(transport) {
        return Err(BadHeader::Via);
    }
    let end = memchr::memchr(b';', rest.as_bytes()).unwrap_or(rest.len());
    let (sent_by, params) = rest.split_at_checked(end).ok_or(BadHeader::Via)?;
    let sent_by = trim(sent_by);
    let place = if sent_by.contains([' ', '\t']) {
        // A blank is allowed around the colon only: `a b` is no host.
        let parts: Vec<&str> = sent_by.split(':').map(trim).collect();
        if parts.iter().any(|part| part.contains([' ', '\t'])) {
            return Err(BadHeader::Via);
        }
        read_place(&parts.join(":"))
    } else {
        read_place(sent_by)
    };
    let (host, port) = place.map_err(|_| BadHeader::Via)?;
    let lower = transport.bytes().any(|byte| byte.is_ascii_lowercase());
    let transport = if lower { transport.to_ascii_uppercase().into() } else { transport.into() };
    Ok((Via { transport, host, port, params: Params::default() }, trim(version), params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Via {
        Via::read(text).unwrap_or_else(|bad| panic!("{text}: {bad}"))
    }

    fn written(via: &Via) -> String {
        let mut out = String::new();
        via.write(&mut out);
        out
    }

    #[test]
    fn blanks_around_the_parts_do_not_count() {
        let one = via("SIP  / 2.0  / TCP     spindle.example.com  : 5061 ;  branch  =   z9hG4bK9i");
        assert_eq!(written(&one), "SIP/2.0/TCP spindle.example.com:5061;branch=z9hG4bK9i");
        assert!(one.has_cookie());
        assert!(!via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").has_cookie());
        assert!(!via("SIP/2.0/UDP 192.0.2.1").has_cookie());
    }

    #[test]
    fn received_is_read_with_and_without_brackets() {
        let with = via("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK1");
        let without = via("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK1");
        assert_eq!(with.received(), Some("2001:db8::9:255".parse().unwrap()));
        assert_eq!(with.received(), without.received());
    }

    #[test]
    fn the_source_is_written_down_when_it_differs_or_was_asked_for() {
        let source = "192.0.2.7:1040".parse().unwrap();
        let mut asked = via("SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1;received=6.6.6.6");
        asked.came_from(source);
        assert_eq!(asked.received(), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(asked.rport(), Some(1040));
        let mut same = via("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1");
        same.came_from(source);
        assert_eq!(written(&same), "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1");
        let mut named = via("SIP/2.0/UDP a.example;branch=z9hG4bK1");
        named.came_from(source);
        assert_eq!(written(&named), "SIP/2.0/UDP a.example;branch=z9hG4bK1;received=192.0.2.7");
    }

    #[test]
    fn broken_ones_are_refused() {
        let texts = [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/1.0/UDP a",
            "HTTP/2.0/UDP a",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP a;;",
            "SIP/2.0/UDP a:0",
            "SIP/2.0/U@P a",
            "SIP/2.0/UDP 2001:db8::1",
        ];
        for text in texts {
            assert_eq!(Via::read(text), Err(BadHeader::Via), "{text}");
        }
    }
}
