//! The telephone of a browser at the running program: in for who is signed in, as themselves, and
//! out when they sign out.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::rig::{PATIENCE, Server, Site};

const CONFIG: &str = r#"
data_dir = "data"
[web]
listen = "127.0.0.1:0"
[sip]
listen = ["ws:127.0.0.1:0"]
domain = "navbat.local"
[[operator]]
name = "Dilnoza"
login = "dilnoza"
sip = { user = "dilnoza", password = "correct horse" }
[[operator]]
name = "Sardor"
login = "sardor"
sip = { user = "sardor", password = "battery staple" }
[queue.sales]
tiers = [{ after = "0s", members = ["Dilnoza", "Sardor"] }]
"#;

type Page = WebSocketStream<TcpStream>;

async fn open(server: &Server, cookie: &str) -> Page {
    let line = server.welcome.lines().find_map(|line| line.strip_prefix("Telephones: ws:"));
    let at = line.unwrap_or_else(|| panic!("{}", server.welcome)).trim().to_owned();
    let mut asked = format!("ws://{at}/").into_client_request().unwrap();
    let headers = asked.headers_mut();
    headers.insert("origin", HeaderValue::from_str(&server.base).unwrap());
    headers.insert("cookie", HeaderValue::from_str(cookie).unwrap());
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("sip"));
    let stream = TcpStream::connect(&at).await.unwrap();
    tokio_tungstenite::client_async(asked, stream).await.unwrap().0
}

fn register(user: &str) -> Message {
    Message::text(format!(
        "REGISTER sip:navbat.local SIP/2.0\r\n\
         Via: SIP/2.0/WS page.invalid;branch=z9hG4bK{user};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@navbat.local>;tag=1\r\n\
         To: <sip:{user}@navbat.local>\r\nCall-ID: {user}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:{user}@page.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
    ))
}

/// The first line of what comes next, or how the page is sent away.
async fn next(page: &mut Page) -> String {
    let next = tokio::time::timeout(PATIENCE, page.next()).await.expect("nothing came");
    match next.unwrap().unwrap() {
        Message::Close(close) => close.unwrap().reason.to_string(),
        other => other.to_text().unwrap().lines().next().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn a_page_telephones_as_who_is_signed_in_and_until_they_sign_out() {
    let site = Site::new();
    site.write(CONFIG);
    let server = site.serve();
    let said = site.printed(&["user", "add", "dilnoza", "--role", "operator"]);
    let link = said.rsplit_once("/setup#").unwrap().1.trim();
    let body = json!({ "token": link, "password": "to'g'ri ot batareya" });
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let api = |path: &str| format!("{}/api/v1{path}", server.base);
    let signed = http.post(api("/password")).json(&body).send().await.unwrap();
    assert_eq!(signed.status(), 200);
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let cookie = cookie.to_owned();
    let csrf = signed.json::<serde_json::Value>().await.unwrap()["csrf"].clone();

    let mut stranger = open(&server, "navbat_session=0123456789abcdef").await;
    assert_eq!(next(&mut stranger).await, "sign in first");
    let mut page = open(&server, &cookie).await;
    page.send(register("sardor")).await.unwrap();
    assert_eq!(next(&mut page).await, "SIP/2.0 403 Forbidden");
    page.send(register("dilnoza")).await.unwrap();
    assert_eq!(next(&mut page).await, "SIP/2.0 401 Unauthorized", "the password is asked for, too");
    let out = http.post(api("/logout")).header("cookie", &cookie);
    let out = out.header("x-csrf-token", csrf.as_str().unwrap()).json(&json!({}));
    assert!(out.send().await.unwrap().status().is_success());
    assert_eq!(next(&mut page).await, "signed out");
    let mut again = open(&server, &cookie).await;
    assert_eq!(next(&mut again).await, "sign in first");
}
