//! Requests that are too large for a datagram (RFC 3261 section 18.1.1).

use navbat::sip::{Cause, Flow, Transport};

use crate::desk::{ANSWER, CARRIER, Desk, OFFER, addr, from_callee, settings};

const HERE: &str = "203.0.113.5:5070";

/// A desk that listens on TCP as well.
fn desk() -> Desk {
    let mut settings = settings();
    let local = (Transport::Tcp, addr(HERE));
    settings.advertise.insert(local, (String::from("203.0.113.5"), 5070));
    Desk::with(settings)
}

/// An offer that makes the INVITE larger than a datagram carries.
fn large() -> String {
    let more = (96..127).map(|at| format!("a=rtpmap:{at} SOMETHING/8000\r\n"));
    format!("{OFFER}{}", more.collect::<String>())
}

fn stream() -> Flow {
    let (transport, local) = (Transport::Tcp, addr(HERE));
    Flow { transport, local, peer: addr(CARRIER), connection: 7 }
}

#[test]
fn a_large_invite_takes_a_stream_and_the_dialog_stays_where_it_was() {
    let mut desk = desk();
    let (id, invite) = desk.call_out(Some(&large()));
    assert!(invite.text.len() > 1300, "{}", invite.text.len());
    assert_eq!((invite.hop.transport, invite.hop.peer), (Transport::Tcp, addr(CARRIER)));
    let via = invite.header("Via").unwrap();
    assert!(via.starts_with("SIP/2.0/TCP 203.0.113.5:5070;branch="), "{via}");
    assert!(!invite.header("Contact").unwrap().contains("transport=tcp"), "only the Via changes");
    desk.wait(3000);
    assert!(desk.take().is_empty(), "a stream repeats by itself");
    let contact = format!("Contact: <sip:b@{CARRIER}>\r\n");
    desk.receive_over(stream(), &invite.reply(180, "b", &contact, ""));
    desk.receive_over(stream(), &invite.reply(200, "b", &contact, ANSWER));
    assert_eq!(desk.names(), ["progress 180", "answered sdp"]);
    let ack = desk.the("ACK");
    assert_eq!((ack.hop.transport, ack.hop.peer), (Transport::Udp, addr(CARRIER)));
    // The stream ends, as it may; the call does not.
    let now = desk.now();
    desk.stack.undelivered(&stream().hop(), now);
    desk.drain();
    desk.receive(CARRIER, &from_callee("OPTIONS", &invite, "b", 1).text());
    assert_eq!(desk.whats(), ["200"], "it is heard over UDP");
    assert!(desk.events.is_empty(), "{:?}", desk.names());
    let now = desk.now();
    desk.stack.bye(id, &Cause::normal(), now);
    desk.drain();
    let bye = desk.the("BYE");
    assert_eq!(bye.hop.transport, Transport::Udp);
    desk.receive(CARRIER, &bye.reply(200, "", "", ""));
    desk.nothing_left();
}

#[test]
fn where_no_stream_comes_about_it_goes_as_a_datagram_and_so_do_the_next() {
    let mut desk = desk();
    let (_, invite) = desk.call_out(Some(&large()));
    let now = desk.now();
    desk.stack.undelivered(&invite.hop, now);
    desk.drain();
    let again = desk.the("INVITE");
    assert_eq!((again.hop.transport, again.hop.peer), (Transport::Udp, addr(CARRIER)));
    assert_eq!((again.branch(), again.cseq()), (invite.branch(), invite.cseq()));
    assert!(again.header("Via").unwrap().starts_with("SIP/2.0/UDP "), "{again:?}");
    assert_eq!(again.body(), invite.body());
    desk.wait(600);
    assert_eq!(desk.whats(), ["INVITE"], "a datagram is repeated");
    desk.receive(CARRIER, &again.reply(486, "b", "", ""));
    assert_eq!(desk.whats(), ["ACK"]);
    assert_eq!(desk.names(), ["refused 486"]);
    let (_, next) = desk.call_out(Some(&large()));
    assert_eq!(next.hop.transport, Transport::Udp, "it is remembered");
    desk.receive(CARRIER, &next.reply(486, "b", "", ""));
    desk.wait(3_700_000);
    desk.take();
    let (_, later) = desk.call_out(Some(&large()));
    assert_eq!(later.hop.transport, Transport::Tcp, "and tried again after an hour");
    desk.receive_over(stream(), &later.reply(486, "b", "", ""));
    let ack = desk.the("ACK");
    assert_eq!(ack.hop.transport, Transport::Tcp, "the ACK of a refusal goes the same way");
    assert!(ack.header("Via").unwrap().starts_with("SIP/2.0/TCP "), "{ack:?}");
}

#[test]
fn a_stream_is_not_tried_where_it_cannot_be_answered() {
    // We listen on no TCP, so no answer could come back over another stream.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(&large()));
    assert_eq!(invite.hop.transport, Transport::Udp);
    // Small enough.
    let mut desk = self::desk();
    let (_, invite) = desk.call_out(Some(OFFER));
    assert!(invite.text.len() <= 1300);
    assert_eq!(invite.hop.transport, Transport::Udp);
}
