//! No whole number and no secret in any log line, at any level, nor in any error's body.
//!
//! Everything that the process logs at trace level is captured while good, bad and hostile
//! requests go through. The client is a bare socket, so that every line comes from the server.

#[expect(dead_code, reason = "shared with tests/web, which uses all of it")]
#[path = "web/rig.rs"]
mod rig;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use navbat::model::Period;
use navbat::store::JournalLimits;
use rig::{CALL_OF_AZIZA, HOOK_TOKEN, PASSWORD, Rig, Wish, call_id, lives, made, token_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What must not be seen: the client's number as people and providers write it, and secrets.
const HIDDEN: [&str; 8] = [
    "998901234567",
    "901234567",
    "90 123 45 67",
    "90 123-45-67",
    "1234567",
    HOOK_TOKEN,
    PASSWORD,
    "a-guessed-password",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sends one request and gives the status and everything that was answered.
async fn ask(rig: &Rig, method: &str, path: &str, extra: &str, body: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(rig.address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\
         {extra}\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut said));
    let _ = read.await.expect("an answer");
    let said = String::from_utf8_lossy(&said).into_owned();
    (said.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0), said)
}

/// Reads a stream until some events came.
async fn listen(rig: &Rig, who: &str) {
    let mut socket = TcpStream::connect(rig.address).await.unwrap();
    let request = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        token_of(who)
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut bytes = [0_u8; 4096];
    while !seen.contains("event: episode") {
        let read = tokio::time::timeout(Duration::from_secs(15), socket.read(&mut bytes)).await;
        let read = read.expect("events in time").unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        if seen.contains("event: hello") && !seen.contains("event: pop") {
            lives().into_iter().for_each(|live| {
                rig.hub.publish(live);
            });
        }
    }
}

async fn hooks(rig: &Rig) -> Vec<(u16, String)> {
    let json = "Content-Type: application/json\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let main = format!("/hooks/sipuni/main/{HOOK_TOKEN}");
    let number = "src_num=998901234567&src_type=1&dst_num=201&dst_type=2&timestamp=1795150800";
    let mut answers = Vec::new();
    for (path, headers, body) in [
        (format!("{main}?event=1&call_id=p1&{number}"), "", ""),
        (main.clone(), form, "event=2&call_id=p1&src_num=998901234567"),
        (
            main.clone(),
            json,
            "{\"event\":\"1\",\"call_id\":\"p2\",\"src_num\":\"+998 90 123-45-67\"}",
        ),
        (main.clone(), json, "{\"event\": 998901234567"),
        (main.clone(), json, "\"+998901234567"),
        (format!("{main}?event=998901234567&call_id=p3"), "", ""),
        (format!("{main}?from_number=998901234567&label=201"), "", ""),
        (format!("/hooks/sipuni/nobody-998901234567/{HOOK_TOKEN}"), form, "src=998901234567"),
        (format!("/hooks/sipuni/main/{HOOK_TOKEN}x"), form, "src=998901234567"),
        (format!("/hooks/998901234567/main/{HOOK_TOKEN}"), "", ""),
        (
            format!("/hooks/onlinepbx/pbx/{HOOK_TOKEN}"),
            form,
            "event=call_start&caller=998901234567",
        ),
    ] {
        let method = if body.is_empty() { "GET" } else { "POST" };
        answers.push(ask(rig, method, &path, headers, body).await);
    }
    answers
}

async fn api(rig: &Rig) -> Vec<(u16, String)> {
    let json = "Content-Type: application/json\r\n";
    let admin = format!("{json}Authorization: Bearer {}\r\n", token_of("admin"));
    let aziza = format!("{json}Cookie: navbat_session={}\r\n", token_of("aziza"));
    let guess = "{\"login\":\"aziza\",\"password\":\"a-guessed-password\"}";
    let link = format!("{{\"token\":\"{HOOK_TOKEN}\",\"password\":\"{PASSWORD}\"}}");
    let call = format!("/api/v1/calls/{}", call_id(CALL_OF_AZIZA));
    let mut answers = Vec::new();
    for (method, path, headers, body) in [
        ("POST", "/api/v1/login", json, guess),
        (
            "POST",
            "/api/v1/login",
            json,
            "{\"login\":\"998901234567\",\"password\":\"a-guessed-password\"",
        ),
        ("POST", "/api/v1/password", json, link.as_str()),
        ("GET", "/api/v1/calls?client=%2B998901234567", &aziza, ""),
        ("GET", "/api/v1/calls?client=998901234567", &admin, ""),
        ("GET", "/api/v1/calls?clint=998901234567", &admin, ""),
        ("GET", "/api/v1/calls/998901234567", &admin, ""),
        ("GET", "/api/v1/998901234567", &admin, ""),
        ("GET", "/998901234567", "", ""),
        ("PUT", "/api/v1/presence/998901234567", &admin, "{\"intent\":{\"is\":\"ready\"}}"),
        ("POST", "/api/v1/missed/1/close", &admin, "{\"reason\":998901234567}"),
        ("POST", "/api/v1/missed/998901234567/close", &admin, "{\"reason\":\"998901234567\"}"),
    ] {
        answers.push(ask(rig, method, path, headers, body).await);
    }
    for (path, headers) in [(call.as_str(), &aziza), ("/api/v1/missed", &aziza)] {
        let (status, said) = ask(rig, "GET", path, headers, "").await;
        assert_eq!(status, 200, "{said}");
        answers.push((499, said)); // held to the same as an error's body: an operator is masked
    }
    assert_eq!(ask(rig, "GET", &call, &admin, "").await.0, 200);
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_and_no_error_holds_a_number_or_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let limits = JournalLimits { answer_within: Period::millis(300), ..JournalLimits::default() };
    let mut rig = Rig::with(Wish { limits, ..Wish::default() }).await;
    rig.record(made::day()).await;

    let mut answers = hooks(&rig).await;
    answers.extend(api(&rig).await);
    listen(&rig, "supervisor").await;
    rig.journal.close().await;
    answers.extend(hooks(&rig).await);
    rig.store.close().await;
    answers.extend(api_without_database(&rig).await);

    let errors: Vec<_> = answers.iter().filter(|(status, _)| *status >= 400).collect();
    assert!(errors.len() > 15, "the scenario provokes errors: {}", errors.len());
    for (status, said) in errors {
        for hidden in HIDDEN {
            assert!(!said.contains(hidden), "{status} shows `{hidden}`: {said}");
        }
    }
    let lines = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(lines.lines().count() > 10, "the log was captured: {lines}");
    assert!(lines.contains("a webhook"), "and what the server says of hooks is in it");
    let people = ["admin", "aziza", "supervisor"].map(token_of);
    let people = people.iter().map(String::as_str);
    for line in lines.lines() {
        for hidden in HIDDEN.into_iter().chain(people.clone()) {
            assert!(!line.contains(hidden), "`{hidden}` in the log: {line}");
        }
    }
}

async fn api_without_database(rig: &Rig) -> Vec<(u16, String)> {
    let admin = format!("Authorization: Bearer {}\r\n", token_of("admin"));
    let mut answers = Vec::new();
    for path in ["/api/v1/calls?client=%2B998901234567", "/api/v1/missed", "/api/v1/board"] {
        answers.push(ask(rig, "GET", path, &admin, "").await);
    }
    assert_eq!(answers[0].0, 503, "{}", answers[0].1);
    assert_eq!(answers[2].0, 200, "the board answers from memory: {}", answers[2].1);
    answers
}
