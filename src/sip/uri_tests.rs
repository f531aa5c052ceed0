//! Addresses of the RFCs, read, written and compared.

use super::*;

fn uri(text: &str) -> Uri {
    Uri::read(text).unwrap_or_else(|bad| panic!("{text}: {bad}"))
}

#[test]
fn what_is_read_is_written_again() {
    let texts = [
        "sip:alice@atlanta.com",
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sips:1212@gateway.com",
        "sip:alice@192.0.2.4:5070",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:user;par=u%40example.net@example.com",
        "sip:ali.valiev@pbx.uz",
        "sip:[2001:db8::10]:5070;transport=tls",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:*72#@pbx.uz",
        "sip:null-%00-null@example.com",
        "tel:+998-71-200-00-01;phone-context=uz",
        "tel:1080",
        "mailto:a@b.c",
        "isbn:2983792873",
    ];
    for text in texts {
        assert_eq!(uri(text).to_text(), text);
    }
}

#[test]
fn parts_are_where_they_belong() {
    let one = uri("sip:a%20b;x?y:pw@[::1]:5062;lr;transport=TCP?Replaces=c%40d%3Bto-tag%3D1");
    assert_eq!(one.user.as_deref(), Some("a%20b;x?y"));
    assert_eq!(one.user_text().as_deref(), Some("a b;x?y"));
    assert_eq!(one.password.as_deref(), Some("pw"));
    assert_eq!(one.host.ip(), Some("::1".parse().unwrap()));
    assert_eq!(one.port, Some(5062));
    assert!(one.params.has("LR"));
    let headers: Vec<_> = one.header_pairs().collect();
    assert_eq!(headers, [("Replaces".into(), "c@d;to-tag=1".into())]);
    assert_eq!(uri("sip:[2001:db8::10:5070]").port, None);
    let three_colons = uri("sip:user@[2001:db8:::192.0.2.1]");
    assert_eq!(three_colons.host, uri("sip:user@[2001:db8::192.0.2.1]").host);
}

#[test]
fn broken_addresses_are_refused() {
    let cases = [
        ("", BadUri::Scheme),
        ("alice", BadUri::Scheme),
        ("1sip:a@b", BadUri::Scheme),
        ("<sip:a@b>", BadUri::Scheme),
        ("sip:", BadUri::Host),
        ("sip:@b", BadUri::User),
        ("sip:a@", BadUri::Host),
        ("sip:a@b@c", BadUri::User),
        ("sip:a%4@b", BadUri::User),
        ("sip:a b@c", BadUri::User),
        ("sip:2001:db8::10", BadUri::Port),
        ("sip:[2001:db8::10", BadUri::Host),
        ("sip:[2001:db8::g]", BadUri::Host),
        ("sip:[fe80::1%eth0]", BadUri::Host),
        ("sip:a@b:0", BadUri::Port),
        ("sip:a@b:65536", BadUri::Port),
        ("sip:a@b:-1", BadUri::Port),
        ("sip:a@256.1.1.1", BadUri::Host),
        ("sip:a@b..c", BadUri::Host),
        ("sip:a@b;;c", BadUri::Params),
        ("sip:a@b;c= d", BadUri::User),
        ("sip:a@b?", BadUri::Headers),
        ("sip:a@b?c", BadUri::Headers),
        ("tel:", BadUri::User),
        ("tel:+", BadUri::User),
        ("tel:--", BadUri::User),
        ("tel:alice", BadUri::User),
        ("mailto:", BadUri::User),
    ];
    for (text, why) in cases {
        assert_eq!(Uri::read(text), Err(why), "{text}");
    }
}

#[test]
fn the_same_address_in_other_words() {
    let pairs = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
        ("TEL:7042;Phone-Context=Example.com", "tel:7042;phone-context=example.com"),
    ];
    for (one, two) in pairs {
        assert!(uri(one).same(&uri(two)) && uri(two).same(&uri(one)), "{one} = {two}");
    }
}

#[test]
fn addresses_that_only_look_alike() {
    let pairs = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob@biloxi.com", "sip:bob:pw@biloxi.com"),
        ("tel:7042;phone-context=example.com", "tel:7042"),
    ];
    for (one, two) in pairs {
        assert!(!uri(one).same(&uri(two)) && !uri(two).same(&uri(one)), "{one} ≠ {two}");
    }
}

#[test]
fn a_user_is_escaped_when_an_address_is_made() {
    let made = Uri::sip(Some("a b@c"), Host::read("pbx.uz").unwrap(), Some(5060));
    assert_eq!(made.to_text(), "sip:a%20b%40c@pbx.uz:5060");
    assert_eq!(made.user_text().as_deref(), Some("a b@c"));
}

#[test]
fn a_number_does_not_show_in_debug() {
    assert_eq!(format!("{:?}", uri("sip:+998901234567@pbx.uz:5060")), "sip:…@pbx.uz:5060");
    assert_eq!(format!("{:?}", uri("tel:+998901234567")), "tel:…@");
}
