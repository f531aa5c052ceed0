//! TCP, TLS and WebSocket: there and back, reuse, connections of ours, certificates that change.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use navbat::net::{Admit, Guest, NetLimits, Promised};
use navbat::sip::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::rig::{Identity, PATIENCE, Rig, call_id, hop, localhost, request, until};

async fn heard(stream: &mut (impl AsyncRead + Unpin), len: usize) -> String {
    let mut buffer = vec![0; len];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut buffer)).await;
    read.expect("nothing came").unwrap();
    String::from_utf8(buffer).unwrap()
}

#[tokio::test]
async fn messages_in_any_pieces_come_out_whole_and_answers_take_the_same_connection() {
    let mut rig = Rig::open(&[Transport::Tcp], NetLimits::default());
    let mut phone = TcpStream::connect(rig.address()).await.unwrap();
    let two = format!("{}{}", request("REGISTER", "one"), request("INVITE", "two"));
    for piece in two.as_bytes().chunks(37) {
        phone.write_all(piece).await.unwrap();
        phone.flush().await.unwrap();
    }
    let (one, two) = (rig.packet().await, rig.packet().await);
    assert_eq!((call_id(&one), call_id(&two)), ("one".into(), "two".into()));
    assert_eq!(one.flow, two.flow);
    assert!(one.flow.connection != 0 && one.flow.local == rig.address());
    rig.reply(one.flow, "SIP/2.0 100 Trying\r\n\r\n");
    // Without the connection's number it is found by the peer.
    rig.send(hop(Transport::Tcp, one.flow.peer), "again");
    assert_eq!(heard(&mut phone, 27).await, "SIP/2.0 100 Trying\r\n\r\nagain");
    assert_eq!(rig.wires.connections(), 1);
    drop(phone);
    let ended = rig.undelivered().await;
    assert_eq!((ended.peer, ended.connection), (one.flow.peer, Some(one.flow.connection)));
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn a_ping_is_answered_between_messages() {
    let mut rig = Rig::open(&[Transport::Tcp], NetLimits::default());
    let mut phone = TcpStream::connect(rig.address()).await.unwrap();
    let text = format!("\r\n\r\n{}\r\n\r\n\r\n", request("OPTIONS", "one"));
    phone.write_all(text.as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "one");
    assert_eq!(heard(&mut phone, 4).await, "\r\n\r\n");
}

#[tokio::test]
async fn a_connection_is_opened_for_what_is_to_be_sent_and_used_again() {
    let mut rig = Rig::open(&[Transport::Tcp], NetLimits::default());
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = hop(Transport::Tcp, carrier.local_addr().unwrap());
    rig.send(to, "first ");
    rig.send(to, "second");
    let (mut stream, _) = carrier.accept().await.unwrap();
    assert_eq!(heard(&mut stream, 12).await, "first second");
    stream.write_all(request("OPTIONS", "back").as_bytes()).await.unwrap();
    let back = rig.packet().await;
    // The peer sees the address that is listened on, and the answer takes the open connection.
    assert_eq!((back.flow.local, back.flow.peer), (rig.address(), to.peer));
    rig.reply(back.flow, "third");
    assert_eq!(heard(&mut stream, 5).await, "third");
    assert_eq!(rig.wires.connections(), 1);
    drop((stream, carrier));
    assert_eq!(rig.undelivered().await.connection, Some(back.flow.connection));
    rig.send(to, "fourth");
    assert_eq!(rig.undelivered().await, to);
}

#[tokio::test]
async fn tls_serves_another_certificate_without_a_restart() {
    let first = Identity::new("localhost");
    let mut rig = Rig::with(&[Transport::Tls], NetLimits::default(), &first);
    let connect = async |identity: &Identity| {
        let stream = TcpStream::connect(rig.wires.local()[0].1).await.unwrap();
        TlsConnector::from(identity.client()).connect(localhost(), stream).await
    };
    let mut old = connect(&first).await.unwrap();
    old.write_all(request("OPTIONS", "old").as_bytes()).await.unwrap();
    let second = Identity::new("localhost");
    assert!(connect(&second).await.is_err());
    rig.wires.certify(&second.server());
    let mut new = connect(&second).await.unwrap();
    assert!(connect(&first).await.is_err());
    new.write_all(request("OPTIONS", "new").as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "old");
    let packet = rig.packet().await;
    assert_eq!((call_id(&packet).as_str(), packet.flow.transport), ("new", Transport::Tls));
    // Who was connected before goes on.
    old.write_all(request("OPTIONS", "still").as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "still");
}

#[tokio::test]
async fn a_carrier_without_a_good_certificate_is_not_talked_to() {
    let mut rig = Rig::open(&[Transport::Tls], NetLimits::default());
    let (good, other) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = hop(Transport::Tls, carrier.local_addr().unwrap());
    // Nobody is trusted yet.
    rig.send(to, "hello");
    assert_eq!(rig.undelivered().await.peer, to.peer);
    rig.wires.trust(other.client());
    let acceptor = TlsAcceptor::from(good.server());
    rig.send(to, "hello");
    // The first connection is the one that was closed without a word.
    let (refused, _) = carrier.accept().await.unwrap();
    assert!(acceptor.accept(refused).await.is_err());
    let (refused, _) = carrier.accept().await.unwrap();
    assert!(acceptor.accept(refused).await.is_err());
    assert_eq!(rig.undelivered().await.peer, to.peer);
    rig.wires.trust(good.client());
    rig.send(to, "hello");
    let (stream, _) = carrier.accept().await.unwrap();
    let mut stream = acceptor.accept(stream).await.unwrap();
    assert_eq!(heard(&mut stream, 5).await, "hello");
}

#[tokio::test]
async fn a_page_talks_over_a_websocket() {
    let limits =
        NetLimits { origins: vec!["https://navbat.example.uz".into()], ..NetLimits::default() };
    let mut rig = Rig::open(&[Transport::Ws], limits);
    rig.wires.admit(doorman(CancellationToken::new()));
    let address = rig.address();
    let connect = async |origin, protocol| page(address, origin, protocol, COOKIE).await;
    let status = |refused: Error| match refused {
        Error::Http(answer) => answer.status().as_u16(),
        other => panic!("{other}"),
    };
    let (evil, page) = ("https://evil.example", "https://navbat.example.uz");
    assert_eq!(status(connect(evil, "sip").await.err().unwrap()), 403);
    assert_eq!(status(connect(page, "chat").await.err().unwrap()), 400);
    let (mut socket, answer) = connect(page, "sip").await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "sip");
    socket.send(Message::text(request("REGISTER", "page"))).await.unwrap();
    let packet = rig.packet().await;
    assert_eq!((call_id(&packet).as_str(), packet.flow.transport), ("page", Transport::Ws));
    rig.reply(packet.flow, "SIP/2.0 100 Trying\r\n\r\n");
    let next = async |socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>| {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await;
        next.unwrap().unwrap().unwrap()
    };
    assert_eq!(next(&mut socket).await, Message::text("SIP/2.0 100 Trying\r\n\r\n"));
    socket.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("\r\n"));
    socket.close(None).await.unwrap();
    drop(socket);
    assert_eq!(rig.undelivered().await.connection, Some(packet.flow.connection));
    // A page that went away cannot be called.
    rig.reply(packet.flow, "late");
    assert_eq!(rig.undelivered().await.peer, packet.flow.peer);
}

/// The cookie of the one who is signed in.
const COOKIE: &str = "theme=dark; session=good";

/// Knows one cookie, whose user is `caller`; they are signed out by the token.
fn doorman(out: CancellationToken) -> Admit {
    Arc::new(move |cookies| {
        let out = out.clone();
        Box::pin(async move {
            let over: Promised<()> = Box::pin(async move { out.cancelled().await });
            (cookies == COOKIE).then(|| Guest { user: String::from("caller"), over })
        })
    })
}

async fn page(
    address: std::net::SocketAddr,
    origin: &'static str,
    protocol: &'static str,
    cookies: &'static str,
) -> Result<(WebSocketStream<TcpStream>, Response), Error> {
    let mut asked = format!("ws://{address}/").into_client_request().unwrap();
    asked.headers_mut().insert("origin", HeaderValue::from_static(origin));
    asked.headers_mut().insert("cookie", HeaderValue::from_static(cookies));
    asked.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(asked, stream).await
}

/// How a page is sent away: the code and the reason of the close.
async fn sent_away(socket: &mut WebSocketStream<TcpStream>) -> (u16, String) {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("nothing came");
        match next {
            Some(Ok(Message::Close(Some(close)))) => {
                return (close.code.into(), close.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_page_telephones_only_for_who_is_signed_in_and_only_as_them() {
    const ORIGIN: &str = "https://navbat.example.uz";
    let limits = NetLimits { origins: vec![ORIGIN.into()], ..NetLimits::default() };
    let mut rig = Rig::open(&[Transport::Ws], limits);
    let address = rig.address();
    // Before anybody can say whose it is, and with a foreign cookie, a page is sent away.
    let (mut early, _) = page(address, ORIGIN, "sip", COOKIE).await.unwrap();
    assert_eq!(sent_away(&mut early).await, (1008, String::from("sign in first")));
    let out = CancellationToken::new();
    rig.wires.admit(doorman(out.clone()));
    for cookies in ["session=bad", ""] {
        let (mut stranger, _) = page(address, ORIGIN, "sip", cookies).await.unwrap();
        stranger.send(Message::text(request("REGISTER", "stranger"))).await.unwrap();
        assert_eq!(sent_away(&mut stranger).await, (1008, String::from("sign in first")));
    }
    rig.nothing();
    let (mut socket, _) = page(address, ORIGIN, "sip", COOKIE).await.unwrap();
    let foreign = request("REGISTER", "foreign").replace("sip:caller@", "sip:bobur@");
    socket.send(Message::text(foreign)).await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(answer.to_text().unwrap().starts_with("SIP/2.0 403"), "{answer}");
    rig.nothing();
    socket.send(Message::text(request("REGISTER", "own"))).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "own");
    out.cancel();
    assert_eq!(sent_away(&mut socket).await, (1008, String::from("signed out")));
    rig.undelivered().await;
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn a_websocket_may_be_encrypted() {
    let identity = Identity::new("localhost");
    let mut rig = Rig::with(&[Transport::Wss], NetLimits::default(), &identity);
    let stream = TcpStream::connect(rig.address()).await.unwrap();
    let connector = TlsConnector::from(identity.client());
    let stream = connector.connect(localhost(), stream).await.unwrap();
    let mut asked = "wss://localhost/".into_client_request().unwrap();
    asked.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("sip"));
    let (mut socket, _) = tokio_tungstenite::client_async(asked, stream).await.unwrap();
    socket.send(Message::binary(request("REGISTER", "page").into_bytes())).await.unwrap();
    assert_eq!(rig.packet().await.flow.transport, Transport::Wss);
}
