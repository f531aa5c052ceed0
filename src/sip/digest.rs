//! Digest authentication, both ways: challenges, answers, and the check of an answer.
//!
//! Only `qop=auth` is asked for; SHA-256 and MD5 are known, with their `-sess` forms when a peer
//! challenges us. Passwords never come here to be checked: a credential is the pair of hashes
//! that both algorithms begin with ([`Ha1`]). Nonces, their age and the rise of `nc` belong to
//! whoever keeps them. Sources: RFC 3261 section 22, RFC 7616, RFC 8760.

use std::borrow::Cow;
use std::fmt;

use md5::Md5;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::lexer::{is_token_byte, quote, quoted, trim, unescape};
use super::message::Method;

/// What a user's name, realm and password hash to: all that is needed to check or to answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    pub md5: [u8; 16],
    pub sha256: [u8; 32],
}

impl Ha1 {
    /// Hashes `user:realm:password` both ways.
    pub fn new(user: &str, realm: &str, password: &str) -> Ha1 {
        let text = format!("{user}:{realm}:{password}");
        Ha1 { md5: Md5::digest(&text).into(), sha256: Sha256::digest(&text).into() }
    }

    fn of(&self, algorithm: Algorithm) -> &[u8] {
        match algorithm {
            Algorithm::Md5 | Algorithm::Md5Sess => &self.md5,
            Algorithm::Sha256 | Algorithm::Sha256Sess => &self.sha256,
        }
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// How the hashes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
}

impl Algorithm {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    fn find(name: &str) -> Option<Algorithm> {
        let all = [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess];
        all.into_iter().find(|own| own.as_str().eq_ignore_ascii_case(name))
    }

    fn hash(self, text: &str) -> String {
        #[cfg(test)]
        super::work::done();
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hex(&Md5::digest(text)),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&Sha256::digest(text)),
        }
    }
}

/// Why an authentication header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDigest {
    /// Another scheme than Digest: try the next header.
    #[error("not Digest")]
    Scheme,
    /// An algorithm or a qop we do not know: try the next header.
    #[error("unknown algorithm or qop")]
    Unsupported,
    /// A parameter is missing, repeated or not readable.
    #[error("malformed")]
    Malformed,
}

/// What a server asks for: one WWW-Authenticate or Proxy-Authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub algorithm: Algorithm,
    /// False for servers older than qop: no `nc`, no `cnonce` in the answer (RFC 2069).
    pub qop_auth: bool,
    /// The nonce was too old, the password was right.
    pub stale: bool,
}

impl Challenge {
    /// Reads the value of the header.
    pub fn read(text: &str) -> Result<Challenge, BadDigest> {
        let params = Pairs::read(text)?;
        let algorithm = params.get("algorithm").unwrap_or("MD5".into());
        let qop = params.get("qop");
        let qops = qop.as_deref().unwrap_or_default().split(',').map(trim);
        let qop_auth = qops.into_iter().any(|one| one.eq_ignore_ascii_case("auth"));
        if qop.is_some() && !qop_auth {
            return Err(BadDigest::Unsupported);
        }
        let algorithm = Algorithm::find(&algorithm).ok_or(BadDigest::Unsupported)?;
        if !qop_auth && matches!(algorithm, Algorithm::Md5Sess | Algorithm::Sha256Sess) {
            return Err(BadDigest::Unsupported);
        }
        Ok(Challenge {
            realm: params.need("realm")?,
            nonce: params.need("nonce")?,
            opaque: params.get("opaque").map(Cow::into_owned),
            algorithm,
            qop_auth,
            stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of the header.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(192);
        out.push_str("Digest realm=");
        quote(&self.realm, &mut out);
        out.push_str(", nonce=");
        quote(&self.nonce, &mut out);
        if let Some(opaque) = &self.opaque {
            out.push_str(", opaque=");
            quote(opaque, &mut out);
        }
        out.push_str(", algorithm=");
        out.push_str(self.algorithm.as_str());
        if self.qop_auth {
            out.push_str(", qop=\"auth\"");
        }
        if self.stale {
            out.push_str(", stale=true");
        }
        out
    }

    /// The first of several challenges that can be answered: the server lists them in the order
    /// it likes them (RFC 8760 section 2.4).
    pub fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
        headers.into_iter().find_map(|text| Challenge::read(text).ok())
    }
}

/// What proves a client's password: one Authorization or Proxy-Authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub realm: String,
    pub nonce: String,
    /// The request address as the client hashed it.
    pub uri: String,
    pub algorithm: Algorithm,
    pub opaque: Option<String>,
    /// `None` for clients older than qop.
    pub qop: Option<Qop>,
    /// Hex digits.
    response: String,
}

/// What `qop=auth` adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qop {
    /// How many requests used this nonce, this one counted.
    pub nc: u32,
    pub cnonce: String,
}

impl Credentials {
    /// Reads the value of the header.
    pub fn read(text: &str) -> Result<Credentials, BadDigest> {
        let params = Pairs::read(text)?;
        let algorithm = params.get("algorithm").unwrap_or("MD5".into());
        let qop = match params.get("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let nc = params.need("nc")?;
                let right = nc.len() == 8 && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
                let nc = u32::from_str_radix(&nc, 16).ok().filter(|_| right);
                let nc = nc.ok_or(BadDigest::Malformed)?;
                Some(Qop { nc, cnonce: params.need("cnonce")? })
            }
            Some(_) => return Err(BadDigest::Unsupported),
        };
        let algorithm = Algorithm::find(&algorithm).ok_or(BadDigest::Unsupported)?;
        if qop.is_none() && matches!(algorithm, Algorithm::Md5Sess | Algorithm::Sha256Sess) {
            return Err(BadDigest::Malformed);
        }
        Ok(Credentials {
            username: params.need("username")?,
            realm: params.need("realm")?,
            nonce: params.need("nonce")?,
            uri: params.need("uri")?,
            algorithm,
            opaque: params.get("opaque").map(Cow::into_owned),
            qop,
            response: params.need("response")?,
        })
    }

    /// Answers a challenge. `cnonce` is fresh and random; `nc` counts the uses of the nonce from 1.
    pub fn answer(challenge: &Challenge, by: &Signer<'_>, cnonce: &str, nc: u32) -> Credentials {
        let mut credentials = Credentials {
            username: by.user.to_owned(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: by.uri.to_owned(),
            algorithm: challenge.algorithm,
            opaque: challenge.opaque.clone(),
            qop: challenge.qop_auth.then(|| Qop { nc, cnonce: cnonce.to_owned() }),
            response: String::new(),
        };
        credentials.response = credentials.expected(by.ha1, by.method);
        credentials
    }

    /// Says whether the password behind `ha1` made this answer to a request of that method, in
    /// the same time for every answer of the right length. Only answers with `qop=auth` count.
    pub fn verify(&self, ha1: &Ha1, method: Method) -> bool {
        let expected = self.expected(ha1, method);
        let given = self.response.to_ascii_lowercase();
        let same = bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
        same && self.qop.is_some()
    }

    /// The value of the header.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(320);
        out.push_str("Digest");
        let quoted = [
            (" username=", &self.username),
            (", realm=", &self.realm),
            (", nonce=", &self.nonce),
            (", uri=", &self.uri),
            (", response=", &self.response),
        ];
        for (name, value) in quoted {
            out.push_str(name);
            quote(value, &mut out);
        }
        if let Some(opaque) = &self.opaque {
            out.push_str(", opaque=");
            quote(opaque, &mut out);
        }
        out.push_str(", algorithm=");
        out.push_str(self.algorithm.as_str());
        if let Some(qop) = &self.qop {
            out.push_str(", qop=auth, nc=");
            out.push_str(&format!("{:08x}, cnonce=", qop.nc));
            quote(&qop.cnonce, &mut out);
        }
        out
    }

    /// The response that belongs to these parameters, in hex (RFC 7616 section 3.4.1).
    fn expected(&self, ha1: &Ha1, method: Method) -> String {
        let algorithm = self.algorithm;
        let mut first = hex(ha1.of(algorithm));
        if let (Algorithm::Md5Sess | Algorithm::Sha256Sess, Some(qop)) = (algorithm, &self.qop) {
            first = algorithm.hash(&format!("{first}:{}:{}", self.nonce, qop.cnonce));
        }
        let second = algorithm.hash(&format!("{}:{}", method.as_str(), self.uri));
        let nonce = &self.nonce;
        match &self.qop {
            Some(Qop { nc, cnonce }) => {
                algorithm.hash(&format!("{first}:{nonce}:{nc:08x}:{cnonce}:auth:{second}"))
            }
            None => algorithm.hash(&format!("{first}:{nonce}:{second}")),
        }
    }
}

/// Who answers a challenge, for which request.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    pub user: &'a str,
    pub ha1: &'a Ha1,
    pub method: Method,
    /// The request address, as written in the request line.
    pub uri: &'a str,
}

/// The parameters of an authentication header, read but not resolved.
struct Pairs<'a> {
    /// Names; values without quotes, escapes kept.
    pairs: Vec<(&'a str, &'a str)>,
}

/// Most parameters of one header. Known ones are 13.
const PAIRS_MAX: usize = 32;

impl<'a> Pairs<'a> {
    fn read(text: &'a str) -> Result<Pairs<'a>, BadDigest> {
        let text = trim(text);
        let (scheme, rest) = text.split_once([' ', '\t']).ok_or(BadDigest::Scheme)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(BadDigest::Scheme);
        }
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(12);
        let mut rest = trim(rest);
        while !rest.is_empty() {
            let (name, value, after) = pair(rest).ok_or(BadDigest::Malformed)?;
            let twice = pairs.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
            if twice || pairs.len() >= PAIRS_MAX {
                return Err(BadDigest::Malformed);
            }
            pairs.push((name, value));
            rest = after;
        }
        Ok(Pairs { pairs })
    }

    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = self.pairs.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| unescape(value))
    }

    fn need(&self, name: &str) -> Result<String, BadDigest> {
        self.get(name).map(Cow::into_owned).ok_or(BadDigest::Malformed)
    }
}

/// Takes `name=value` and the comma behind it from the front; gives what follows.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let name = trim(name);
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return None;
    }
    let rest = trim(rest);
    let (value, rest) = match quoted(rest) {
        Some(split) => split,
        None if rest.starts_with('"') => return None,
        None => {
            let (value, rest) = rest.split_at_checked(rest.find(',').unwrap_or(rest.len()))?;
            let value = trim(value);
            if value.is_empty() || value.contains([' ', '\t', '"']) {
                return None;
            }
            (value, rest)
        }
    };
    let rest = trim(rest);
    match rest.strip_prefix(',') {
        Some(rest) => Some((name, value, trim(rest))),
        None if rest.is_empty() => Some((name, value, "")),
        None => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
