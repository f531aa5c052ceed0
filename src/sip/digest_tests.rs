//! Digest: the worked examples of the RFCs, and answers that must not pass.

use super::*;

const HTTP_NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

/// The example of RFC 7616 section 3.9.1 is for a GET, which SIP has not: the arithmetic is
/// checked with its request hash put in by hand.
#[test]
fn the_example_of_rfc_7616() {
    let ha1 = Ha1::new("Mufasa", "http-auth@example.org", "Circle of Life");
    let cases = [
        (Algorithm::Md5, &hex(&ha1.md5), "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm::Sha256,
            &hex(&ha1.sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ];
    for (algorithm, first, expected) in cases {
        let second = algorithm.hash("GET:/dir/index.html");
        let text = format!("{first}:{HTTP_NONCE}:00000001:{CNONCE}:auth:{second}");
        assert_eq!(algorithm.hash(&text), expected);
    }
}

fn challenge(algorithm: Algorithm) -> Challenge {
    Challenge {
        realm: String::from("pbx.uz"),
        nonce: String::from("n1"),
        opaque: Some(String::from("o\"1")),
        algorithm,
        qop_auth: true,
        stale: false,
    }
}

const ALL: [Algorithm; 4] =
    [Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess];

#[test]
fn what_is_answered_verifies_and_nothing_else_does() {
    let ha1 = Ha1::new("aziza", "pbx.uz", "secret");
    for algorithm in ALL {
        let signer =
            Signer { user: "aziza", ha1: &ha1, method: Method::Invite, uri: "sip:100@pbx.uz" };
        let answer = Credentials::answer(&challenge(algorithm), &signer, "c1", 1);
        let read = Credentials::read(&answer.to_text()).unwrap();
        assert_eq!(read, answer);
        assert!(read.verify(&ha1, Method::Invite));
        assert!(!read.verify(&ha1, Method::Bye));
        assert!(!read.verify(&Ha1::new("aziza", "pbx.uz", "Secret"), Method::Invite));
        let mut changed = read.clone();
        changed.uri = String::from("sip:900@pbx.uz");
        assert!(!changed.verify(&ha1, Method::Invite));
        let mut later = read.clone();
        later.qop = Some(Qop { nc: 2, cnonce: String::from("c1") });
        assert!(!later.verify(&ha1, Method::Invite));
        let mut upper = read.clone();
        upper.response.make_ascii_uppercase();
        assert!(upper.verify(&ha1, Method::Invite));
        let mut short = read;
        short.response.pop();
        assert!(!short.verify(&ha1, Method::Invite));
    }
}

#[test]
fn an_answer_without_qop_is_made_but_not_taken() {
    let mut old = challenge(Algorithm::Md5);
    old.qop_auth = false;
    let ha1 = Ha1::new("bob", "pbx.uz", "zanzibar");
    let signer = Signer { user: "bob", ha1: &ha1, method: Method::Register, uri: "sip:pbx.uz" };
    let answer = Credentials::answer(&old, &signer, "unused", 1);
    assert!(!answer.to_text().contains("cnonce"));
    assert!(!answer.verify(&ha1, Method::Register));
    let second = Algorithm::Md5.hash("REGISTER:sip:pbx.uz");
    let expected = Algorithm::Md5.hash(&format!("{}:n1:{second}", hex(&ha1.md5)));
    assert_eq!(answer.response, expected);
}

#[test]
fn a_challenge_is_read_as_it_is_written() {
    for algorithm in ALL {
        let mut own = challenge(algorithm);
        own.stale = true;
        assert_eq!(Challenge::read(&own.to_text()), Ok(own));
    }
    let text = "digest  Realm = \"a, \\\"b\\\"\" ,nonce=x,qop=\"auth-int, auth\", domain=\"sip:a\"";
    let read = Challenge::read(text).unwrap();
    assert_eq!((read.realm.as_str(), read.nonce.as_str()), ("a, \"b\"", "x"));
    assert_eq!((read.algorithm, read.qop_auth), (Algorithm::Md5, true));
}

#[test]
fn the_first_challenge_that_can_be_answered_is_chosen() {
    let headers = [
        "Basic realm=\"a\"",
        "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256, qop=\"auth\"",
        "Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256, qop=\"auth-int\"",
        "Digest realm=\"a\", nonce=\"3\", algorithm=SHA-256, qop=\"auth,auth-int\"",
        "Digest realm=\"a\", nonce=\"4\", algorithm=MD5, qop=\"auth\"",
    ];
    assert_eq!(Challenge::choose(headers).map(|chosen| chosen.nonce).as_deref(), Some("3"));
    assert_eq!(Challenge::choose(["Basic realm=\"a\""]), None);
}

#[test]
fn broken_headers_are_told_apart_from_foreign_ones() {
    let whole = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0\"";
    assert!(Credentials::read(whole).is_ok());
    let cases = [
        ("NoOneKnowsThisScheme opaque-data=here".to_owned(), BadDigest::Scheme),
        ("Digest".to_owned(), BadDigest::Scheme),
        (format!("{whole}, algorithm=X"), BadDigest::Unsupported),
        (format!("{whole}, qop=auth-int"), BadDigest::Unsupported),
        (format!("{whole}, qop=auth"), BadDigest::Malformed),
        (format!("{whole}, qop=auth, nc=1, cnonce=\"c\""), BadDigest::Malformed),
        (format!("{whole}, qop=auth, nc=+0000001, cnonce=\"c\""), BadDigest::Malformed),
        (format!("{whole}, realm=\"s\""), BadDigest::Malformed),
        (format!("{whole} x"), BadDigest::Malformed),
        (format!("{whole}, x=\"y"), BadDigest::Malformed),
        ("Digest username=\"u\"".to_owned(), BadDigest::Malformed),
        ("Digest =".to_owned(), BadDigest::Malformed),
        (format!("{whole}, algorithm=MD5-sess"), BadDigest::Malformed),
    ];
    for (text, why) in cases {
        assert_eq!(Credentials::read(&text), Err(why), "{text}");
    }
}

#[test]
fn hashes_do_not_show() {
    assert_eq!(format!("{:?}", Ha1::new("a", "b", "c")), "Ha1(…)");
}
