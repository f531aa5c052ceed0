//! SIP over WebSocket (RFC 7118): one message a frame, subprotocol `sip`, pages of ours only.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::shared::Shared;
use super::stream::{Link, hear};
use crate::sip::MESSAGE_BYTES_MAX;

/// The header that names the language inside.
const PROTOCOL: &str = "sec-websocket-protocol";

/// Does the handshake of an accepted connection and serves it until one side ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    link: Link,
    waiting: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
) {
    let bounds = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let porter = Porter { origins: &shared.limits.origins };
    let shaking = tokio_tungstenite::accept_hdr_async_with_config(stream, porter, Some(bounds));
    let socket = match timeout(shared.limits.first_within, shaking).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a WebSocket handshake failed");
            return shared.counts.foreign_pages.increment(1);
        }
        Err(_) => return shared.counts.slow.increment(1),
    };
    talk(socket, link, waiting, shared).await;
}

/// Lets a page of ours in, or a program; both must speak SIP.
struct Porter<'a> {
    origins: &'a [String],
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
        answer.headers_mut().insert(PROTOCOL, HeaderValue::from_static("sip"));
        Ok(answer)
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    mut link: Link,
    mut waiting: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
) {
    let (mut write, mut read) = socket.split();
    let within = shared.limits.write_within;
    loop {
        let until = link.until(false, &shared.limits);
        tokio::select! {
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
                    if !take(message, &mut link, &shared).await {
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
        let porter = Porter { origins: &[String::from("https://navbat.example.uz")] };
        let answer = porter.on_request(&request, Response::new(()));
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
