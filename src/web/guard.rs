//! Extractors that let a request in: a handler gets its reader only through one of them.
//!
//! Each names the act that its endpoint is; who may not do it never reaches the handler.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum_extra::extract::CookieJar;
use subtle::ConstantTimeEq;

use super::access::{Act, Reader};
use super::door::{Session, Via};
use super::fault::Fault;
use super::server::Peer;
use super::state::{Site, Web};

/// Name of the session cookie.
pub const COOKIE: &str = "navbat_session";

/// Whether two secrets are equal, in a time that tells nothing about where they differ.
pub fn same_secret(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Where a request really came from, and whether it was encrypted on the way.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The client's address.
    pub address: IpAddr,
    /// Whether passwords may travel: TLS up to us or up to a proxy that is trusted.
    pub encrypted: bool,
}

impl Origin {
    /// Reads the proxy's headers where the peer is a proxy that is trusted.
    pub fn of(parts: &Parts, site: &Site) -> Origin {
        let nobody = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: false };
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or(nobody);
        let direct = Origin { address: peer.address, encrypted: peer.tls };
        if !site.trusted_proxies.contains(&peer.address) {
            return direct;
        }
        let last = |name: &str| {
            let value = parts.headers.get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next().map(|text| text.trim().to_owned())
        };
        let address = last("x-forwarded-for").and_then(|text| text.parse().ok());
        Origin {
            address: address.unwrap_or(peer.address),
            encrypted: peer.tls || last("x-forwarded-proto").as_deref() == Some("https"),
        }
    }
}

impl FromRequestParts<Web> for Origin {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Origin, Fault> {
        Ok(Origin::of(parts, &web.site()))
    }
}

/// Who asks, when they have proved it.
pub async fn session(parts: &Parts, web: &Web) -> Result<Arc<Session>, Fault> {
    let found = match bearer(&parts.headers) {
        Some(token) => web.0.door.by_token(token).await?,
        None => {
            let cookies = CookieJar::from_headers(&parts.headers);
            match cookies.get(COOKIE) {
                Some(cookie) => web.0.door.by_cookie(cookie.value()).await?,
                None => None,
            }
        }
    };
    let session = found.ok_or(Fault::SignIn)?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if session.via == Via::Cookie && !reads {
        let sent = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        if !sent.is_some_and(|sent| same_secret(sent, &session.csrf)) {
            return Err(Fault::Csrf);
        }
    }
    Ok(session)
}

/// The session cookie in the value of a `Cookie` header.
pub fn cookie_in(cookies: &str) -> Option<String> {
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(name, _)| *name == COOKIE);
    own.next().map(|(_, value)| value.to_owned())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a session in when its role may do the act.
pub async fn let_in(parts: &Parts, web: &Web, act: Act) -> Result<Arc<Session>, Fault> {
    let session = session(parts, web).await?;
    if session.reader().may(act) { Ok(session) } else { Err(Fault::Forbidden) }
}

macro_rules! gates {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub struct $name(pub Arc<Reader>);

        impl FromRequestParts<Web> for $name {
            type Rejection = Fault;

            async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<$name, Fault> {
                Ok($name(let_in(parts, web, Act::$name).await?.reader()))
            }
        }
    )*};
}

gates! {
    /// May see calls.
    SeeCalls
    /// May see operators and queues.
    SeePresence
    /// May change presence.
    SetPresence
    /// May note the result of a call.
    NoteResult
    /// May see missed episodes.
    SeeMissed
    /// May assign and close them.
    WorkMissed
    /// May see statistics.
    SeeStats
    /// May see the board.
    SeeBoard
    /// May see the providers.
    SeeProviders
    /// May decline and answer offers.
    WorkOffers
    /// May dial, pick up and pass on.
    Telephone
    /// May see registered telephones.
    SeeTelephones
    /// May change queues.
    Connect
    /// May administer.
    Administer
}

/// Anybody who is signed in, with the session itself.
pub struct Signed(pub Arc<Session>);

impl FromRequestParts<Web> for Signed {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Signed, Fault> {
        Ok(Signed(let_in(parts, web, Act::Account).await?))
    }
}
