//! Addresses: `sip:`, `sips:` and `tel:`, and other schemes kept as they are.
//!
//! The reader is ours because a URI from the wire decides whom a call reaches: the user part may
//! hold `;` and `?`, so the `@` is looked for from the end; IPv6 stands in brackets; headers
//! after `?` are kept apart and never acted on by themselves.
//! Sources: RFC 3261 sections 19.1 and 25.1, RFC 3966, RFC 5118 (IPv6), RFC 5954 (its grammar).

use std::borrow::Cow;
use std::fmt;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::params::Params;

/// How an address begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// Any other, in lower case: what follows the colon is kept whole in [`Uri::user`].
    Other(Box<str>),
}

impl Scheme {
    /// The name in lower case, without the colon.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(name) => name,
        }
    }
}

/// Where an address points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// `tel:` and foreign schemes have none.
    None,
    /// A domain name as written; compared without regard to case.
    Name(Box<str>),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a name, an IPv4 address or an IPv6 address in brackets.
    ///
    /// An IPv6 address with the three colons that the grammar of RFC 3261 allowed by mistake is
    /// read as if it had two (RFC 5118 section 4.10). Fails on anything else, zones included.
    pub fn read(text: &str) -> Result<Host, BadUri> {
        if let Some(inner) = text.strip_prefix('[') {
            return ipv6(inner.strip_suffix(']').ok_or(BadUri::Host)?).map(Host::V6);
        }
        let known =
            text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if text.is_empty() || text.len() > HOST_BYTES_MAX || !known {
            return Err(BadUri::Host);
        }
        if let Ok(address) = text.parse() {
            return Ok(Host::V4(address));
        }
        let mut labels = text.strip_suffix('.').unwrap_or(text).rsplit('.');
        let top = labels.next().unwrap_or_default();
        let broken = !top.starts_with(|letter: char| letter.is_ascii_alphabetic())
            || labels.any(str::is_empty);
        if broken { Err(BadUri::Host) } else { Ok(Host::Name(text.into())) }
    }

    /// The address when the host is one and needs no DNS.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::V4(address) => Some(IpAddr::V4(*address)),
            Host::V6(address) => Some(IpAddr::V6(*address)),
            Host::None | Host::Name(_) => None,
        }
    }

    /// Says whether both name the same place: names without regard to case.
    pub fn same(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(one), Host::Name(two)) => one.eq_ignore_ascii_case(two),
            (Host::None, Host::None) => true,
            (Host::V4(one), Host::V4(two)) => one == two,
            (Host::V6(one), Host::V6(two)) => one == two,
            (Host::None | Host::Name(_) | Host::V4(_) | Host::V6(_), _) => false,
        }
    }

    /// Appends the host, IPv6 in brackets.
    pub fn write(&self, out: &mut String) {
        use fmt::Write as _;
        // Writing into a text cannot fail.
        let _ = match self {
            Host::None => Ok(()),
            Host::Name(name) => out.write_str(name),
            Host::V4(address) => write!(out, "{address}"),
            Host::V6(address) => write!(out, "[{address}]"),
        };
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Host {
        match address {
            IpAddr::V4(address) => Host::V4(address),
            IpAddr::V6(address) => Host::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

/// The longest name that DNS can hold. A larger bound would only let nonsense through.
const HOST_BYTES_MAX: usize = 253;

/// An address. `Debug` hides the user, which is a telephone number more often than not.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    pub scheme: Scheme,
    /// As written, escapes kept. The number of a `tel:`; all of a foreign scheme.
    pub user: Option<String>,
    pub password: Option<String>,
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
    /// What follows `?`, as written and checked, without the `?`; mostly empty.
    pub headers: String,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUri {
    #[error("no scheme")]
    Scheme,
    #[error("malformed user")]
    User,
    #[error("malformed host")]
    Host,
    #[error("malformed port")]
    Port,
    #[error("malformed parameters")]
    Params,
    #[error("malformed headers")]
    Headers,
}

impl Uri {
    /// An address of a user, or of a host itself when there is none.
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Uri {
        Uri {
            scheme: Scheme::Sip,
            user: user.map(escape_user),
            password: None,
            host,
            port,
            params: Params::default(),
            headers: String::new(),
        }
    }

    /// Reads an address without brackets and blanks around it. Fails as [`BadUri`] says.
    pub fn read(text: &str) -> Result<Uri, BadUri> {
        let (scheme, rest) = text.split_once(':').ok_or(BadUri::Scheme)?;
        let scheme = read_scheme(scheme)?;
        if text.bytes().any(|b| b <= b' ' || matches!(b, b'<' | b'>' | b'"' | 0x7f)) {
            return Err(BadUri::User);
        }
        match scheme {
            Scheme::Sip | Scheme::Sips => read_sip(scheme, rest),
            Scheme::Tel => read_tel(rest),
            Scheme::Other(_) if rest.is_empty() => Err(BadUri::User),
            Scheme::Other(_) => Ok(opaque(scheme, rest, Params::default())),
        }
    }

    /// The user with its escapes resolved; bytes that are not UTF-8 then become `U+FFFD`.
    pub fn user_text(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(unescape_percent)
    }

    /// Says whether a SIP message may be addressed to it at all.
    pub fn is_callable(&self) -> bool {
        match self.scheme {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => true,
            Scheme::Other(_) => false,
        }
    }

    /// The headers after `?`: names and values with escapes resolved.
    pub fn header_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let pairs = self.headers.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape_percent(name), unescape_percent(value))
        })
    }

    /// Appends the address without brackets.
    pub fn write(&self, out: &mut String) {
        out.push_str(self.scheme.as_str());
        out.push(':');
        if let Some(user) = &self.user {
            out.push_str(user);
            if let Some(password) = &self.password {
                out.push(':');
                out.push_str(password);
            }
            if self.host != Host::None {
                out.push('@');
            }
        }
        self.host.write(out);
        if let Some(port) = self.port {
            out.push(':');
            write_number(u32::from(port), out);
        }
        out.push_str(self.params.as_str());
        if !self.headers.is_empty() {
            out.push('?');
            out.push_str(&self.headers);
        }
    }

    /// The address as text, user and all: for the wire and the journal, not for logs.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(64);
        self.write(&mut text);
        text
    }

    /// Says whether two addresses are the same by the rules of RFC 3261 section 19.1.4.
    ///
    /// Users and passwords count case, hosts do not; a port, transport, user, ttl, method or
    /// maddr that only one has makes them differ; other parameters count only when both have
    /// them; headers always count. For `tel:` RFC 3966 section 4: separators do not count.
    pub fn same(&self, other: &Uri) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Tel => {
                let digits = |uri: &Uri| plain_number(uri.user.as_deref().unwrap_or_default());
                digits(self) == digits(other)
                    && all_params_in(self, other)
                    && all_params_in(other, self)
            }
            Scheme::Other(_) => self.user == other.user,
            Scheme::Sip | Scheme::Sips => {
                same_escaped(self.user.as_deref(), other.user.as_deref())
                    && same_escaped(self.password.as_deref(), other.password.as_deref())
                    && self.host.same(&other.host)
                    && self.port == other.port
                    && same_params(self, other)
                    && same_headers(self, other)
            }
        }
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.user.is_some() { "…@" } else { "" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}:{user}{}{port}", self.scheme.as_str(), self.host)
    }
}

/// Appends a number in decimal.
pub(super) fn write_number(number: u32, out: &mut String) {
    use fmt::Write as _;
    // Writing into a text cannot fail.
    let _ = write!(out, "{number}");
}

fn read_scheme(text: &str) -> Result<Scheme, BadUri> {
    if text.eq_ignore_ascii_case("sip") {
        return Ok(Scheme::Sip);
    }
    if text.eq_ignore_ascii_case("sips") {
        return Ok(Scheme::Sips);
    }
    if text.eq_ignore_ascii_case("tel") {
        return Ok(Scheme::Tel);
    }
    let letter = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let known = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if letter && known {
        Ok(Scheme::Other(text.to_ascii_lowercase().into()))
    } else {
        Err(BadUri::Scheme)
    }
}

fn opaque(scheme: Scheme, user: &str, params: Params) -> Uri {
    let user = Some(user.to_owned());
    Uri {
        scheme,
        user,
        password: None,
        host: Host::None,
        port: None,
        params,
        headers: String::new(),
    }
}

fn read_tel(rest: &str) -> Result<Uri, BadUri> {
    let (number, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    let body = number.strip_prefix('+').unwrap_or(number);
    let dialled =
        |b: u8| b.is_ascii_hexdigit() || matches!(b, b'*' | b'#' | b'-' | b'.' | b'(' | b')');
    if body.is_empty() || !body.bytes().all(dialled) || plain_number(body).is_empty() {
        return Err(BadUri::User);
    }
    let params = Params::read(params).map_err(|_| BadUri::Params)?;
    Ok(opaque(Scheme::Tel, number, params))
}

fn read_sip(scheme: Scheme, rest: &str) -> Result<Uri, BadUri> {
    let (userinfo, rest) = match rest.rsplit_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (user, password) = match userinfo.map(|info| info.split_once(':').ok_or(info)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(read_user(user)?), Some(read_user_part(password)?)),
        Some(Err(user)) => (Some(read_user(user)?), None),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, read_headers(headers)?),
        None => (rest, String::new()),
    };
    let (place, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
    let (host, port) = read_place(place)?;
    let params = match params {
        "" => Params::default(),
        some => Params::read(some).map_err(|_| BadUri::Params)?,
    };
    Ok(Uri { scheme, user, password, host, port, params, headers })
}

fn read_user(text: &str) -> Result<String, BadUri> {
    if text.is_empty() { Err(BadUri::User) } else { read_user_part(text) }
}

fn read_user_part(text: &str) -> Result<String, BadUri> {
    if text.contains('@') || !escapes_are_whole(text) {
        Err(BadUri::User)
    } else {
        Ok(text.to_owned())
    }
}

fn read_headers(text: &str) -> Result<String, BadUri> {
    let whole = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| !name.is_empty());
    let right = text.split('&').all(whole) && escapes_are_whole(text);
    if right { Ok(text.to_owned()) } else { Err(BadUri::Headers) }
}

/// Reads `host` or `host:port`; blanks around the colon are the caller's business.
pub(super) fn read_place(text: &str) -> Result<(Host, Option<u16>), BadUri> {
    let host_len = match text.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or(BadUri::Host)? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(host_len).ok_or(BadUri::Host)?;
    let port = match port.strip_prefix(':') {
        Some(port) => Some(read_port(port)?),
        None if port.is_empty() => None,
        None => return Err(BadUri::Host),
    };
    Ok((Host::read(host)?, port))
}

/// Reads a port, 1 to 65535.
pub(super) fn read_port(text: &str) -> Result<u16, BadUri> {
    let port = super::lexer::digits(text).and_then(|port| u16::try_from(port).ok());
    port.filter(|port| *port > 0).ok_or(BadUri::Port)
}

/// Reads an IPv6 address without brackets, three colons for two allowed.
pub(super) fn ipv6(text: &str) -> Result<Ipv6Addr, BadUri> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let mended = text.replacen(":::", "::", 1);
    if mended.len() == text.len() {
        Err(BadUri::Host)
    } else {
        mended.parse().map_err(|_| BadUri::Host)
    }
}

/// Says whether every `%` is followed by two hex digits.
fn escapes_are_whole(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'%', rest) {
        let hex = rest.get(at + 1..at + 3);
        if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    true
}

/// Resolves `%HH`; an escape that is not whole stays as it is.
pub(super) fn unescape_percent(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = |at: usize| more.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = more.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    Cow::Owned(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

/// Writes a user as the grammar wants it: what it does not allow becomes `%HH`.
fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            use fmt::Write as _;
            // Writing into a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A number without the marks that people put between its digits (RFC 3966 section 3).
fn plain_number(text: &str) -> String {
    let digits = text.chars().filter(|letter| !matches!(letter, '-' | '.' | '(' | ')'));
    digits.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn same_escaped(one: Option<&str>, two: Option<&str>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => one == two || unescape_percent(one) == unescape_percent(two),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn all_params_in(one: &Uri, two: &Uri) -> bool {
    one.params.iter().all(|(name, _)| same_param(one, two, name))
}

fn same_param(one: &Uri, two: &Uri, name: &str) -> bool {
    match (one.params.get(name), two.params.get(name)) {
        (Some(one), Some(two)) => {
            unescape_percent(one).eq_ignore_ascii_case(&unescape_percent(two))
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => false,
    }
}

/// Parameters that count even when only one address has them (RFC 3261 section 19.1.4).
const DECIDING: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];

fn same_params(one: &Uri, two: &Uri) -> bool {
    let shared = |name: &str| !two.params.has(name) || same_param(one, two, name);
    one.params.iter().all(|(name, _)| shared(name))
        && DECIDING.iter().all(|name| one.params.has(name) == two.params.has(name))
}

fn same_headers(one: &Uri, two: &Uri) -> bool {
    let sorted = |uri: &Uri| {
        let pairs = uri.header_pairs();
        let mut pairs: Vec<_> =
            pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
        pairs.sort();
        pairs
    };
    (one.headers.is_empty() && two.headers.is_empty()) || sorted(one) == sorted(two)
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
