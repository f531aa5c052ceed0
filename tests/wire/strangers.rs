//! Whoever does not know a password learns nothing of who has one: every answer to a known user's
//! name is, byte for byte, the answer to a name that nobody has (RFC 3261 section 22.4 leaves that
//! to the server; the time it takes is counted in `sip/guard.rs`).

use navbat::model::Name;
use navbat::sip::digest::Ha1;
use navbat::sip::{Flow, Transport, User};

use crate::desk::{Ask, Desk, OFFER, PHONE, credentials, register, settings, udp};

/// Names that no nonce can hold.
const KNOWN: &str = "sardor";
const UNKNOWN: &str = "nobody";

/// What strangers may try with a name.
const ATTEMPTS: [(&str, bool); 6] = [
    ("REGISTER", false),
    ("INVITE", false),
    ("INVITE", true),
    ("OPTIONS", true),
    ("MESSAGE", true),
    ("SUBSCRIBE", true),
];

/// A request in somebody's name; `to_them`: it also asks for them.
fn attempt(method: &'static str, to_them: bool, user: &str, cseq: u32) -> Ask {
    let mut ask = register(user, PHONE, "same", cseq, "");
    ask.method = method;
    ask.branch = format!("z9hG4bKsame{method}{cseq}");
    if method != "REGISTER" {
        let callee = if to_them { user } else { "+998901234567" };
        ask.uri = format!("sip:{callee}@pbx.example");
        ask.to = format!("<{}>", ask.uri);
    }
    if method == "INVITE" {
        ask.body = OFFER.to_owned();
    }
    ask
}

/// What comes back to one request, without the name that the request itself carried.
fn told(desk: &mut Desk, flow: Flow, ask: &Ask, user: &str) -> Vec<String> {
    desk.receive_over(flow, &ask.text());
    desk.take().into_iter().map(|sent| sent.text.replace(user, "USER")).collect()
}

/// Everything that a stranger hears who tries all attempts with one name, from the first challenge
/// until the source is silenced, and what the stack remembers of it.
fn tries(user: &str, over: Transport) -> (Vec<Vec<String>>, String) {
    let mut settings = settings();
    let ha1 = Ha1::new(KNOWN, &settings.domain, "secret");
    settings.users.insert(KNOWN.to_owned(), User { operator: Name::from("Sardor"), ha1 });
    let mut desk = Desk::with(settings);
    // The known telephone is at home elsewhere meanwhile.
    desk.register(KNOWN, "198.51.100.99:5060", "home", 1, "Expires: 600\r\n");
    desk.take();
    let connection = if over == Transport::Udp { 0 } else { 5 };
    let flow = Flow { transport: over, connection, ..udp(PHONE) };
    let mut heard = Vec::new();
    for (at, (method, to_them)) in ATTEMPTS.into_iter().enumerate() {
        let cseq = 1 + 10 * u32::try_from(at).unwrap();
        let first = attempt(method, to_them, user, cseq);
        desk.receive_over(flow, &first.text());
        let challenge = desk.the("401");
        heard.push(vec![challenge.text.replace(user, "USER")]);
        let right = credentials(&challenge, &first, user, "wrong!", 1);
        let nonce = challenge.text.split("nonce=\"").nth(1).unwrap();
        let nonce = nonce.split('"').next().unwrap();
        let lines = [
            right.clone(),                                       // a wrong password
            right.clone(),                                       // the same once more
            right.replace(nonce, &"0".repeat(nonce.len())),      // a nonce that is not ours
            right.replace("algorithm=SHA-256", "algorithm=MD5"), // a hash of another length
            right.replace("qop=auth, ", ""),                     // older than qop
            String::from("Authorization: Digest nothing\r\n"),
        ];
        for (more, line) in (1..).zip(lines) {
            let mut again = attempt(method, to_them, user, cseq + more);
            again.more = line;
            heard.push(told(&mut desk, flow, &again, user));
        }
        desk.wait(301_000); // the nonce is too old by now
        desk.take();
        let mut late = attempt(method, to_them, user, cseq + 9);
        late.more = right;
        heard.push(told(&mut desk, flow, &late, user));
        desk.wait(601_000); // whatever was silenced is heard again
        desk.take();
    }
    for at in 0..12 {
        let ask = attempt("REGISTER", false, user, 100 + at);
        desk.receive_over(flow, &ask.text());
        let Some(challenge) = desk.take().pop().filter(|it| it.what() == "401") else {
            heard.push(Vec::new());
            continue;
        };
        let mut again = attempt("REGISTER", false, user, 200 + at);
        again.more = credentials(&challenge, &ask, user, "wrong!", 1);
        heard.push(told(&mut desk, flow, &again, user));
    }
    (heard, format!("{:?}", desk.stack.load()))
}

#[test]
fn a_known_name_and_an_unknown_one_hear_the_same_bytes() {
    for over in [Transport::Udp, Transport::Tcp] {
        let (known, load_known) = tries(KNOWN, over);
        let (unknown, load_unknown) = tries(UNKNOWN, over);
        assert!(known.iter().filter(|it| !it.is_empty()).count() > ATTEMPTS.len() * 6);
        for (at, (known, unknown)) in known.iter().zip(&unknown).enumerate() {
            assert_eq!(known, unknown, "attempt {at} over {over:?}");
            let codes: Vec<&str> = known.iter().map(|it| &it[..11]).collect();
            assert!(
                codes.iter().all(|it| *it == "SIP/2.0 401" || *it == "SIP/2.0 403"),
                "attempt {at} over {over:?}: {codes:?}"
            );
        }
        assert_eq!(known.len(), unknown.len());
        assert_eq!(load_known, load_unknown, "over {over:?}");
    }
}
