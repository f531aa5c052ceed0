//! Plain messages read by our reader and by rsip's parser: both must find the same.

use std::convert::TryFrom as _;

use navbat::sip::{Message, read};
use proptest::prelude::*;
use rsip::message::HasHeaders as _;

use super::plain::plain;

/// Every header as `name: value`, names in lower case, without Content-Length.
fn theirs(headers: &rsip::Headers) -> Vec<String> {
    let texts = headers.iter().map(ToString::to_string);
    texts.map(|text| lower(&text)).filter(|text| !text.starts_with("content-length:")).collect()
}

fn lower(text: &str) -> String {
    let (name, value) = text.split_once(": ").unwrap_or((text, ""));
    format!("{}: {value}", name.to_ascii_lowercase())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_parsers_agree(plain in plain()) {
        let bytes = plain.bytes();
        let theirs_whole = rsip::SipMessage::try_from(&bytes[..]).unwrap();
        let ours_whole = read(&bytes).unwrap();
        match (&ours_whole, &theirs_whole) {
            (Message::Request(ours), rsip::SipMessage::Request(theirs_request)) => {
                prop_assert_eq!(ours.method().as_str(), theirs_request.method.to_string());
                prop_assert_eq!(ours.uri().to_text(), theirs_request.uri.to_string());
                prop_assert_eq!(ours.uri().user.as_deref(), theirs_request.uri.user());
                prop_assert_eq!(ours.body(), &theirs_request.body[..]);
                let names: Vec<_> =
                    ours.fields().map(|(_, name, value)| lower(&format!("{name}: {value}"))).collect();
                prop_assert_eq!(names, theirs(theirs_request.headers()));
                prop_assert_eq!(ours.cseq(), (plain.cseq, ours.method()));
            }
            (Message::Response(ours), rsip::SipMessage::Response(theirs_response)) => {
                prop_assert_eq!(ours.code(), theirs_response.status_code.code());
                prop_assert_eq!(ours.body(), &theirs_response.body[..]);
                let names: Vec<_> =
                    ours.fields().map(|(_, name, value)| lower(&format!("{name}: {value}"))).collect();
                prop_assert_eq!(names, theirs(theirs_response.headers()));
                prop_assert_eq!(ours.from().tag(), Some(plain.tag.as_str()));
            }
            (ours, theirs) => prop_assert!(false, "{:?} and {}", ours, theirs),
        }
    }
}
