//! Descriptions of telephones: read, rewritten line by line, offered and answered.

use super::*;

const OFFER: &str = "v=0\r\n\
    o=alice 53655765 2353687637 IN IP4 10.0.0.5\r\n\
    s=-\r\n\
    c=IN IP4 10.0.0.5\r\n\
    t=0 0\r\n\
    a=sendonly\r\n\
    m=audio 49170 RTP/AVP 111 8 0 101 13\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 useinbandfec=1\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=rtcp-fb:* nack\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n\
    m=video 0 RTP/AVP 31\r\n\
    a=inactive\r\n";

fn read_ok(text: &str) -> Sdp {
    read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_offer_says_what_it_offers() {
    let sdp = read_ok(OFFER);
    assert_eq!(sdp.media.len(), 2);
    let audio = sdp.audio().unwrap();
    assert_eq!((audio.port, audio.protocol.as_str()), (49170, "RTP/AVP"));
    assert_eq!(audio.address, Some("10.0.0.5".parse().unwrap()));
    assert_eq!(
        (audio.direction, sdp.media[1].direction),
        (Direction::SendOnly, Direction::Inactive)
    );
    let names: Vec<_> =
        sdp.codecs().iter().map(|codec| (codec.payload, codec.name.as_str())).collect();
    let expected = [(111, "opus"), (8, "PCMA"), (0, "PCMU"), (101, "telephone-event"), (13, "CN")];
    assert_eq!(names, expected);
    assert_eq!((sdp.codecs()[0].rate, sdp.codecs()[1].rate), (48000, 8000));
    assert_eq!(sdp.codecs()[3].format.as_deref(), Some("0-16"));
}

#[test]
fn a_hold_is_told_by_direction_or_by_the_address_of_nowhere() {
    let with = |direction: &str| OFFER.replacen("sendonly", direction, 1);
    assert!(read_ok(&with("sendonly")).is_hold() && read_ok(&with("inactive")).is_hold());
    assert!(!read_ok(&with("sendrecv")).is_hold() && !read_ok(&with("recvonly")).is_hold());
    let nowhere = with("sendrecv").replace("c=IN IP4 10.0.0.5", "c=IN IP4 0.0.0.0");
    assert!(read_ok(&nowhere).is_hold());
    assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
}

#[test]
fn an_origin_is_replaced_and_nothing_else() {
    let origin = Origin { id: 7, version: 3, address: "192.0.2.1".parse().unwrap() };
    let rewritten = text(rewrite(OFFER.as_bytes(), &origin, None));
    let line = "o=- 7 3 IN IP4 192.0.2.1";
    assert_eq!(rewritten, OFFER.replace("o=alice 53655765 2353687637 IN IP4 10.0.0.5", line));
    let sixth: core::net::IpAddr = "2001:db8::1".parse().unwrap();
    let both = text(rewrite(OFFER.as_bytes(), &Origin { address: sixth, ..origin }, Some(sixth)));
    assert!(both.contains("o=- 7 3 IN IP6 2001:db8::1\r\n"));
    assert!(both.contains("c=IN IP6 2001:db8::1\r\n") && !both.contains("10.0.0.5"));
}

#[test]
fn a_direction_goes_to_every_media_line() {
    let held = text(set_direction(OFFER.as_bytes(), Direction::Inactive));
    assert_eq!(held.matches("a=inactive\r\n").count(), 2);
    assert!(!held.contains("sendonly"));
    assert!(read_ok(&held).is_hold());
    let no_end = OFFER.trim_end();
    let open = text(set_direction(no_end.as_bytes(), Direction::SendRecv));
    assert_eq!(read_ok(&open).direction(), Direction::SendRecv);
    assert_eq!(set_direction(b"v=0\r\n", Direction::SendRecv), b"v=0\r\n");
}

#[test]
fn only_wanted_codecs_stay_with_their_companions() {
    let kept = text(restrict(OFFER.as_bytes(), &["pcma", "PCMU"]).unwrap());
    assert!(kept.contains("m=audio 49170 RTP/AVP 8 0 101 13\r\n"));
    assert!(!kept.contains(":111 ") && kept.contains("a=fmtp:101 0-16\r\n"));
    assert!(kept.contains("a=rtcp-fb:* nack\r\n") && kept.contains("a=crypto:1 "));
    assert!(kept.contains("m=video 0 RTP/AVP 31\r\n"));
    assert_eq!(read_ok(&kept).codecs().len(), 4);
    assert_eq!(restrict(OFFER.as_bytes(), &["G729"]), None);
    assert_eq!(restrict(OFFER.as_bytes(), &["telephone-event"]), None, "tones are no speech");
    assert_eq!(restrict(b"nonsense", &["PCMA"]), None);
}

#[test]
fn lines_in_the_wrong_order_are_told_and_not_lost() {
    let b_first = OFFER.replace("c=IN IP4 10.0.0.5\r\n", "b=AS:84\r\nc=IN IP4 10.0.0.5\r\n");
    match read(b_first.as_bytes()) {
        Ok(sdp) => assert_eq!(sdp.media.len(), 2),
        Err(error) => assert!(matches!(error, SdpError::Order | SdpError::Malformed)),
    }
}

#[test]
fn what_real_telephones_do_wrong_is_mended() {
    let version = OFFER.replace("2353687637", "23536876371234567890123");
    assert_eq!(read_ok(&version).media.len(), 2);
    let mut latin = OFFER.replace("s=-", "s=?").into_bytes();
    let at = latin.iter().position(|byte| *byte == b'?').unwrap();
    latin[at] = 0xc0;
    assert_eq!(read(&latin).map(|sdp| sdp.media.len()), Ok(2));
    let line_ends = OFFER.replace("\r\n", "\n");
    assert_eq!(read_ok(&line_ends).media.len(), 2);
}

#[test]
fn bounds_are_kept() {
    let media = |count: usize| format!("{OFFER}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(count));
    assert!(read(media(MEDIA_MAX - 2).as_bytes()).is_ok());
    assert_eq!(read(media(MEDIA_MAX - 1).as_bytes()), Err(SdpError::TooManyMedia));
    let long = format!("{OFFER}a={}\r\n", "x".repeat(SDP_BYTES_MAX));
    assert_eq!(read(long.as_bytes()), Err(SdpError::TooLong));
    for bad in ["", "x", "v=0\r\n", "m=audio 1 RTP/AVP 0\r\n"] {
        assert_eq!(read(bad.as_bytes()), Err(SdpError::Malformed), "{bad}");
    }
    let port = OFFER.replace("49170", "65536");
    assert_eq!(read(port.as_bytes()), Err(SdpError::Malformed));
}

#[test]
fn an_answer_fits_its_offer() {
    let offer = read_ok(OFFER);
    let answer = |audio: &str, rest: &str| {
        let head = "v=0\r\no=- 1 1 IN IP4 10.0.0.6\r\ns=-\r\nc=IN IP4 10.0.0.6\r\nt=0 0\r\n";
        check_answer(&offer, &read_ok(&format!("{head}{audio}{rest}")))
    };
    let video = "m=video 0 RTP/AVP 31\r\n";
    let other_number = "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 OPUS/48000/2\r\n";
    assert_eq!(answer("m=audio 4000 RTP/AVP 8\r\n", video), Ok(()));
    assert_eq!(answer(other_number, video), Ok(()));
    assert_eq!(answer("m=audio 0 RTP/AVP 18\r\n", video), Ok(()), "refused lines may say anything");
    let bad = Err(SdpError::Mismatch);
    assert_eq!(answer("m=audio 4000 RTP/AVP 8\r\n", ""), bad, "a line is missing");
    assert_eq!(answer(video, "m=audio 4000 RTP/AVP 8\r\n"), bad, "lines are swapped");
    assert_eq!(answer("m=audio 4000 RTP/AVP 18\r\n", video), bad, "nothing in common");
    assert_eq!(answer("m=audio 4000 RTP/SAVP 8\r\n", video), bad, "another protocol");
    assert_eq!(answer("m=audio 4000 RTP/AVP 8\r\n", "m=video 4002 RTP/AVP 31\r\n"), bad, "revived");
}
