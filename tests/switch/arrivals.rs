//! Who gets in, as whom, and to where.

use navbat::model::Party;
use navbat::switch::{CallerFrom, NumbersOut};

use crate::peer::{DOMAIN, Manner, Stage, user_of};
use crate::text::Text;
use crate::world::{CLIENT, LINE, Site, World};

#[test]
fn nothing_of_one_leg_shows_on_the_other() {
    let mut world = World::new(Site::new(&["aziza"]));
    let secrets = [
        ("X-Carrier-Secret", "blue"),
        ("P-Charging-Vector", "icid-value=blue"),
        ("Subject", "blue"),
        ("User-Agent", "CarrierSwitch/9"),
    ];
    let call = world.peer("carrier").call(LINE, CLIENT, &secrets);
    world.run(5000);
    let carrier = world.peer("carrier").address;
    let theirs = world.peer("carrier").calls[&call].clone();
    for text in &world.peer("aziza").seen.clone() {
        let whole = String::from_utf8(text.bytes()).unwrap();
        assert!(!whole.contains("blue") && !whole.contains("CarrierSwitch"), "{whole}");
        assert!(!whole.contains(&call), "a Call-ID of the other leg: {whole}");
        assert!(!whole.contains(&theirs.ours), "a tag of the other leg: {whole}");
        let lines = text.headers.iter().map(|it| it.1.clone()).collect::<Vec<_>>().join("\n");
        assert!(!lines.contains(&carrier.ip().to_string()), "an address: {whole}");
        assert!(!whole.contains("o=carrier"), "an origin of the other leg: {whole}");
        assert!(text.all("Via").count() <= 1, "{whole}");
    }
    let invite = world.peer("aziza").saw("INVITE")[0].clone();
    assert_eq!(user_of(invite.get("From").unwrap()), "+998901234567");
}

#[test]
fn a_display_name_of_the_carrier_is_nobodys_word() {
    let mut world = World::new(Site::new(&["aziza"]));
    let from = "\"Your Bank\" <sip:+998901234567@carrier.test>";
    let asserted = ("P-Asserted-Identity", "<sip:+998907777777@carrier.test>");
    world.peer("carrier").call(LINE, from, &[asserted]);
    world.run(1000);
    let invite = world.peer("aziza").saw("INVITE")[0].clone();
    let whole = String::from_utf8(invite.bytes()).unwrap();
    assert!(!whole.contains("Your Bank"), "{whole}");
    assert!(!whole.contains("7777777"), "this trunk is trusted with From only: {whole}");
}

#[test]
fn the_trunk_says_which_header_names_the_caller() {
    let mut site = Site::new(&["aziza"]);
    site.trunks[0].caller_from = CallerFrom::Asserted;
    let mut world = World::new(site);
    let more = [("P-Asserted-Identity", "<sip:998907777777@carrier.test>"), ("Privacy", "id")];
    world.peer("carrier").call(LINE, "<sip:anonymous@anonymous.invalid>", &more);
    world.run(1000);
    let row = world.rows.values().next().unwrap();
    let number = row.client.as_ref().and_then(Party::e164).unwrap();
    assert_eq!(number.reveal(), "+998907777777");
}

#[test]
fn a_caller_without_a_trusted_number_stays_hidden() {
    let mut world = World::new(Site::new(&["aziza"]));
    let more = [("Privacy", "id")];
    world.peer("carrier").call(LINE, CLIENT, &more);
    world.run(1000);
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.client, Some(Party::Hidden));
}

#[test]
fn an_operator_dials_outside_in_the_trunks_own_format() {
    let mut site = Site::new(&["aziza"]);
    site.trunks[0].numbers_out = NumbersOut::National;
    let mut world = World::new(site);
    world.manner("carrier", Manner::Answers { rings: 100, after: 3000 });
    let call = world.peer("aziza").dial("901234567");
    world.run(6000);
    let invite = world.peer("carrier").saw("INVITE")[0].clone();
    assert_eq!(user_of(invite.uri()), "901234567");
    assert_eq!(user_of(invite.get("From").unwrap()), "712000001", "our line is shown");
    assert_eq!(world.peer("aziza").calls[&call].stage, Stage::Up);
    assert_eq!(world.peer("aziza").codes(), [401, 100, 180, 200]);
    let id = world.peer("carrier").up()[0].clone();
    world.peer("carrier").hang_up(&id);
    world.quiet();
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.placed_by.as_ref().map(|it| it.as_str()), Some("aziza"));
}

#[test]
fn numbers_that_are_not_allowed_are_refused() {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.peer("aziza").dial("+79001234567");
    world.run(3000);
    assert_eq!(world.peer("aziza").calls[&call].code, Some(403));
    assert_eq!(world.peer("carrier").saw("INVITE").len(), 0);
    let mut site = Site::new(&["aziza"]);
    site.allowed = None;
    let mut world = World::new(site);
    let call = world.peer("aziza").dial("901234567");
    world.run(3000);
    assert_eq!(world.peer("aziza").calls[&call].code, Some(403));
    assert_eq!(world.peer("carrier").saw("INVITE").len(), 0);
    world.quiet();
}

#[test]
fn an_operator_calls_a_colleague_by_extension() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    let call = world.peer("aziza").dial("202");
    world.run(5000);
    assert_eq!(world.up(), ["aziza", "bobur"]);
    let bobur = world.peer("bobur").address.ip().to_string();
    assert_eq!(world.peer("aziza").hears(&call), Some(bobur));
    let invite = world.peer("bobur").saw("INVITE")[0].clone();
    assert_eq!(user_of(invite.get("From").unwrap()), "aziza");
    world.peer("aziza").hang_up(&call);
    world.quiet();
}

#[test]
fn nobody_is_called_who_is_not_there() {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.peer("aziza").dial("nobody");
    world.run(3000);
    assert_eq!(world.peer("aziza").calls[&call].code, Some(404));
    world.quiet();
}

#[test]
fn the_call_that_rings_longest_is_picked_up() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("aziza", Manner::Rings);
    world.manner("bobur", Manner::Refuses { after: 500, code: 486 });
    let call = world.arrive();
    world.run(2000);
    let pickup = world.peer("bobur").dial("*8");
    world.run(3000);
    assert_eq!(world.up(), ["bobur", "carrier"]);
    assert_eq!(world.peer("bobur").calls[&pickup].stage, Stage::Up);
    let bobur = world.peer("bobur").address.ip().to_string();
    assert_eq!(world.peer("carrier").hears(&call), Some(bobur));
    assert!(world.peer("aziza").saw("CANCEL").len() == 1);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn strangers_get_nowhere() {
    let mut world = World::new(Site::new(&["aziza"]));
    let stranger = "203.0.113.5:5060".parse().unwrap();
    let invite = |to: &str| {
        Text::new(format!("INVITE sip:{to}@192.0.2.10 SIP/2.0"))
            .with("Via", "SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKevil")
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:aziza@{DOMAIN}>;tag=evil"))
            .with("To", format!("<sip:{to}@{DOMAIN}>"))
            .with("Call-ID", "evil")
            .with("CSeq", "1 INVITE")
            .with("Contact", "<sip:evil@203.0.113.5>")
    };
    world.inject(stranger, &invite("+998901234567").bytes());
    world.inject(stranger, &invite("201").with("Route", "<sip:10.9.9.9;lr>").bytes());
    world.run(2000);
    assert_eq!(world.peer("carrier").saw("INVITE").len(), 0);
    assert_eq!(world.peer("aziza").saw("INVITE").len(), 0);
    assert!(world.rows.is_empty());
    assert_eq!(world.switch.legs_open(), 0);
}

#[test]
fn a_full_trunk_and_a_broken_offer_are_refused() {
    let mut site = Site::new(&["aziza"]);
    site.trunks[0].channels_max = 1;
    let mut world = World::new(site);
    world.manner("aziza", Manner::Rings);
    let first = world.arrive();
    world.run(500);
    let second = world.arrive();
    world.run(500);
    assert_eq!(world.peer("carrier").calls[&second].code, Some(503));
    let refusal = world.peer("carrier").seen.iter().find(|it| it.code() == Some(503)).cloned();
    assert!(refusal.unwrap().get("Retry-After").is_some());
    world.peer("carrier").hang_up(&first);
    world.quiet();
}
