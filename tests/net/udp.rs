//! Datagrams: there and back, keep-alives, noise, and an address that is taken.

use navbat::net::{Listen, NetError, NetLimits};
use navbat::sip::{Message, Method, Transport};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::rig::{PATIENCE, Rig, call_id, hop, request};

async fn peer(rig: &Rig) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(rig.address()).await.unwrap();
    socket
}

async fn heard(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_535];
    let len = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_comes_in_and_an_answer_goes_back_the_way_it_came() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let phone = peer(&rig).await;
    phone.send(request("INVITE", "one").as_bytes()).await.unwrap();
    let packet = rig.packet().await;
    assert_eq!(packet.flow.peer, phone.local_addr().unwrap());
    assert_eq!(packet.flow.local, rig.address());
    assert_eq!((packet.flow.transport, packet.flow.connection), (Transport::Udp, 0));
    let Message::Request(asked) = packet.message else { panic!("{:?}", packet.message) };
    assert_eq!((asked.method(), asked.call_id()), (Method::Invite, "one"));
    rig.reply(packet.flow, "SIP/2.0 100 Trying\r\n\r\n");
    assert_eq!(heard(&phone).await, "SIP/2.0 100 Trying\r\n\r\n");
    rig.send(hop(Transport::Udp, phone.local_addr().unwrap()), "OPTIONS");
    assert_eq!(heard(&phone).await, "OPTIONS");
}

#[tokio::test]
async fn many_phones_are_heard_each_in_its_own_order() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let mut phones = Vec::new();
    for _ in 0..6 {
        phones.push(peer(&rig).await);
    }
    for turn in 0..5 {
        for (at, phone) in phones.iter().enumerate() {
            phone.send(request("BYE", &format!("{at}-{turn}")).as_bytes()).await.unwrap();
        }
    }
    let mut turns = vec![Vec::new(); phones.len()];
    for _ in 0..30 {
        let key = call_id(&rig.packet().await);
        let (phone, turn) = key.split_once('-').unwrap();
        turns[phone.parse::<usize>().unwrap()].push(turn.parse::<u32>().unwrap());
    }
    assert!(turns.iter().all(|heard| *heard == [0, 1, 2, 3, 4]), "{turns:?}");
}

#[tokio::test]
async fn keep_alives_are_answered_and_noise_is_not() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let phone = peer(&rig).await;
    let stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl";
    let rtp = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xff];
    let noise: [&[u8]; 7] =
        [b"", b"\r\n", b"\0\0\0\0", stun, &rtp, b"GET / HTTP/1.1\r\n\r\n", b"x"];
    for packet in noise {
        phone.send(packet).await.unwrap();
    }
    phone.send(b"\r\n\r\n").await.unwrap();
    // The first thing that comes back is the pong: nothing before it was answered.
    assert_eq!(heard(&phone).await, "\r\n");
    rig.nothing();
}

#[tokio::test]
async fn what_is_broken_and_can_be_answered_is_answered_once_and_briefly() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let phone = peer(&rig).await;
    let broken = [
        (request("INVITE", "b1").replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), "505"),
        (request("INVITE", "b2").replace("Max-Forwards: 70", "Max-Forwards: many"), "400"),
        (request("FROBNICATE", "b3"), "501"),
        (request("INVITE", "b4").replace("sip:queue@navbat.local SIP", "news:queue SIP"), "416"),
    ];
    for (text, code) in broken {
        phone.send(text.as_bytes()).await.unwrap();
        let answer = heard(&phone).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        // A method nobody knows may be 405 or 501 (RFC 3261 sections 8.2.1 and 21.5.2).
        assert!(status == code || (code == "501" && status == "405"), "{text}\n{answer}");
        assert!(answer.len() <= 2 * text.len(), "{} for {}", answer.len(), text.len());
    }
    // Nobody to answer: no Via, a broken response, a broken ACK.
    let silent = [
        request("INVITE", "s1").replace("Via: SIP/2.0/UDP", "Vie: SIP/2.0/UDP"),
        String::from("SIP/2.0 200 OK\r\nVia: x\r\n\r\n"),
        request("ACK", "s3").replace("Max-Forwards: 70", "Max-Forwards: many"),
    ];
    for text in silent {
        phone.send(text.as_bytes()).await.unwrap();
    }
    phone.send(b"\r\n\r\n").await.unwrap();
    assert_eq!(heard(&phone).await, "\r\n");
    rig.nothing();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_the_mend() {
    let rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let tcp = Rig::open(&[Transport::Tcp], NetLimits::default());
    for (transport, address) in [(Transport::Udp, rig.address()), (Transport::Tcp, tcp.address())] {
        let listen = Listen { transport, address, tls: None };
        let (sender, _inbox) = mpsc::channel(1);
        let again =
            navbat::net::open(&[listen], NetLimits::default(), sender, CancellationToken::new());
        let error = again.err().expect("two programs on one address");
        assert!(matches!(error, NetError::Taken { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("[sip] listen"), "{text}");
    }
}

#[tokio::test]
async fn a_peer_that_no_socket_reaches_is_told_at_once() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let six = "[2001:db8::1]:5060".parse().unwrap();
    rig.send(hop(Transport::Udp, six), "OPTIONS");
    assert_eq!(rig.undelivered().await.peer, six);
}
