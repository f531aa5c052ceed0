//! What a reader does with input that is not as its sheet says: refuse, keep and count, or take
//! it in another method and encoding all the same.

use navbat::connect::provider::{
    Account, Kind, Question, ReadError, Request, What, answer, bad_body_token,
    provider_path_matches, read, success,
};
use navbat::model::{Name, Party, Wall};
use navbat::switch::AskKind;
use secrecy::SecretString;

use super::capture::{Capture, account_of};
use super::captures;

const NOW: Wall = Wall::from_unix(1_795_150_800);
const KINDS: [&str; 6] = ["sipuni", "onlinepbx", "utel", "itoolabs", "sarkor", "generic"];

fn bare(provider: &str) -> Account {
    Account::of_path(provider, "a1".into(), SecretString::from("SECRET")).unwrap()
}

fn take(
    account: &Account,
    content_type: &str,
    query: &str,
    body: &[u8],
) -> Result<What, ReadError> {
    let headers = [(String::from("Content-Type"), content_type.to_owned())];
    let request = Request { method: "POST", query, headers: &headers, body };
    read(account, &request, NOW).map(|reading| reading.what)
}

#[test]
fn what_cannot_be_decoded_is_refused_by_every_reader() {
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    for provider in KINDS {
        let account = bare(provider);
        for (content_type, query, body) in [
            ("application/json", "", &b"{\"event\":"[..]),
            ("application/json", "", b"\xff\xfe"),
            ("application/json", "", deep.as_bytes()),
            ("", "", b"{broken"),
            ("application/x-www-form-urlencoded", "", b"event=%FF%FE"),
            ("application/x-www-form-urlencoded", "", b"event=\xc3\x28"),
            ("", "event=%C3%28", b""),
        ] {
            let taken = take(&account, content_type, query, body);
            assert!(matches!(taken, Err(ReadError::Undecodable { .. })), "{provider} {taken:?}");
        }
    }
}

#[test]
fn what_decodes_and_means_nothing_is_kept_and_counted() {
    for provider in KINDS {
        let account = bare(provider);
        for body in [
            &b""[..],
            b"[]",
            b"[{\"event\":\"call_start\"}]",
            b"{\"event\":\"weird_event\",\"uuid\":\"1\",\"call_id\":\"1\",\"callid\":\"1\"}",
            b"{\"event\":{\"a\":1},\"cmd\":[],\"data\":7}",
            b"event=99&call_id=1&cmd=unheard&name=unheard",
            b"event=1&call_id=1&timestamp=soon&what=x",
            b"event=call_start&uuid=1&date=tomorrow",
        ] {
            assert_eq!(take(&account, "", "", body), Ok(What::Unknown), "{provider} {body:?}");
        }
    }
}

/// Every capture gives the same facts by GET, by form and as JSON.
#[test]
fn every_reader_takes_every_encoding() {
    for path in captures() {
        let capture = Capture::load(&path);
        for sent in &capture.requests {
            let Ok(told) = capture.reading(sent) else { continue };
            let body = String::from_utf8(sent.body.clone()).unwrap();
            let is_json = body.starts_with('{');
            let text = if is_json || body.is_empty() { sent.query.clone() } else { body };
            if is_json {
                let mut other = sent.clone();
                for (method, content_type) in [("GET", ""), ("PUT", "text/plain")] {
                    other.method = method.to_owned();
                    other.content_type = content_type.to_owned();
                    assert_eq!(capture.reading(&other).unwrap(), told, "{}", path.display());
                }
                continue;
            }
            let pairs: Vec<(String, String)> =
                form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            if pairs.iter().any(|(name, _)| name.contains('[')) {
                continue;
            }
            let object: serde_json::Map<String, serde_json::Value> =
                pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
            let json = serde_json::to_vec(&object).unwrap();
            for (query, content_type, body) in [
                (text.clone(), "", Vec::new()),
                (String::new(), "application/x-www-form-urlencoded", text.clone().into_bytes()),
                (String::new(), "application/json; charset=utf-8", json.clone()),
                (String::from("event=0&cmd=none&user_id="), "application/json", json),
            ] {
                let mut other = sent.clone();
                (other.query, other.content_type) = (query, content_type.to_owned());
                other.body = body;
                if other.query.starts_with("event=0") && !text.contains("user_id") {
                    other.query = String::from("unheard=1");
                }
                assert_eq!(capture.reading(&other).unwrap(), told, "{}", path.display());
            }
        }
    }
}

#[test]
fn the_token_in_the_body_may_stand_in_a_header() {
    let account = account_of(r#"{"kind": "uztelecom", "profile": "itoolabs", "crm_token": "T0"}"#);
    let send = |body: &str, key: Option<&str>| {
        let headers: Vec<(String, String)> =
            key.map(|key| (String::from("X-API-KEY"), key.to_owned())).into_iter().collect();
        let request =
            Request { method: "POST", query: "", headers: &headers, body: body.as_bytes() };
        read(&account, &request, NOW).map(|reading| reading.kind)
    };
    let event = "cmd=event&type=INCOMING&phone=901234567&user=a&callid=1";
    assert_eq!(send(&format!("{event}&crm_token=T0"), None).as_deref(), Ok("INCOMING"));
    assert_eq!(send(event, Some("T0")).as_deref(), Ok("INCOMING"));
    assert_eq!(send(event, Some("T1")), Err(ReadError::BadBodyToken));
    assert_eq!(send(&format!("{event}&crm_token=T"), None), Err(ReadError::BadBodyToken));
    assert_eq!(send("cmd=contact&phone=901234567", None), Err(ReadError::BadBodyToken));
    assert_eq!(bad_body_token().body, r#"{"error":"Invalid token"}"#);
}

#[test]
fn the_path_names_the_kind_or_the_profile() {
    let utel = bare("utel");
    assert_eq!((utel.kind, provider_path_matches(&utel, "utel")), (Kind::Uztelecom, true));
    assert!(provider_path_matches(&utel, "uztelecom"));
    assert!(!provider_path_matches(&utel, "itoolabs"));
    assert!(!provider_path_matches(&bare("sipuni"), "generic"));
    assert!(Account::of_path("asterisk", "a".into(), SecretString::from("x")).is_none());
    assert!(Account::of_path("pbx", "a".into(), SecretString::from("x")).is_none());
}

#[test]
fn questions_are_answered_in_the_words_of_the_asker() {
    let ask = |kind| Question { key: None, client: Party::Hidden, line: None, queue: None, kind };
    let dilnoza = [Name::from("Dilnoza")];
    let aliases = |_: &Name| -> Vec<String> {
        ["+998901112233", "201", "dilnoza"].into_iter().map(str::to_owned).collect()
    };
    let whether = ask(AskKind::Whether { label: String::from("sales") });
    let sipuni = bare("sipuni");
    assert_eq!(answer(&sipuni, &whether, &dilnoza, &aliases).body, r#"{"choice":1}"#);
    assert_eq!(answer(&sipuni, &whether, &[], &aliases).body, r#"{"choice":0}"#);
    let itoolabs = bare("itoolabs");
    let order = answer(&itoolabs, &ask(AskKind::Order), &dilnoza, &aliases).body;
    assert_eq!(order, r#"{"contact_name":"","responsible":"dilnoza"}"#);
    assert_eq!(answer(&itoolabs, &ask(AskKind::Order), &[], &aliases).body, "{}");
    assert_eq!(success(&sipuni).body, r#"{"success":true}"#);
}

#[test]
fn nothing_secret_is_printed() {
    let account =
        account_of(r#"{"kind": "uztelecom", "profile": "itoolabs", "crm_token": "T0KEN"}"#);
    let printed = format!("{account:?}");
    assert!(!printed.contains("T0KEN") && !printed.contains("SECRET"), "{printed}");
    let error = take(&account, "", "", b"crm_token=GUESS").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("GUESS"));
    let error =
        take(&account, "application/json", "", b"{\"phone\":\"+998901234567\" 1").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("998"), "{error}");
}
