//! Bytes that no client library sends: lengths that disagree, headers without end, slow ones.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use navbat::web::Patience;

use crate::rig::{HOOK_TOKEN, Rig, Wish};

/// Writes bytes and reads until the server closes; the status codes in what it said.
async fn talk(rig: &Rig, bytes: &[u8]) -> Vec<u16> {
    let mut socket = TcpStream::connect(rig.address).await.unwrap();
    let _ = socket.write_all(bytes).await;
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut said));
    let _ = read.await.expect("the server closes");
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines = said.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line.get(..3).unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_body_of_two_lengths_is_followed_by_no_second_request() {
    let rig = Rig::start().await;
    let head = format!("POST /hooks/sipuni/main/{HOOK_TOKEN} HTTP/1.1\r\nHost: x\r\n");
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 50\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        let request = format!("{head}{lengths}\r\n0\r\n\r\n{smuggled}");
        // RFC 9112 section 6.1: refused, or read by its chunks and then closed.
        let answers = talk(&rig, request.as_bytes()).await;
        assert!(answers.len() == 1, "{lengths} {answers:?}");
    }
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_431() {
    let rig = Rig::start().await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(40 * 1024));
    assert_eq!(talk(&rig, long.as_bytes()).await, [431]);
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(300));
    assert_eq!(talk(&rig, many.as_bytes()).await, [431]);
}

#[tokio::test]
async fn a_declared_length_over_the_bound_is_413_without_the_body() {
    let rig = Rig::start().await;
    let request = format!(
        "POST /hooks/sipuni/main/{HOOK_TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
    );
    assert_eq!(talk(&rig, request.as_bytes()).await, [413]);
}

/// A server that loses its patience sooner than people do.
async fn hasty() -> Rig {
    let patience = Patience {
        headers: Duration::from_millis(300),
        request: Duration::from_millis(300),
        ..Patience::default()
    };
    Rig::with(Wish { patience, ..Wish::default() }).await
}

#[test]
fn patience_is_as_agreed() {
    let Patience { headers, request, stop, ping } = Patience::default();
    assert_eq!([headers, request, stop, ping].map(|it| it.as_secs()), [10, 30, 30, 10]);
}

#[tokio::test]
async fn a_body_that_never_ends_is_408_and_closed() {
    let rig = hasty().await;
    for path in [format!("/hooks/sipuni/main/{HOOK_TOKEN}"), String::from("/api/v1/login")] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{\"a\":"
        );
        assert_eq!(talk(&rig, request.as_bytes()).await, [408], "{path}");
    }
}

#[tokio::test]
async fn headers_that_never_end_are_closed() {
    let rig = hasty().await;
    let answers = talk(&rig, b"GET / HTTP/1.1\r\nHost: x\r\n").await;
    assert!(answers.is_empty() || answers == [408], "{answers:?}");
}
