//! Read, write, read again: nothing is lost and nothing is invented.

use std::path::Path;

use navbat::sip::{
    Core, Frame, Host, Known, Message, Method, NameAddr, Request, Response, Uri, Via, frame, read,
};
use proptest::prelude::*;

use super::plain::plain;

fn written(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.write(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plain_message_survives(plain in plain()) {
        let first = read(&plain.bytes()).unwrap();
        let bytes = written(&first);
        prop_assert_eq!(frame(&bytes), Frame::Whole(bytes.len()));
        prop_assert_eq!(read(&bytes).unwrap(), first);
    }

    #[test]
    fn headers_in_other_clothes_say_the_same(plain in plain()) {
        let fold = |value: &str| value.replacen(' ', "\r\n\t ", 1);
        let mut text = match plain.code {
            0 => format!("{} {} SIP/2.0\r\n", plain.method, plain.uri()),
            code => format!("SIP/2.0 {code} Some Words\r\n"),
        };
        for (name, value) in plain.headers() {
            let known = Known::find(&name);
            let name = if known.compact().is_empty() { name.to_uppercase() } else { known.compact().to_owned() };
            // Blanks inside unknown values count, so only the known ones are folded.
            let value = if known == Known::Other || value.contains("  ") { value } else { fold(&value) };
            text.push_str(&format!("{name} \t:{value}\r\n"));
        }
        text.push_str(&format!("l:{}\r\n\r\n", plain.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&plain.body);
        let dressed = read(&bytes).unwrap();
        let straight = read(&plain.bytes()).unwrap();
        let values = |message: &Message| -> Vec<(Known, String)> {
            let pair = |(known, _, value): (Known, &str, &str)| (known, value.to_owned());
            match message {
                Message::Request(request) => request.fields().map(pair).collect(),
                Message::Response(response) => response.fields().map(pair).collect(),
            }
        };
        prop_assert_eq!(values(&dressed), values(&straight));
        prop_assert_eq!(dressed.call_id(), straight.call_id());
    }
}

#[test]
fn every_torture_message_that_is_read_survives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torture");
    let mut count = 0;
    for folder in ["rfc4475", "rfc5118"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let Ok(message) = read(&std::fs::read(&path).unwrap()) else { continue };
            let bytes = written(&message);
            assert_eq!(read(&bytes), Ok(message), "{}", path.display());
            assert_eq!(frame(&bytes), Frame::Whole(bytes.len()), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 35, "only {count}");
}

fn made() -> Request {
    let host = || Host::read("pbx.uz").unwrap();
    let party = |user: &str| NameAddr::new(Uri::sip(Some(user), host(), None));
    let mut from = party("100").with_tag("a1");
    from.display = Some(String::from("Азиза \"A\""));
    let via = Via::ours("UDP", Host::read("192.0.2.1").unwrap(), Some(5060), "z9hG4bKx1");
    let (to, call_id) = (party("+998901234567"), String::from("c1"));
    let core = Core { via, from, to, call_id, cseq: 7 };
    let mut request = Request::new(Method::Invite, Uri::sip(Some("200"), host(), None), core);
    request.push(Known::Contact, "<sip:100@192.0.2.1>").push(Known::Route, "<sip:p1.uz;lr>");
    request.push(Known::Subject, "one\r\nTwo: 3").push_other("X-Navbat", "yes");
    request.set_body("application/sdp", "v=0\r\n");
    request
}

#[test]
fn what_is_made_reads_as_it_was_meant() {
    let request = made();
    let bytes = request.to_bytes();
    assert_eq!(read(&bytes), Ok(Message::Request(request)));
    let text = String::from_utf8(bytes).unwrap();
    let expected = "INVITE sip:200@pbx.uz SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKx1\r\n\
        Max-Forwards: 70\r\n\
        From: \"Азиза \\\"A\\\"\" <sip:100@pbx.uz>;tag=a1\r\n\
        To: <sip:%2B998901234567@pbx.uz>\r\n\
        Call-ID: c1\r\n\
        CSeq: 7 INVITE\r\n\
        Contact: <sip:100@192.0.2.1>\r\n\
        Route: <sip:p1.uz;lr>\r\n\
        Subject: one  Two: 3\r\n\
        X-Navbat: yes\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 5\r\n\r\nv=0\r\n";
    assert_eq!(text, expected.replace("%2B", "+"));
}

#[test]
fn a_response_carries_what_it_must_of_its_request() {
    let mut request = made();
    request
        .push(Known::Via, "SIP/2.0/TCP b.uz;branch=z9hG4bKy")
        .push(Known::RecordRoute, "<sip:p2.uz;lr>");
    request.push(Known::Timestamp, "54");
    let ringing = Response::reply_to(&request, 180).with_to_tag("b2");
    let names: Vec<_> = ringing.fields().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["Via", "From", "To", "Call-ID", "CSeq", "Via", "Record-Route"]);
    assert_eq!(ringing.to().tag(), Some("b2"));
    assert_eq!(ringing.record_routes().len(), 1);
    assert_eq!(read(&ringing.to_bytes()), Ok(Message::Response(ringing)));
    let trying = Response::reply_to(&request, 100);
    assert_eq!(trying.header(Known::Timestamp), Some("54"));
    let refused = Response::reply_to(&request, 486).with(Known::RetryAfter, "5");
    assert!(refused.record_routes().is_empty());
    assert!(refused.to_bytes().starts_with(b"SIP/2.0 486 Busy Here\r\n"));
}

#[test]
fn changes_go_to_the_text_and_to_what_is_kept() {
    let mut request = made();
    let mut via = request.via().clone();
    via.came_from("192.0.2.7:1040".parse().unwrap());
    request.set_via(via);
    request.set_cseq(8);
    request.set_to_tag("b2");
    request.remove(Known::Route).remove(Known::Via).remove(Known::Contact);
    request.push(Known::Contact, "broken <").push(Known::From, "<sip:x@y.z>");
    request.set_uri(Uri::read("tel:+998712000001").unwrap());
    let read = match read(&request.to_bytes()) {
        Ok(Message::Request(read)) => read,
        other => panic!("{other:?}"),
    };
    assert_eq!(read, request);
    assert_eq!((read.cseq().0, read.to().tag(), read.via().rport()), (8, Some("b2"), Some(1040)));
    assert!(read.routes().is_empty() && read.contacts().listed().is_empty());
    assert_eq!(read.from().tag(), Some("a1"));
    assert_eq!(read.uri().user.as_deref(), Some("+998712000001"));
}
