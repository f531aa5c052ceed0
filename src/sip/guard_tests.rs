//! The work for a name that nobody has, against the work for one that somebody has.

use super::super::digest::Signer;
use super::super::io::Transport;
use super::super::message::{Message, Method};
use super::super::settings::User;
use super::super::work;
use super::*;
use crate::model::Name;

const NOW: Mono = Mono(1_000_000);

fn settings() -> StackSettings {
    let mut settings = StackSettings::new("pbx.example", [9; 32]);
    let ha1 = Ha1::new("known", "pbx.example", "secret");
    settings.users.insert(String::from("known"), User { operator: Name::from("Known"), ha1 });
    settings
}

fn flow() -> Flow {
    let (local, peer) = ("192.0.2.1:5060".parse().unwrap(), "198.51.100.7:5060".parse().unwrap());
    Flow { transport: Transport::Udp, local, peer, connection: 0 }
}

fn request(method: &str, user: &str, more: &str) -> Request {
    let text = format!(
        "{method} sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@pbx.example>;tag=a\r\nTo: <sip:{user}@pbx.example>\r\n\
         Call-ID: one\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    );
    match super::super::read(text.as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

/// What a guard says of a request with these credentials, and how many hashes that took.
fn looked(guard: &mut Guard, method: &str, user: &str, more: &str, now: Mono) -> (Verdict, u32) {
    let request = request(method, user, more);
    work::taken();
    let verdict = guard.look(&request, flow(), &settings(), now, &|_| false);
    if verdict == (Verdict::Challenge { stale: false }) {
        guard.challenges(&request, &settings(), false, now);
    }
    (verdict, work::taken())
}

/// Every way to be turned away with one name: the verdicts and the hashes of each.
fn turned_away(method: &str, user: &str) -> Vec<(Verdict, u32)> {
    let mut guard = Guard::new(&[7; 32]);
    let mut seen = vec![looked(&mut guard, method, user, "", NOW)];
    let ha1 = Ha1::new(user, "pbx.example", "a guess");
    let method_of = Method::find(method).unwrap();
    let by = Signer { user, ha1: &ha1, method: method_of, uri: "sip:pbx.example" };
    let challenges = guard.challenges(&request(method, user, ""), &settings(), false, NOW);
    for now in [NOW, NOW + Period::secs(301)] {
        for challenge in &challenges {
            let challenge = Challenge::read(challenge).unwrap();
            let own = Credentials::answer(&challenge, &by, "cnonce", 1);
            let line = format!("Authorization: {}\r\n", own.to_text());
            seen.push(looked(&mut guard, method, user, &line, now));
            let foreign = line.replace(&challenge.nonce, &"0".repeat(challenge.nonce.len()));
            seen.push(looked(&mut guard, method, user, &foreign, now));
        }
    }
    let challenge = Challenge::choose(challenges.iter().map(String::as_str)).unwrap();
    let line = Credentials::answer(&challenge, &by, "cnonce", 1).to_text();
    let line = format!("Authorization: {line}\r\n");
    for _ in 0..FAILURES_MAX {
        seen.push(looked(&mut guard, method, user, &line, NOW + Period::secs(302)));
    }
    assert_eq!(seen.last().unwrap().0, Verdict::Blocked);
    seen
}

#[test]
fn an_unknown_user_costs_as_many_hashes_as_a_known_one() {
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let (known, unknown) = (turned_away(method, "known"), turned_away(method, "other"));
        assert_eq!(known, unknown, "{method}");
        // A signature to hold the nonce against, one for nobody's password, two for the answer,
        // two for the next challenge.
        assert_eq!(known[0], (Verdict::Challenge { stale: false }, 2), "{method}");
        assert_eq!(known[1], (Verdict::Challenge { stale: false }, 6), "{method}");
    }
}
