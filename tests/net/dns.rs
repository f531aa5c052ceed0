//! Carriers by name (RFC 3263), against a name server that stands in the test.

use std::net::SocketAddr;

use hickory_resolver::proto::rr::RecordType;
use navbat::net::{Arrived, NameError, Names, NetLimits, Target};
use navbat::sip::{Hop, Transport};
use std::time::Duration;

use super::rig::{self, Rig};
use super::zone::Zone;

fn target(port: Option<u16>, transport: Option<Transport>) -> Target {
    Target { host: "carrier.example".into(), port, transport }
}

fn places(hops: &[Hop]) -> Vec<(Transport, String)> {
    hops.iter().map(|hop| (hop.transport, hop.peer.to_string())).collect()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_port_that_is_written_asks_for_addresses_only() {
    let zone = Zone::open().await;
    zone.a("carrier.example.", 60, [192, 0, 2, 1]);
    zone.a("carrier.example.", 60, [192, 0, 2, 2]);
    let names = Names::at(zone.address);
    let found = names.find(&target(Some(5070), None)).await.unwrap();
    let mut places = places(&found.hops);
    places.sort();
    let udp = |text: &str| (Transport::Udp, text.to_owned());
    assert_eq!(places, [udp("192.0.2.1:5070"), udp("192.0.2.2:5070")]);
    assert!(found.holds_for <= Duration::from_secs(60), "{:?}", found.holds_for);
    assert!(zone.asked().iter().all(|(_, kind)| *kind != RecordType::SRV));
}

#[tokio::test]
async fn services_are_tried_by_priority_and_a_lost_host_hides_nobody() {
    let zone = Zone::open().await;
    zone.srv("_sip._udp.carrier.example.", 300, (20, 0, 5060, "spare.example."));
    zone.srv("_sip._udp.carrier.example.", 300, (10, 0, 5080, "first.example."));
    zone.srv("_sip._udp.carrier.example.", 300, (15, 0, 5080, "lost.example."));
    zone.a("first.example.", 40, [192, 0, 2, 1]);
    zone.a("spare.example.", 300, [192, 0, 2, 2]);
    let found = Names::at(zone.address).find(&target(None, Some(Transport::Udp))).await.unwrap();
    let peers: Vec<SocketAddr> = found.hops.iter().map(|hop| hop.peer).collect();
    assert_eq!(peers, [at("192.0.2.1:5080"), at("192.0.2.2:5060")]);
    assert!(found.holds_for <= Duration::from_secs(40), "{:?}", found.holds_for);
}

#[tokio::test]
async fn what_is_offered_decides_the_transport() {
    let zone = Zone::open().await;
    zone.naptr("carrier.example.", 60, (20, 10, "SIP+D2U", "_sip._udp.carrier.example."));
    zone.naptr("carrier.example.", 60, (10, 10, "SIPS+D2T", "_sips._tcp.carrier.example."));
    zone.naptr("carrier.example.", 60, (5, 10, "E2U+web:http", "web.example."));
    zone.srv("_sip._udp.carrier.example.", 60, (1, 1, 5060, "a.example."));
    zone.srv("_sips._tcp.carrier.example.", 60, (1, 1, 5061, "a.example."));
    zone.a("a.example.", 60, [192, 0, 2, 7]);
    let found = Names::at(zone.address).find(&target(None, None)).await.unwrap();
    let expected = [
        (Transport::Tls, String::from("192.0.2.7:5061")),
        (Transport::Udp, String::from("192.0.2.7:5060")),
    ];
    assert_eq!(places(&found.hops), expected);
}

#[tokio::test]
async fn without_any_service_the_name_itself_is_the_place() {
    let zone = Zone::open().await;
    zone.a("carrier.example.", 60, [192, 0, 2, 9]);
    let names = Names::at(zone.address);
    let found = names.find(&target(None, None)).await.unwrap();
    assert_eq!(places(&found.hops), [(Transport::Udp, String::from("192.0.2.9:5060"))]);
    let found = names.find(&target(None, Some(Transport::Tls))).await.unwrap();
    assert_eq!(places(&found.hops), [(Transport::Tls, String::from("192.0.2.9:5061"))]);
}

#[tokio::test]
async fn a_name_that_is_unknown_and_a_server_that_is_silent_differ() {
    let zone = Zone::open().await;
    let names = Names::at(zone.address);
    let host = String::from("carrier.example");
    let asked = target(Some(5060), None);
    assert_eq!(names.find(&asked).await, Err(NameError::Unknown(host.clone())));
    zone.silence(true);
    assert_eq!(names.find(&asked).await, Err(NameError::Silent(host)));
    zone.silence(false);
    zone.srv("_sip._udp.carrier.example.", 60, (0, 0, 0, "."));
    let refused = names.find(&target(None, Some(Transport::Udp))).await;
    assert!(matches!(refused, Err(NameError::Unknown(_))), "{refused:?}");
}

#[tokio::test]
async fn the_exchange_hears_of_a_move_and_keeps_the_last_good_answer() {
    let zone = Zone::open().await;
    zone.a("carrier.example.", 1, [192, 0, 2, 1]);
    let limits = NetLimits {
        names_again_min: Duration::from_millis(20),
        names_again_max: Duration::from_millis(200),
        ..NetLimits::default()
    };
    let mut rig = Rig::open(&[], limits);
    let trunk = || [("uzt".into(), target(Some(5060), None))];
    rig.wires.watch(&Names::at(zone.address), trunk());
    let told = |arrived: Arrived| match arrived {
        Arrived::TrunkHops { trunk, hops } => (trunk.to_string(), hops[0].peer.to_string()),
        other @ (Arrived::Packet(_) | Arrived::Undelivered(_)) => panic!("{other:?}"),
    };
    assert_eq!(told(rig.next().await), ("uzt".into(), "192.0.2.1:5060".into()));
    // Silence changes nothing: the questions go on and nobody is told that it is gone.
    zone.silence(true);
    let asked = zone.asked().len();
    rig::until(|| zone.asked().len() > asked + 2).await;
    rig.nothing();
    zone.silence(false);
    zone.clear();
    zone.a("carrier.example.", 1, [192, 0, 2, 2]);
    assert_eq!(told(rig.next().await), ("uzt".into(), "192.0.2.2:5060".into()));
    // The same carrier again is no news; another one is.
    rig.wires.watch(&Names::at(zone.address), trunk());
    rig.wires.watch(&Names::at(zone.address), []);
    let asked = zone.asked().len();
    zone.a("other.example.", 60, [192, 0, 2, 3]);
    let other = Target { host: "other.example".into(), port: Some(5060), transport: None };
    rig.wires.watch(&Names::at(zone.address), [("sarkor".into(), other)]);
    assert_eq!(told(rig.next().await), ("sarkor".into(), "192.0.2.3:5060".into()));
    let later = zone.asked();
    let old = |(name, _): &&(String, RecordType)| name == "carrier.example.";
    assert!(later[asked..].iter().filter(old).count() <= 2, "{later:?}");
}
