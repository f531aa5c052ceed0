//! Peers that are slow, broken, greedy or loud.

use std::time::{Duration, Instant};

use navbat::net::NetLimits;
use navbat::sip::{MESSAGE_BYTES_MAX, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::rig::{PATIENCE, Rig, call_id, request, request_with, until};

/// Patience that a test can wait for.
const SHORT: Duration = Duration::from_millis(400);

fn short() -> NetLimits {
    NetLimits {
        first_within: SHORT,
        frame_within: SHORT,
        idle: SHORT,
        idle_registered: Duration::from_secs(60),
        ..NetLimits::default()
    }
}

/// Everything until the connection is closed by the other side.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    read.expect("the connection stays open").ok();
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn who_says_nothing_or_only_pings_is_shut_out() {
    let rig = Rig::open(&[Transport::Tcp], short());
    let mut mute = TcpStream::connect(rig.address()).await.unwrap();
    let mut pings = TcpStream::connect(rig.address()).await.unwrap();
    let begun = Instant::now();
    let pinging = async {
        let mut beat = tokio::time::interval(SHORT / 5);
        while pings.write_all(b"\r\n\r\n").await.is_ok() {
            beat.tick().await;
        }
    };
    let (said, pinged) = tokio::join!(rest(&mut mute), tokio::time::timeout(PATIENCE, pinging));
    assert_eq!(said, "");
    assert!(pinged.is_ok(), "pings held the connection open");
    assert!(begun.elapsed() >= SHORT, "{:?}", begun.elapsed());
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn a_message_that_never_ends_is_not_waited_for() {
    let mut rig = Rig::open(&[Transport::Tcp], short());
    let mut half = TcpStream::connect(rig.address()).await.unwrap();
    half.write_all(request("OPTIONS", "whole").as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "whole");
    let text = request("OPTIONS", "half");
    half.write_all(&text.as_bytes()[..text.len() / 2]).await.unwrap();
    // A byte now and then does not buy more time.
    let dripping = async {
        let mut beat = tokio::time::interval(SHORT / 10);
        while half.write_all(b"x").await.is_ok() {
            beat.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, dripping).await.expect("drops held the connection open");
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_not_waited_for() {
    let rig = Rig::open(&[Transport::Tls, Transport::Ws], short());
    let mut mute = TcpStream::connect(rig.address()).await.unwrap();
    assert_eq!(rest(&mut mute).await, "");
    let mut slow = TcpStream::connect(rig.wires.local()[1].1).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn a_telephone_that_registered_may_be_quiet() {
    let mut rig = Rig::open(&[Transport::Tcp], short());
    let mut phone = TcpStream::connect(rig.address()).await.unwrap();
    phone.write_all(request("REGISTER", "phone").as_bytes()).await.unwrap();
    let flow = rig.packet().await.flow;
    let yes = "SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
    rig.reply(flow, yes);
    let mut stranger = TcpStream::connect(rig.address()).await.unwrap();
    stranger.write_all(request("OPTIONS", "stranger").as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "stranger");
    assert_eq!(rest(&mut stranger).await, "");
    assert_eq!(rig.undelivered().await.peer, stranger.local_addr().unwrap());
    rig.reply(flow, "INVITE");
    let mut heard = vec![0; yes.len() + 6];
    phone.read_exact(&mut heard).await.unwrap();
    assert_eq!(rig.wires.connections(), 1);
}

#[tokio::test]
async fn a_length_in_doubt_is_answered_and_ends_the_connection() {
    let mut rig = Rig::open(&[Transport::Tcp], NetLimits::default());
    let long = format!("Content-Length: {MESSAGE_BYTES_MAX}\r\n\r\n");
    let broken = [
        ("SIP/2.0 400", "\r\n\r\n"),
        ("SIP/2.0 400", "Content-Length: -5\r\n\r\n"),
        ("SIP/2.0 400", "Content-Length: 0\r\nContent-Length: 7\r\n\r\n"),
        ("SIP/2.0 400", "Content-Length: 0x10\r\n\r\n"),
        ("SIP/2.0 400", long.as_str()),
    ];
    for (code, length) in broken {
        let mut stream = TcpStream::connect(rig.address()).await.unwrap();
        let text = request("INVITE", "doubt").replace("Content-Length: 0\r\n\r\n", length);
        stream.write_all(text.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(code), "{length}: {answer}");
        assert!(answer.contains("Call-ID: doubt") && answer.len() <= 2 * text.len(), "{answer}");
    }
    // Another protocol is not answered at all.
    for other in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "x".repeat(20_000)] {
        let mut stream = TcpStream::connect(rig.address()).await.unwrap();
        stream.write_all(other.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
    rig.nothing();
}

#[tokio::test]
async fn the_largest_message_passes_and_an_endless_head_does_not() {
    let mut rig = Rig::open(&[Transport::Tcp], NetLimits::default());
    let mut stream = TcpStream::connect(rig.address()).await.unwrap();
    let head = request("MESSAGE", "large").replace("Content-Length: 0\r\n\r\n", "");
    let body = MESSAGE_BYTES_MAX - head.len() - "Content-Length: 131072\r\n\r\n".len();
    let text = format!("{head}Content-Length: {body}\r\n\r\n{}", "y".repeat(body));
    stream.write_all(text.as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "large");
    let endless = format!("OPTIONS sip:a@b SIP/2.0\r\n{}", "X-Long: y\r\n".repeat(20_000));
    let writing = stream.write_all(endless.as_bytes());
    let _reset = tokio::time::timeout(PATIENCE, writing).await.unwrap();
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_others_still_come_in() {
    let limits = NetLimits { connections_per_address: 3, ..NetLimits::default() };
    let mut rig = Rig::open(&[Transport::Tcp], limits);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(rig.address()).await.unwrap());
    }
    until(|| rig.wires.connections() == 3).await;
    let mut fourth = TcpStream::connect(rig.address()).await.unwrap();
    assert_eq!(rest(&mut fourth).await, "");
    drop(held.pop());
    until(|| rig.wires.connections() == 2).await;
    let mut fifth = TcpStream::connect(rig.address()).await.unwrap();
    fifth.write_all(request("OPTIONS", "fifth").as_bytes()).await.unwrap();
    assert_eq!(call_id(&rig.packet().await), "fifth");
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_a_bounded_queue_and_is_let_go() {
    let limits =
        NetLimits { messages_per_connection: 4, write_within: SHORT, ..NetLimits::default() };
    let mut rig = Rig::open(&[Transport::Tcp], limits);
    let mut deaf = TcpStream::connect(rig.address()).await.unwrap();
    deaf.write_all(request("OPTIONS", "deaf").as_bytes()).await.unwrap();
    let flow = rig.packet().await.flow;
    let large = "z".repeat(1024 * 1024);
    for _ in 0..40 {
        rig.reply(flow, &large); // returns at once, whatever becomes of it
    }
    assert_eq!(rig.undelivered().await.peer, flow.peer);
    until(|| rig.wires.connections() == 0).await;
}

#[tokio::test]
async fn noise_at_full_speed_does_not_keep_a_call_out() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let address = rig.address();
    let noisy = tokio::spawn(async move {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let broken = request_with("INVITE", "noise", "Max-Forwards: 7\r\n").repeat(3);
        for turn in 0..20_000_u32 {
            let bytes = turn.to_be_bytes().repeat(64);
            let noise = if turn % 2 == 0 { bytes.as_slice() } else { broken.as_bytes() };
            let _full = socket.try_send_to(noise, address);
            if turn % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // A call is repeated as a telephone would, because a full socket loses packets.
    let calling = async {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        loop {
            again.tick().await;
            phone.send_to(request("INVITE", "call").as_bytes(), address).await.unwrap();
        }
    };
    let heard = tokio::select! {
        packet = rig.packet() => packet,
        () = calling => unreachable!("calls go on for ever"),
    };
    assert_eq!(call_id(&heard), "call");
    noisy.await.unwrap();
}
