//! Every bound of the reader, just kept and just broken; and whom a refusal goes to.

use navbat::sip::{
    CONTACTS_MAX, Dropped, HEADER_BYTES_MAX, HEADERS_MAX, HOPS_MAX, Known, MESSAGE_BYTES_MAX,
    Message, ReadError, Refusal, Request, read,
};

const HEAD: &str = "INVITE sip:a@pbx.uz SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1\r\n\
    From: <sip:b@pbx.uz>;tag=1\r\nTo: <sip:a@pbx.uz>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n";

/// Headers of [`HEAD`] besides what a test adds.
const OWN: usize = 5;

fn with(lines: &str) -> Result<Request, ReadError> {
    match read(format!("{HEAD}{lines}\r\n").as_bytes())? {
        Message::Request(request) => Ok(request),
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn refusal(lines: &str) -> Refusal {
    match with(lines) {
        Err(ReadError::Answer(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_bound_is_kept_to_the_last_one() {
    let many = |line: &str, count: usize| line.repeat(count);
    assert!(with(&many("X-A: y\r\n", HEADERS_MAX - OWN)).is_ok());
    assert_eq!(refusal(&many("X-A: y\r\n", HEADERS_MAX - OWN + 1)).why, "Too Many Headers");
    let via = "Via: SIP/2.0/UDP a.uz;branch=z9hG4bK2\r\n";
    assert!(with(&many(via, HOPS_MAX - 1)).is_ok());
    assert_eq!(refusal(&many(via, HOPS_MAX)).why, "Malformed Via");
    for name in ["Route", "Record-Route", "Path"] {
        let line =
            |count: usize| format!("{name}: {}<sip:z.uz>\r\n", many("<sip:p.uz;lr>,", count - 1));
        assert!(with(&line(HOPS_MAX)).is_ok(), "{name}");
        assert_eq!(refusal(&line(HOPS_MAX + 1)).why, "Malformed Route");
    }
    let contact = "Contact: <sip:a@b.uz>\r\n";
    assert!(with(&many(contact, CONTACTS_MAX)).is_ok());
    assert_eq!(refusal(&many(contact, CONTACTS_MAX + 1)).why, "Malformed Contact");
    let long = |len: usize| format!("Subject: {}\r\n", "x".repeat(len - "Subject".len()));
    assert!(with(&long(HEADER_BYTES_MAX)).is_ok());
    assert_eq!(refusal(&long(HEADER_BYTES_MAX + 1)).why, "Header Too Long");
    let body = |len: usize| format!("{HEAD}\r\n{}", "x".repeat(len - HEAD.len() - 2));
    assert!(read(body(MESSAGE_BYTES_MAX).as_bytes()).is_ok());
    let too_long = read(body(MESSAGE_BYTES_MAX + 1).as_bytes());
    assert_eq!(too_long, Err(ReadError::Silent(Dropped::TooLong)));
}

#[test]
fn what_may_stand_once_stands_once() {
    let twice = [
        "Call-ID: c2",
        "i: c2",
        "CSeq: 1 INVITE",
        "From: <sip:b@pbx.uz>;tag=1",
        "f: <sip:b@pbx.uz>",
        "To: <sip:a@pbx.uz>",
        "l: 0\r\nContent-Length: 0",
        "Max-Forwards: 1\r\nMax-Forwards: 1",
        "Content-Type: a/b\r\nc: a/b",
        "Expires: 1\r\nExpires: 2",
        "To : <sip:a@pbx.uz>",
    ];
    for lines in twice {
        assert_eq!(refusal(&format!("{lines}\r\n")).why, "Repeated Header", "{lines}");
    }
}

#[test]
fn broken_lines_are_refused() {
    let lines = [
        "no colon",
        ": no name",
        "two words: x",
        "Max-Forwards: 256",
        "Max-Forwards: -1",
        "l: +1",
        "l: 0x1",
        "Contact: *, <sip:a@b.uz>",
        "Route: <sip:a@b.uz",
        "Via: ",
        "Contact: a, b\"",
        "Subject: a\rb",
    ];
    for line in lines {
        assert_eq!(refusal(&format!("{line}\r\n")).code, 400, "{line}");
    }
    assert_eq!(with("Contact: *\r\n").unwrap().contacts().listed(), []);
}

#[test]
fn a_name_in_an_old_code_page_does_not_cost_the_call() {
    let mut bytes = HEAD.as_bytes().to_vec();
    bytes.extend_from_slice(b"Subject: \xc0\xe7\xe8\xe7\xe0\r\n\r\n");
    let Ok(Message::Request(request)) = read(&bytes) else { panic!("refused") };
    assert_eq!(request.header(Known::Subject), Some("\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"));
}

#[test]
fn a_refusal_goes_back_the_way_it_came() {
    let refusal = refusal("Via: SIP/2.0/TCP b.uz;branch=z9hG4bK2\r\nContact: <\r\n");
    let source = "192.0.2.7:1040".parse().unwrap();
    let answer = String::from_utf8(refusal.answer(source).unwrap()).unwrap();
    let lines: Vec<&str> = answer.split("\r\n").collect();
    assert_eq!(lines[0], "SIP/2.0 400 Malformed Contact");
    let via = "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport=1040;received=192.0.2.7";
    assert_eq!(lines[1], via);
    assert_eq!(lines[2], "Via: SIP/2.0/TCP b.uz;branch=z9hG4bK2");
    assert!(lines[4].starts_with("To: <sip:a@pbx.uz>;tag="));
    let Ok(Message::Response(response)) = read(answer.as_bytes()) else { panic!("{answer}") };
    assert_eq!((response.code(), response.call_id()), (400, "c1"));
    assert_eq!(refusal.answer(source).as_deref(), Some(answer.as_bytes()));
}

#[test]
fn a_small_request_gets_no_large_answer() {
    let small = b"INVITE x SIP/2.0\nv:SIP/2.0/UDP a;rport\nf:a\nt:a\ni:a\nCSeq:1 A\n\n";
    let Err(ReadError::Answer(refusal)) = read(small) else { panic!("not refused") };
    assert_eq!(
        refusal.answer("[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap()),
        None
    );
}

#[test]
fn what_is_not_for_us_is_dropped() {
    let dropped = |bytes: &[u8]| match read(bytes) {
        Err(ReadError::Silent(dropped)) => dropped,
        other => panic!("{other:?}"),
    };
    assert_eq!(dropped(b""), Dropped::KeepAlive);
    assert_eq!(dropped(b"\r\n\r\n"), Dropped::KeepAlive);
    assert_eq!(dropped(b"\0\x01\0\0\x21\x12\xa4\x42"), Dropped::NotSip);
    assert_eq!(dropped(b"\x80\0\0\0"), Dropped::NotSip);
    assert_eq!(dropped(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Dropped::NotSip);
    assert_eq!(dropped(b"INVITE sip:a@b SIP/2.0\r\n\r\n"), Dropped::NotAnswerable);
    let ack = HEAD.replace("INVITE", "ACK");
    assert_eq!(dropped(format!("{ack}Contact: <\r\n\r\n").as_bytes()), Dropped::BrokenAck);
    let response = HEAD.replace("INVITE sip:a@pbx.uz SIP/2.0", "SIP/2.0 200 OK");
    assert!(read(format!("{response}\r\n").as_bytes()).is_ok());
    for (from, to) in [("200", "700"), ("200", "99"), ("200", "2000"), ("2.0 ", "3.0 "), ("c1", "")]
    {
        let broken = format!("{}\r\n", response.replacen(from, to, 1));
        assert_eq!(dropped(broken.as_bytes()), Dropped::BrokenResponse, "{from} to {to}");
    }
    let endless = HEAD.as_bytes();
    assert!(matches!(read(endless), Err(ReadError::Answer(_))), "a head without its end");
}
