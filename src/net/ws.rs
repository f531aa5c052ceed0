//! SIP over WebSocket (RFC 7118): one message a frame, subprotocol `sip`; of pages only ours, and
//! only for somebody who is signed in.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::pages::Promised;
use super::shared::Shared;
use super::stream::{Link, hear};
use crate::sip::MESSAGE_BYTES_MAX;

/// How long a page that is sent away may take to say goodbye. Longer keeps its seat for nothing.
const PARTING: Duration = Duration::from_secs(1);

/// The header that names the language inside.
const PROTOCOL: &str = "sec-websocket-protocol";

/// Does the handshake of an accepted connection and serves it until one side ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut link: Link,
    waiting: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
) {
    let bounds = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let page = OnceLock::new();
    let porter = Porter { origins: &shared.limits.origins, page: &page };
    let shaking = tokio_tungstenite::accept_hdr_async_with_config(stream, porter, Some(bounds));
    let socket = match timeout(shared.limits.first_within, shaking).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a WebSocket handshake failed");
            return shared.counts.foreign_pages.increment(1);
        }
        Err(_) => return shared.counts.slow.increment(1),
    };
    let mut over: Promised<()> = Box::pin(std::future::pending());
    if let Some(cookies) = page.into_inner() {
        let asked = shared.doorman.admit(cookies);
        let Ok(Some(guest)) = timeout(shared.limits.first_within, asked).await else {
            shared.counts.foreign_pages.increment(1);
            let (mut write, mut read) = socket.split();
            return send_away(&mut write, &mut read, "sign in first").await;
        };
        link.user = Some(guest.user);
        over = guest.over;
    }
    talk(socket, link, waiting, (shared.as_ref(), over)).await;
}

/// Tells a page why it may not stay, and waits for its goodbye: what it has sent meanwhile would
/// tear the connection down before it has read the reason.
async fn send_away<W, R>(write: &mut W, read: &mut R, why: &'static str)
where
    W: Sink<Message> + Unpin,
    R: Stream<Item = Result<Message, Error>> + Unpin,
{
    let close = Message::Close(Some(CloseFrame { code: CloseCode::Policy, reason: why.into() }));
    let parting = async {
        if write.send(close).await.is_ok() {
            while let Some(Ok(_)) = read.next().await {}
        }
    };
    let _silent = timeout(PARTING, parting).await.is_err();
}

/// Lets a page of ours in, or a program; both must speak SIP.
struct Porter<'a> {
    origins: &'a [String],
    /// Where the cookies of a page are put; a program leaves it empty.
    page: &'a OnceLock<String>,
}

impl Callback for Porter<'_> {
    fn on_request(self, asked: &Request, mut answer: Response) -> Result<Response, ErrorResponse> {
        let refuse = |status: StatusCode, why: &str| {
            let mut refusal = ErrorResponse::new(Some(format!("{why}\n")));
            *refusal.status_mut() = status;
            refusal
        };
        let own = |origin: &HeaderValue| {
            let origin = origin.to_str().unwrap_or_default();
            self.origins.iter().any(|own| own.eq_ignore_ascii_case(origin))
        };
        let headers = asked.headers();
        if !headers.get_all("origin").iter().all(own) {
            return Err(refuse(StatusCode::FORBIDDEN, "pages of other sites may not call here"));
        }
        let offered = headers.get_all(PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let mut words = offered.flat_map(|list| list.split(',')).map(str::trim);
        if !words.any(|word| word.eq_ignore_ascii_case("sip")) {
            let why = "only the subprotocol `sip` is spoken here";
            return Err(refuse(StatusCode::BAD_REQUEST, why));
        }
        if headers.contains_key("origin") {
            let cookies = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
            let _first = self.page.set(cookies.collect::<Vec<_>>().join("; "));
        }
        answer.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
        Ok(answer)
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    mut link: Link,
    mut waiting: mpsc::Receiver<Bytes>,
    (shared, mut over): (&Shared, Promised<()>),
) {
    let (mut write, mut read) = socket.split();
    let within = shared.limits.write_within;
    loop {
        let until = link.until(false, &shared.limits);
        tokio::select! {
            () = &mut over => {
                send_away(&mut write, &mut read, "signed out").await;
                break;
            }
            next = waiting.recv() => {
                let Some(bytes) = next else { break };
                let message = match String::from_utf8(bytes.to_vec()) {
                    Ok(text) => Message::text(text),
                    Err(_) => Message::Binary(bytes),
                };
                match timeout(within, write.send(message)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => break,
                    Err(_) => {
                        shared.counts.slow.increment(1);
                        break;
                    }
                }
            }
            heard = timeout_at(until, read.next()) => match heard {
                Ok(Some(Ok(message))) => {
                    if !take(message, &mut link, shared).await {
                        break;
                    }
                }
                Ok(Some(Err(_)) | None) => break,
                Err(_) if link.until(false, &shared.limits) > until => {}
                Err(_) => {
                    shared.counts.slow.increment(1);
                    break;
                }
            },
        }
    }
    shared.ended(link).await;
}

/// Takes one frame; false when the peer said goodbye.
async fn take(message: Message, link: &mut Link, shared: &Shared) -> bool {
    let bytes = match message {
        Message::Text(text) => Bytes::from(text),
        Message::Binary(bytes) => bytes,
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
            link.lives();
            return true;
        }
        Message::Close(_) => return false,
    };
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        link.lives();
        if bytes.as_ref() == b"\r\n\r\n" {
            shared.connections.put(link.seat.id, link.seat.peer, &Bytes::from_static(b"\r\n"));
        }
        return true;
    }
    link.spoke();
    hear(&shared.inlet, &bytes, link, shared).await;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> Result<Response, u16> {
        let mut request = Request::new(());
        for (name, value) in pairs {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        let page = OnceLock::new();
        let origins = [String::from("https://navbat.example.uz")];
        let porter = Porter { origins: &origins, page: &page };
        let answer = porter.on_request(&request, Response::new(()));
        let is_page = pairs.iter().any(|(name, _)| *name == "origin");
        assert!(answer.is_err() || page.get().is_some() == is_page, "{pairs:?}");
        answer.map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn our_pages_and_programs_come_in_and_speak_sip() {
        let page = ("origin", "https://navbat.example.uz");
        let answer = asked(&[page, (PROTOCOL, "chat, sip")]).unwrap();
        assert_eq!(answer.headers().get(PROTOCOL).unwrap(), "sip");
        assert!(asked(&[(PROTOCOL, "sip")]).is_ok());
    }

    #[test]
    fn other_sites_and_other_languages_stay_outside() {
        let page = ("origin", "https://evil.example");
        assert_eq!(asked(&[page, (PROTOCOL, "sip")]).unwrap_err(), 403);
        assert_eq!(asked(&[("origin", "null"), (PROTOCOL, "sip")]).unwrap_err(), 403);
        assert_eq!(asked(&[(PROTOCOL, "mqtt")]).unwrap_err(), 400);
        assert_eq!(asked(&[]).unwrap_err(), 400);
    }
}
