//! Broken, twisted and hostile SIP against the readers that the sockets run.
//!
//! Every torture message and a few ordinary texts are changed at random. Nothing may panic; the
//! same bytes read the same; what is read can be written and reads the same again; an answer is
//! never larger than twice its request. `FUZZ_SECONDS` and `FUZZ_SEED` as for the other readers.

use std::path::Path;
use std::time::{Duration, Instant};

use navbat::model::Seed;
use navbat::sip::{
    EventPackage, Frame, HistoryEntry, MESSAGE_BYTES_MAX, Message, NameAddr, Params, RAck,
    ReadError, Reason, Replaces, RetryAfter, SessionExpires, SubscriptionState, Uri, Via, digest,
    frame, read, sdp,
};

/// Pieces that mean something to one of the readers.
const PIECES: [&[u8]; 30] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b"\0",
    b"\xff",
    b"\"",
    b"\\",
    b"<",
    b">",
    b",",
    b";",
    b":",
    b"@",
    b"%",
    b"%0",
    b"[",
    b"]",
    b"=",
    b"?",
    b"*",
    b"SIP/2.0",
    b"Via: ",
    b"l: 5\r\n",
    b"\xd1\x8f",
    b"4294967296",
    b"-1",
    b"m=audio 1 RTP/AVP 0\r\n",
    b"a=rtpmap:8 PCMA/8000\r\n",
];

const TEXTS: [&str; 12] = [
    "sip:alice;day=tuesday:pw@[2001:db8::1]:5061;transport=tcp;lr?Subject=a%20b&Replaces=x%40y",
    "tel:+998-71-200-00-01;phone-context=uz",
    "\"Ali \\\"A\\\" Valiev\" <sip:ali@pbx.uz;user=phone>;tag=1;+sip.instance=\"<urn:uuid:0>\"",
    "SIP / 2.0 / UDP [2001:db8::9] : 5060 ;received=[::1];rport; branch = z9hG4bKa",
    "Digest realm=\"pbx.uz\", nonce=\"abc\\\"d\", qop=\"auth,auth-int\", algorithm=SHA-256, stale=true",
    "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0f\", qop=auth, nc=00000001, cnonce=\"c\", opaque=\"\"",
    "SIP;cause=200;text=\"Call completed elsewhere\"",
    "98asjd8@test.com;to-tag=7743;from-tag=6472;early-only",
    "776656 1 INVITE",
    "1800;refresher=uac",
    "terminated;reason=noresource;expires=60",
    "<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1.1",
];

const SDP: &str = "v=0\r\no=alice 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n\
    a=sendonly\r\nm=audio 49170 RTP/AVP 111 8 0 101\r\na=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp-fb:* nack\r\n\
    m=video 0 RTP/AVP 31\r\na=inactive\r\nm=image 4000 udptl t38\r\nc=IN IP6 ::1\r\n";

/// Runs rounds until the time is over; a round that panics tells its number.
fn rounds(round: impl Fn(&mut Seed) + std::panic::RefUnwindSafe) {
    let _turn = super::TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let from_environment = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds: u64 = from_environment("FUZZ_SECONDS").unwrap_or(2);
    let first: u64 = from_environment("FUZZ_SEED").unwrap_or(1);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0_u64;
    while Instant::now() < until {
        let number = first + count;
        let outcome = std::panic::catch_unwind(|| round(&mut Seed::new(number)));
        assert!(outcome.is_ok(), "FUZZ_SEED={number} breaks it");
        count += 1;
    }
    assert!(count > 50, "only {count} rounds in {seconds} s");
}

fn messages() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torture");
    let folders =
        ["rfc4475", "rfc5118"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let mut paths: Vec<_> =
        folders.into_iter().flatten().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn at(count: usize, seed: &mut Seed) -> usize {
    usize::try_from(seed.below(count as u64)).unwrap()
}

fn pick<'a, T: ?Sized>(things: &[&'a T], seed: &mut Seed) -> &'a T {
    things[at(things.len(), seed)]
}

/// Changes a text up to six times.
fn twist(text: &mut Vec<u8>, other: &[u8], seed: &mut Seed) {
    for _ in 0..seed.below(7) {
        let from = at(text.len() + 1, seed);
        let to = from + at((text.len() - from).min(60) + 1, seed);
        match seed.below(8) {
            0 if from < text.len() => text[from] = seed.below(256) as u8,
            1 => text.truncate(from),
            2 => drop(text.drain(from..to)),
            3 => text.extend_from_within(from..to),
            4 => {
                let part = at(other.len() + 1, seed);
                let end = (part + at(200, seed)).min(other.len());
                text.splice(from..to, other[part..end].iter().copied());
            }
            5 => {
                let piece = pick(&PIECES, seed).repeat(at(400, seed));
                text.splice(from..from, piece);
            }
            _ => {
                let piece = pick(&PIECES, seed).to_vec();
                text.splice(from..to, piece);
            }
        }
    }
}

fn written(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.write(&mut out);
    out
}

#[test]
fn no_message_breaks_the_reader() {
    let corpus = messages();
    let source = "[2001:db8::7]:65535".parse().unwrap();
    rounds(|seed| {
        let mut bytes = corpus[at(corpus.len(), seed)].clone();
        twist(&mut bytes, &corpus[at(corpus.len(), seed)], seed);
        let first = read(&bytes);
        assert_eq!(first, read(&bytes));
        match first {
            Ok(message) => {
                let out = written(&message);
                assert!(out.len() < 4 * MESSAGE_BYTES_MAX);
                assert_eq!(frame(&out), Frame::Whole(out.len()), "{}", out.escape_ascii());
                assert_eq!(read(&out).as_ref(), Ok(&message), "{}", out.escape_ascii());
                assert_eq!(format!("{message:?}").matches('\n').count(), 0);
            }
            Err(ReadError::Answer(refusal)) => {
                let Some(answer) = refusal.answer(source) else { return };
                assert!(answer.len() <= 2 * bytes.len());
                assert_eq!(frame(&answer), Frame::Whole(answer.len()), "{}", answer.escape_ascii());
            }
            Err(ReadError::Silent(_)) => {}
        }
    });
}

#[test]
fn no_stream_breaks_the_framer() {
    let corpus = messages();
    rounds(|seed| {
        let mut bytes = corpus[at(corpus.len(), seed)].clone();
        bytes.extend_from_slice(&corpus[at(corpus.len(), seed)]);
        twist(&mut bytes, &corpus[at(corpus.len(), seed)], seed);
        let piece = &bytes[..at(bytes.len() + 1, seed)];
        let (early, late) = (frame(piece), frame(&bytes));
        match early {
            Frame::Whole(len) => {
                assert!(len > 0 && len <= piece.len());
                assert_eq!(early, late, "more bytes move the end of a message");
                let _ = read(&piece[..len]);
            }
            Frame::KeepAlive(len) => assert!(len > 0 && len <= piece.len()),
            Frame::Broken(_) => assert!(!matches!(late, Frame::Whole(_)), "{early:?} {late:?}"),
            Frame::More => {}
        }
    });
}

#[test]
fn no_value_breaks_a_header() {
    rounds(|seed| {
        let mut bytes = pick(&TEXTS, seed).as_bytes().to_vec();
        twist(&mut bytes, pick(&TEXTS, seed).as_bytes(), seed);
        let text = one_line(&bytes);
        if let Ok(uri) = Uri::read(&text) {
            assert_eq!(Uri::read(&uri.to_text()).as_ref(), Ok(&uri), "{text}");
            assert!(uri.same(&uri), "{text}");
            let _ = uri.header_pairs().count();
        }
        if let Ok(party) = NameAddr::read(&text) {
            assert_eq!(NameAddr::read(&party.to_text()).as_ref(), Ok(&party), "{text}");
        }
        if let Ok(via) = Via::read(&text) {
            let mut out = String::new();
            via.write(&mut out);
            assert_eq!(Via::read(&out), Ok(via), "{text}");
        }
        if let Ok(params) = Params::read(&text) {
            assert_eq!(Params::read(params.as_str()).as_ref(), Ok(&params), "{text}");
            for (name, _) in params.iter() {
                assert!(params.has(name) && params.get(name).is_some());
            }
        }
        if let Ok(replaces) = Replaces::read(&text) {
            assert_eq!(Replaces::read(&replaces.to_text()), Ok(replaces), "{text}");
        }
        if let Ok(reason) = Reason::read(&text) {
            assert_eq!(Reason::read(&reason.to_text()), Ok(reason), "{text}");
        }
        if let Ok(rack) = RAck::read(&text) {
            assert_eq!(RAck::read(&rack.to_text()), Ok(rack));
        }
        if let Ok(timer) = SessionExpires::read(&text) {
            assert_eq!(SessionExpires::read(&timer.to_text()), Ok(timer));
        }
        let _ =
            (RetryAfter::read(&text), EventPackage::read(&text), SubscriptionState::read(&text));
        let _ = HistoryEntry::read(&text).map(|entry| entry.cause());
    });
}

#[test]
fn no_authentication_header_breaks_digest() {
    rounds(|seed| {
        let mut bytes = TEXTS[4 + at(2, seed)].as_bytes().to_vec();
        twist(&mut bytes, TEXTS[4 + at(2, seed)].as_bytes(), seed);
        let text = one_line(&bytes);
        if let Ok(challenge) = digest::Challenge::read(&text) {
            let again = digest::Challenge::read(&challenge.to_text());
            assert_eq!(again, Ok(challenge), "{text}");
        }
        if let Ok(credentials) = digest::Credentials::read(&text) {
            let again = digest::Credentials::read(&credentials.to_text());
            assert_eq!(again.as_ref(), Ok(&credentials), "{text}");
            let ha1 = digest::Ha1::new("u", "r", "another password");
            assert!(!credentials.verify(&ha1, navbat::sip::Method::Invite), "{text}");
        }
    });
}

/// Header values have no line ends: the lexer took them out.
fn one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(['\r', '\n'], " ")
}

#[test]
fn no_description_breaks_the_reader() {
    let origin = sdp::Origin { id: 1, version: 2, address: "192.0.2.1".parse().unwrap() };
    rounds(|seed| {
        let mut bytes = SDP.as_bytes().to_vec();
        twist(&mut bytes, SDP.as_bytes(), seed);
        let Ok(first) = sdp::read(&bytes) else { return };
        let shown = || bytes.escape_ascii().to_string();
        let rewritten = sdp::read(&sdp::rewrite(&bytes, &origin, None));
        assert_eq!(rewritten.as_ref(), Ok(&first), "{}", shown());
        let held = sdp::read(&sdp::set_direction(&bytes, sdp::Direction::Inactive)).unwrap();
        assert!(held.media.iter().all(|media| media.direction == sdp::Direction::Inactive));
        assert_eq!(held.media.len(), first.media.len(), "{}", shown());
        if let Some(restricted) = sdp::restrict(&bytes, &["PCMA"]) {
            let restricted =
                sdp::read(&restricted).unwrap_or_else(|bad| panic!("{bad}: {}", shown()));
            assert_eq!(restricted.media.len(), first.media.len(), "{}", shown());
            let only = |codec: &sdp::Codec| {
                codec.is_companion() || codec.name.eq_ignore_ascii_case("pcma")
            };
            assert!(restricted.codecs().iter().all(only), "{}", shown());
        }
        let _ = sdp::check_answer(&first, &held);
    });
}
