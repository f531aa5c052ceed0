//! The torture messages of RFC 4475 and RFC 5118, each with the reaction the RFCs ask for.
//!
//! A message that is valid but asks for something unsupported (420, 415, 406, a scheme in To) is
//! read: the layers above answer it, and what they need to see is checked further down.

use std::path::Path;

use navbat::sip::{
    Contacts, Dropped, Host, Known, Message, Method, ReadError, Request, Uri, digest, read, sdp,
};

/// What the reader does with a message.
#[derive(Debug, PartialEq, Eq)]
enum Does {
    Request(Method),
    Response(u16),
    Refuse(u16),
    Drop(Dropped),
}

use Does::{Drop, Refuse, Request as Req, Response as Res};
use Method::{Bye, Invite, Message as Text, Options, Register};

/// RFC 4475, in its order.
const RFC_4475: [(&str, Does, &str); 49] = [
    ("wsinv", Req(Invite), "3.1.1.1 valid, however it is folded"),
    ("intmeth", Refuse(501), "3.1.1.2 valid, a method that nobody knows"),
    ("esc01", Req(Invite), "3.1.1.3 valid, escapes stay what they are"),
    ("escnull", Req(Register), "3.1.1.4 valid, escaped NUL in users"),
    ("esc02", Refuse(501), "3.1.1.5 valid, % in a method is no escape"),
    ("lwsdisp", Req(Options), "3.1.1.6 valid, no blank before <"),
    ("longreq", Req(Invite), "3.1.1.7 valid, long values"),
    ("dblreq", Req(Register), "3.1.1.8 valid, a second request behind it is left out"),
    ("semiuri", Req(Options), "3.1.1.9 valid, ; in a user"),
    ("transports", Req(Options), "3.1.1.10 valid, unknown transports in Via"),
    ("mpart01", Req(Text), "3.1.1.11 valid, binary body"),
    ("unreason", Res(200), "3.1.1.12 valid, any letters in the reason"),
    ("noreason", Res(100), "3.1.1.13 valid, no reason"),
    ("badinv01", Refuse(400), "3.1.2.1 empty parameters and list items"),
    ("clerr", Refuse(400), "3.1.2.2 Content-Length behind the end of the datagram"),
    ("ncl", Refuse(400), "3.1.2.3 negative Content-Length"),
    ("scalar02", Refuse(400), "3.1.2.4 numbers out of range in a request"),
    ("scalarlg", Drop(Dropped::BrokenResponse), "3.1.2.5 numbers out of range in a response"),
    ("quotbal", Refuse(400), "3.1.2.6 a quote that does not end"),
    ("ltgtruri", Refuse(400), "3.1.2.7 <> around the request address"),
    ("lwsruri", Refuse(400), "3.1.2.8 a blank inside the request address"),
    ("lwsstart", Refuse(400), "3.1.2.9 several blanks in the request line"),
    ("trws", Refuse(400), "3.1.2.10 blanks at the end of the request line"),
    ("escruri", Refuse(400), "3.1.2.11 headers in the request address"),
    ("baddate", Req(Invite), "3.1.2.12 Date of another zone: may be left unread"),
    ("regbadct", Refuse(400), "3.1.2.13 a Contact with ? and no <>"),
    ("badaspec", Refuse(400), "3.1.2.14 blanks inside <>"),
    ("baddn", Refuse(400), "3.1.2.15 a comma in an unquoted name"),
    ("badvers", Refuse(505), "3.1.2.16 SIP/7.0"),
    ("mismatch01", Refuse(400), "3.1.2.17 CSeq of another method"),
    ("mismatch02", Refuse(501), "3.1.2.18 the same with an unknown method"),
    ("bigcode", Drop(Dropped::BrokenResponse), "3.1.2.19 a status code out of range"),
    ("badbranch", Req(Options), "3.2.1 an empty branch: read, and not trusted"),
    ("insuf", Drop(Dropped::NotAnswerable), "3.3.1 no Call-ID, From and To: nobody to answer"),
    ("unkscm", Refuse(416), "3.3.2 an unknown scheme"),
    ("novelsc", Refuse(416), "3.3.3 a known scheme that is not for SIP"),
    ("unksm2", Req(Register), "3.3.4 unknown schemes elsewhere: for the registrar"),
    ("bext01", Req(Options), "3.3.5 unknown extensions are required: 420 above"),
    ("invut", Req(Invite), "3.3.6 an unknown content type: 415 above"),
    ("regaut01", Req(Register), "3.3.7 an unknown authorization scheme: challenged anew"),
    ("multi01", Refuse(400), "3.3.8 what may stand once stands twice"),
    ("mcl01", Refuse(400), "3.3.9 two Content-Length"),
    ("bcast", Res(200), "3.3.10 a Via that is not ours: dropped above"),
    ("zeromf", Req(Options), "3.3.11 no hops left: ours to answer all the same"),
    ("cparam01", Req(Register), "3.3.12 an unknown parameter of the Contact header"),
    ("cparam02", Req(Register), "3.3.13 an unknown parameter of the Contact address"),
    ("regescrt", Req(Register), "3.3.14 an escaped Route in a Contact: kept, not acted on"),
    ("sdp01", Req(Invite), "3.3.15 another content type is wanted in answers"),
    ("inv2543", Req(Invite), "3.4.1 from before RFC 3261: no branch, no tag"),
];

/// RFC 5118, in its order.
const RFC_5118: [(&str, Does, &str); 12] = [
    ("ipv6-good", Req(Register), "4.1 brackets"),
    ("ipv6-bad", Refuse(400), "4.2 no brackets"),
    ("port-ambiguous", Req(Register), "4.3 a port inside the brackets is part of the address"),
    ("port-unambiguous", Req(Register), "4.4 a port behind the brackets"),
    ("via-received-param-with-delim", Req(Bye), "4.5 received in brackets"),
    ("via-received-param-no-delim", Req(Options), "4.5 received without brackets"),
    ("ipv6-in-sdp", Req(Invite), "4.6 IPv6 in the description"),
    ("mult-ip-in-header", Req(Bye), "4.7 both families in Via"),
    ("mult-ip-in-sdp", Req(Invite), "4.8 both families in the description"),
    ("ipv4-mapped-ipv6", Req(Invite), "4.9 mapped addresses"),
    ("ipv6-bug-abnf-3-colons", Req(Options), "4.10 three colons are read as two"),
    ("ipv6-correct-abnf-2-colons", Req(Options), "4.10 two colons"),
];

fn bytes(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torture");
    let paths = [root.join(format!("rfc4475/{name}.dat")), root.join(format!("rfc5118/{name}"))];
    let path = paths.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no {name}"));
    std::fs::read(path).unwrap()
}

fn does(bytes: &[u8]) -> Does {
    match read(bytes) {
        Ok(Message::Request(request)) => Does::Request(request.method()),
        Ok(Message::Response(response)) => Does::Response(response.code()),
        Err(ReadError::Answer(refusal)) => Does::Refuse(refusal.code),
        Err(ReadError::Silent(dropped)) => Does::Drop(dropped),
    }
}

fn request(name: &str) -> Request {
    match read(&bytes(name)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_message_gets_the_reaction_the_rfcs_ask_for() {
    let mut wrong = Vec::new();
    for (name, expected, why) in RFC_4475.iter().chain(&RFC_5118) {
        let does = does(&bytes(name));
        if does != *expected {
            wrong.push(format!("{name} ({why}): {does:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_tables_name_every_fixture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torture");
    for (folder, count) in [("rfc4475", RFC_4475.len()), ("rfc5118", RFC_5118.len())] {
        assert_eq!(std::fs::read_dir(root.join(folder)).unwrap().count(), count);
    }
}

#[test]
fn a_refusal_is_small_and_names_the_request() {
    let source = "192.0.2.99:5062".parse().unwrap();
    for (name, expected, _) in RFC_4475.iter().chain(&RFC_5118) {
        let bytes = bytes(name);
        let Err(ReadError::Answer(refusal)) = read(&bytes) else {
            assert!(!matches!(expected, Does::Refuse(_)), "{name}");
            continue;
        };
        let answer = refusal.answer(source).unwrap();
        assert!(answer.len() <= 2 * bytes.len(), "{name}: {} bytes", answer.len());
        let text = String::from_utf8(answer).unwrap();
        assert!(text.starts_with(&format!("SIP/2.0 {} ", refusal.code)), "{name}: {text}");
        for header in ["\r\nVia: ", "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ", "\r\nCSeq: "] {
            assert!(text.contains(header), "{name} without {header}: {text}");
        }
        assert!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{name}: {text}");
        assert!(!text.contains("\r\n\r\n\r\n") && text.matches("\r\n\r\n").count() == 1, "{name}");
    }
}

#[test]
fn the_tortuous_invite_says_what_it_means() {
    let request = request("wsinv");
    assert_eq!(request.uri().to_text(), "sip:vivekg@chair-dnrc.example.com;unknownparam");
    assert_eq!(request.to().tag(), Some("1918181833n"));
    assert_eq!(request.from().display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(request.from().tag(), Some("98asjd8"));
    assert_eq!(request.max_forwards(), Some(68));
    assert_eq!(request.cseq(), (9, Invite));
    assert_eq!(request.call_id(), "wsinv.ndaksdj@192.0.2.1");
    assert_eq!(request.via().branch(), "390skdjuw");
    assert_eq!(request.headers(Known::Via).count(), 3);
    assert_eq!(request.header(Known::Subject), Some(""));
    let folded = request.other("newfangledheader");
    assert_eq!(folded, Some("newfangled value continued newfangled value"));
    assert_eq!(request.other("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    let route = &request.routes()[0];
    assert!(route.uri.params.has("lr") && route.uri.params.has("unknown-no-value"));
    let contact = &request.contacts().listed()[0];
    assert_eq!(contact.0.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!((contact.q(), contact.0.params.get("newparam")), (330, Some("newvalue")));
    assert_eq!(request.body().len(), 150);
    let description = sdp::read(request.body_of(sdp::CONTENT_TYPE).unwrap()).unwrap();
    assert_eq!(description.media.len(), 2);
}

#[test]
fn escapes_are_neither_resolved_nor_lost() {
    let request = request("esc01");
    assert_eq!(request.uri().user.as_deref(), Some("sips%3Auser%40example.com"));
    assert_eq!(request.uri().user_text().as_deref(), Some("sips:user@example.com"));
    assert!(request.to().uri.same(&Uri::read("sip:user@example.com").unwrap()));
    let contact = request.contacts().first().unwrap();
    assert!(!contact.params.has("lr"), "%6C%72 is another name than lr");
    let nulls = self::request("escnull");
    let users: Vec<_> =
        nulls.contacts().listed().iter().filter_map(|contact| contact.0.uri.user_text()).collect();
    assert_eq!(users, ["\0", "\0\0"]);
}

#[test]
fn what_the_layers_above_must_see_is_there() {
    let required: Vec<_> = request("bext01").tokens(Known::Require).map(str::to_owned).collect();
    assert_eq!(required, ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert_eq!(request("bext01").tokens(Known::ProxyRequire).count(), 2);
    assert_eq!(request("invut").header(Known::ContentType), Some("application/unknownformat"));
    assert_eq!(request("invut").body_of(sdp::CONTENT_TYPE), None);
    let foreign = request("regaut01");
    let credentials = digest::Credentials::read(foreign.header(Known::Authorization).unwrap());
    assert_eq!(credentials, Err(digest::BadDigest::Scheme));
    assert_eq!(request("zeromf").max_forwards(), Some(0));
    assert!(!request("badbranch").via().has_cookie());
    assert!(!request("unksm2").to().uri.is_callable());
    assert!(!request("unksm2").contacts().first().unwrap().is_callable());
    assert_eq!(request("sdp01").header(Known::Accept), Some("text/nobodyKnowsThis"));
    assert_eq!(request("dblreq").body(), b"");
    let old = request("inv2543");
    assert_eq!((old.via().branch(), old.from().tag(), old.max_forwards()), ("", None, None));
    assert!(!old.body().is_empty());
    let header = request("cparam01");
    assert!(header.contacts().listed()[0].0.params.has("unknownparam"));
    let address = request("cparam02");
    assert!(address.contacts().first().unwrap().params.has("unknownparam"));
    let routed = request("regescrt");
    let headers: Vec<_> = routed.contacts().first().unwrap().header_pairs().collect();
    assert_eq!(headers, [("Route".into(), "<sip:sip.example.com>".into())]);
    assert!(routed.routes().is_empty());
    assert_ne!(*routed.contacts(), Contacts::All);
    let binary = request("mpart01");
    assert!(std::str::from_utf8(binary.body()).is_err());
    let transports = request("transports");
    let names = transports.headers(Known::Via).filter_map(|via| via.split(' ').next());
    let names: Vec<_> = names.filter_map(|name| name.strip_prefix("SIP/2.0/")).collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

#[test]
fn addresses_of_the_sixth_version_are_themselves() {
    let host = |text: &str| Host::V6(text.parse().unwrap());
    assert_eq!(request("ipv6-good").uri().host, host("2001:db8::10"));
    let ambiguous = request("port-ambiguous");
    assert_eq!((&ambiguous.uri().host, ambiguous.uri().port), (&host("2001:db8::10:5070"), None));
    let plain = request("port-unambiguous");
    assert_eq!((&plain.uri().host, plain.uri().port), (&host("2001:db8::10"), Some(5070)));
    let received = |name: &str| request(name).via().received();
    let expected = Some("2001:db8::9:255".parse().unwrap());
    assert_eq!(received("via-received-param-with-delim"), expected);
    assert_eq!(received("via-received-param-no-delim"), expected);
    let three = request("ipv6-bug-abnf-3-colons");
    assert_eq!(three.uri().host, request("ipv6-correct-abnf-2-colons").uri().host);
    assert!(three.to().to_text().contains("[2001:db8::c000:201]"), "{}", three.to().to_text());
    assert_eq!(request("ipv4-mapped-ipv6").via().port, Some(19823));
}

#[test]
fn any_letters_stand_in_a_reason() {
    let Ok(Message::Response(response)) = read(&bytes("unreason")) else { panic!("dropped") };
    assert!(response.reason().starts_with("= 2**3 * 5**2 "));
    let Ok(Message::Response(response)) = read(&bytes("noreason")) else { panic!("dropped") };
    assert_eq!(response.reason(), "");
}
