//! The one way out over HTTP: every request to a CRM, a messenger or a provider goes through here.
//!
//! An address of the configuration may be wrong or hostile, so the guard stands in one place
//! (SECURITY section 2, rule 18): https only, and no host that resolves to a private, loopback or
//! link-local address, unless exactly this `host:port` stands in `outgoing.allow`. Names are
//! resolved by the guard itself and the connection is made to what it saw, so a name cannot
//! answer differently the second time. Redirections are not followed. Only this file names reqwest.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name as HostName, Resolve, Resolving};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is read of an answer. A list of 250 contacts is about 1 MiB; more is somebody's mistake.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// What peers read in `User-Agent`: the product, without a version.
const USER_AGENT: &str = "navbat";

/// The way out; clones share their connections.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    allowed: Arc<BTreeSet<String>>,
}

/// A request.
#[derive(Debug)]
pub struct Call<'a> {
    /// Its verb.
    pub method: Method,
    /// Where to. May hold a secret, so it is never logged.
    pub url: &'a str,
    /// Header names and values. Values may be secrets.
    pub headers: Vec<(&'a str, String)>,
    /// What to send.
    pub body: Body,
    /// How long the whole exchange may take.
    pub within: Duration,
}

/// The verbs in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Changes.
    Patch,
    /// Replaces.
    Put,
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// Bytes of a kind.
    Bytes {
        /// Of the header `Content-Type`.
        kind: &'static str,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The kind of the body, in lower case, without parameters.
    pub kind: String,
    /// Seconds of `Retry-After`, where it is a number.
    pub retry_after: Option<Duration>,
    /// By which the peer finds the request in its own log: `X-Request-Id`, where it is a plain word.
    pub request_id: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The guard refuses the address: a setting to mend, nothing was sent.
    #[error("the address is refused: {0}")]
    Refused(&'static str),
    /// No connection: nothing was sent, so it may be sent again.
    #[error("no connection: {0}")]
    Unreached(String),
    /// The connection broke or the time ran out after sending: nobody knows what came of it.
    #[error("no answer: {0}")]
    Lost(String),
    /// The answer is larger than what is read of one; its effect may have happened.
    #[error("the answer is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
}

impl Body {
    /// A JSON body. A value that cannot be written as JSON is a fault of ours and sent as `null`.
    pub fn json(value: &impl Serialize) -> Body {
        let bytes = serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec());
        Body::Bytes { kind: "application/json", bytes }
    }

    /// A form body of names and values.
    pub fn form(fields: &[(&str, &str)]) -> Body {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Body::Bytes { kind: "application/x-www-form-urlencoded", bytes: text.into_bytes() }
    }
}

impl Answer {
    /// The body as JSON; `None` for HTML, an empty or a cut body.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Whether the status is 2xx.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The first words of the body for a log or a person: one line, 200 letters at most.
    pub fn gist(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.take(200).collect()
    }
}

impl Http {
    /// A way out that may also reach the `host:port`s of `allowed`, over plain HTTP too.
    ///
    /// Fails when TLS cannot be set up on this machine.
    pub fn new(allowed: &[String]) -> Result<Http, String> {
        let allowed: Arc<BTreeSet<String>> =
            Arc::new(allowed.iter().map(|one| one.to_lowercase()).collect());
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .user_agent(USER_AGENT)
            .dns_resolver(Arc::new(Guarded { allowed: allowed.clone() }))
            .build()
            .map_err(|error| told(&error))?;
        Ok(Http { client, allowed })
    }

    /// Sends a request and reads its whole answer.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, NoAnswer> {
        let url = reqwest::Url::parse(call.url).map_err(|_| NoAnswer::Refused("not an address"))?;
        self.guard(&url)?;
        let mut request = self.client.request(call.method.into(), url).timeout(call.within);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Body::Bytes { kind, bytes } = call.body {
            request = request.header("content-type", kind).body(bytes);
        }
        let mut answer = request.send().await.map_err(|error| no_answer(&error))?;
        let status = answer.status().as_u16();
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let kind = header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
        let wait = header("retry-after").and_then(|text| text.trim().parse().ok());
        let retry_after = wait.map(Duration::from_secs);
        let request_id = header("x-request-id").map(str::to_owned).filter(|id| is_plain(id));
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| NoAnswer::Lost(told(&e)))? {
            if body.len() + piece.len() > BODY_BYTES_MAX {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, kind, retry_after, request_id, body })
    }

    fn guard(&self, url: &reqwest::Url) -> Result<(), NoAnswer> {
        let host = url.host_str().ok_or(NoAnswer::Refused("it names no host"))?;
        let port = url.port_or_known_default().unwrap_or(0);
        if self.allowed.contains(&format!("{}:{port}", host.to_lowercase())) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(NoAnswer::Refused("it is not https; see outgoing.allow"));
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) if !is_public(address) => {
                Err(NoAnswer::Refused("it is a private address; see outgoing.allow"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// A resolver that hides private addresses, unless the host may be private.
struct Guarded {
    allowed: Arc<BTreeSet<String>>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: HostName) -> Resolving {
        let host = name.as_str().to_lowercase();
        // The port is not known here; `guard` has let pass only the one that is allowed, or https.
        let private =
            self.allowed.iter().any(|one| one.rsplit_once(':').is_some_and(|(h, _)| h == host));
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let seen = found.len();
            let open: Vec<SocketAddr> =
                found.into_iter().filter(|one| private || is_public(one.ip())).collect();
            if open.is_empty() && seen > 0 {
                return Err("the name leads to a private address; see outgoing.allow".into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is on the open internet (RFC 6890, the blocks a name must not lead to).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b == 18 || b == 19);
            let reserved = a == 0 || a >= 240;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast()
                || v4.is_broadcast()
                || shared
                || benchmark
                || reserved)
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            let [first, second, ..] = v6.segments();
            let local = (first & 0xfe00) == 0xfc00 || (first & 0xffc0) == 0xfe80;
            let embeds = first == 0x64 && second == 0xff9b || first == 0x2002;
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || local || embeds)
        }
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> reqwest::Method {
        match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Put => reqwest::Method::PUT,
        }
    }
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_connect() { NoAnswer::Unreached(told(error)) } else { NoAnswer::Lost(told(error)) }
}

/// What an error says without the address, which may hold a secret.
fn told(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    let mut text =
        if error.is_timeout() { String::from("the time ran out") } else { String::new() };
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    if text.is_empty() { String::from("the exchange failed") } else { text }
}

/// Whether a text from outside may stand in a log as it is: an id, and no number of anybody.
fn is_plain(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&id.len()) && id.bytes().all(plain) && id.bytes().any(|b| !b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_open_internet_is_private() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "100.63.0.1", "172.32.0.1", "2a00:1450::1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn only_an_address_that_is_allowed_may_be_private_or_plain() {
        let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
        let http = Http::new(&[String::from("127.0.0.1:1")]).unwrap();
        let ask = async |url: &str| {
            let call = Call {
                method: Method::Get,
                url,
                headers: Vec::new(),
                body: Body::Empty,
                within: Duration::from_secs(5),
            };
            http.send(call).await
        };
        for refused in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "http://127.0.0.1:2/",
            "file:///etc/passwd",
            "https://2130706433/",
            "https://0x7f.1/",
        ] {
            let answer = ask(refused).await;
            assert!(matches!(answer, Err(NoAnswer::Refused(_))), "{refused}: {answer:?}");
        }
        // A name that leads home is refused when it is resolved, before anything is sent.
        let answer = ask("https://localhost/").await;
        assert!(matches!(answer, Err(NoAnswer::Unreached(_))), "{answer:?}");
        // Allowed, but nobody listens there.
        let answer = ask("http://127.0.0.1:1/").await;
        assert!(matches!(answer, Err(NoAnswer::Unreached(_))), "{answer:?}");
    }
}
