//! A stop while requests are in flight: they are finished, new ones are told to come again.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::{PATIENCE, SIPUNI, Server, Site};

/// Begins a request that waits for its body; it is in flight when this returns.
async fn begin(server: &Server, length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {SIPUNI} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut said = [0; 12];
    tokio::time::timeout(PATIENCE, socket.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"HTTP/1.1 100");
    socket
}

/// Everything that the server says until it closes.
async fn rest(socket: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut said)).await;
    let _bytes = read.expect("the server closes").unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn requests_in_flight_are_finished_and_new_ones_get_503() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
    let mut stream = server.stream(&token).await;
    let body = super::rig::started("1795150800.9", "998901234567");
    let mut flight = begin(&server, body.len()).await;
    server.signal("TERM");
    stream.next("server-restart").await;
    for path in ["/api/v1/me", SIPUNI] {
        let mut fresh = TcpStream::connect(server.address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        fresh.write_all(request.as_bytes()).await.unwrap();
        let said = rest(&mut fresh).await.to_lowercase();
        assert!(said.starts_with("http/1.1 503"), "{said}");
        assert!(said.contains("retry-after: 5") && said.contains("\"stopping\""), "{said}");
    }
    let mut probe = TcpStream::connect(server.address()).await.unwrap();
    let request = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    probe.write_all(request).await.unwrap();
    assert!(rest(&mut probe).await.contains("\"stopping\":true"));
    flight.write_all(body.as_bytes()).await.unwrap();
    let said = rest(&mut flight).await;
    assert!(said.contains("HTTP/1.1 200"), "{said}");
    assert_eq!(server.ended().await.code(), Some(0));
    // What was acknowledged in that last moment is there.
    let server = site.serve();
    server.until(&token, "/calls", |calls| calls["items"][0].is_object()).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
    let mut stream = server.stream(&token).await;
    let _flight = begin(&server, 100).await;
    server.signal("TERM");
    stream.next("server-restart").await;
    server.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), server.ended()).await;
    assert_eq!(ended.expect("without waiting for the request").code(), Some(1));
}
