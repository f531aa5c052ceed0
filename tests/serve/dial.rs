//! Calls made from a page, at the running program: an operator's telephone rings first, then the
//! number; a colleague's caller is taken; a caller is passed on.

use navbat::sip::Event;
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::rig::{Server, Site};
use super::telephone::Telephone;

fn config(carrier: u16) -> String {
    format!(
        r#"
data_dir = "data"
[web]
listen = "127.0.0.1:0"
[sip]
listen = ["udp:127.0.0.1:0"]
domain = "navbat.local"
[[operator]]
name = "Dilnoza"
sip = {{ user = "dilnoza", password = "correct horse" }}
dial = {{ prefixes = ["+99890"], calls_max = 1, per_minute = 10, per_day = 10 }}
[[operator]]
name = "Sardor"
ready = "always"
sip = {{ user = "sardor", password = "battery staple" }}
[queue.sales]
wrap_up = "0s"
tiers = [{{ after = "0s", members = ["Sardor"] }}]
[[trunk]]
name = "uztelecom"
host = "127.0.0.1"
port = {carrier}
auth = "ip"
lines = ["+998712000001"]
queue = "sales"
"#
    )
}

struct Floor {
    _site: Site,
    server: Server,
    token: String,
    carrier: Telephone,
    dilnoza: Telephone,
    sardor: Telephone,
}

impl Floor {
    async fn open() -> Floor {
        let site = Site::new();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        site.write(&config(socket.local_addr().unwrap().port()));
        let server = site.serve();
        let line = server.welcome.lines().find_map(|line| line.strip_prefix("Telephones: udp:"));
        let at = line.unwrap().trim().parse().unwrap();
        let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
        let carrier = Telephone::carrier(socket, at).await;
        let dilnoza = Telephone::registered(at, "dilnoza", "correct horse").await;
        let sardor = Telephone::registered(at, "sardor", "battery staple").await;
        Floor { _site: site, server, token, carrier, dilnoza, sardor }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.server.act(&self.token, ("POST", path), body).await
    }
}

#[tokio::test]
async fn a_page_dials_what_the_operator_may_call() {
    let mut floor = Floor::open().await;
    let body = json!({ "to": "+79001234567", "operator": "Dilnoza" });
    let (status, told) = floor.post("/dial", body).await;
    assert_eq!(status, 409, "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("prefix"), "{told}");
    let body = json!({ "to": "+998901112233", "operator": "Sardor" });
    let (status, told) = floor.post("/dial", body).await;
    assert_eq!(status, 409, "he has no list: {told}");

    let body = json!({ "to": "+998 90 111-22-33", "operator": "Dilnoza" });
    assert_eq!(floor.post("/dial", body).await.0, 204);
    let hers = floor.dilnoza.rings().await;
    floor.dilnoza.answer(hers);
    let called = loop {
        if let Event::Invited(invited) = floor.carrier.next().await {
            break invited;
        }
    };
    assert_eq!(called.request.user.as_deref(), Some("998901112233"));
    assert_eq!(called.from.uri.user.as_deref(), Some("998712000001"));
    floor.carrier.answer(called.session);
    floor.dilnoza.until(|event| matches!(event, Event::Reoffered { .. })).await;
    // What is published may be a moment old.
    let reached = |row: &Value| row["reach"] == "reachable";
    let row = floor.server.until(&floor.token, "/operators/Dilnoza", reached).await;
    let telephone = &row["telephones"][0];
    assert_eq!(row["name"], "Dilnoza", "{row}");
    assert_eq!((&telephone["user"], &telephone["transport"]), (&"dilnoza".into(), &"udp".into()));
    assert_eq!((&telephone["address"], &telephone["seen"]), (&Value::Null, &true.into()));
    floor.dilnoza.hang_up(hers);
    floor.carrier.until(|event| matches!(event, Event::Ended { .. })).await;
    let settled = |page: &Value| page["items"][0]["settled"] == true;
    let page = floor.server.until(&floor.token, "/calls", settled).await;
    let call = &page["items"][0];
    assert_eq!((&call["direction"], &call["placed_by"]), (&"out".into(), &"Dilnoza".into()));
    assert_eq!((&call["account"], &call["provider"]), (&"uztelecom".into(), &"sip".into()));
    assert_eq!(call["line_e164"], "+998712000001", "{call}");
    assert_eq!(call["client_e164"], "+998901112233", "{call}");
}

#[tokio::test]
async fn a_page_takes_a_colleagues_caller_and_passes_them_on() {
    let mut floor = Floor::open().await;
    let mut stream = floor.server.stream(&floor.token).await;
    floor.carrier.call("998901234567", "998712000001");
    let his = floor.sardor.rings().await;
    let card = stream.next("pop").await;
    let call = card["call"].as_str().unwrap_or_else(|| panic!("{card}")).to_owned();
    let pickup = format!("/calls/{call}/pickup");
    let (status, told) = floor.post(&pickup, json!({ "operator": "Dilnoza" })).await;
    assert_eq!(status, 204, "{told}");
    let hers = floor.dilnoza.rings().await;
    floor.dilnoza.answer(hers);
    let over = |event: &Event| matches!(event, Event::Cancelled { session, .. } if *session == his);
    floor.sardor.until(over).await;
    while stream.next("pop").await["state"]["is"] != "talking" {}
    // Whether the page's state or the exchange itself is quicker to know: nobody waits any more.
    let (status, told) = floor.post(&pickup, json!({ "operator": "Sardor" })).await;
    assert!(matches!(status, 404 | 409), "{status} {told}");

    let transfer = format!("/calls/{call}/transfer");
    let (status, told) = floor.post(&transfer, json!({ "by": "Dilnoza" })).await;
    assert_eq!(status, 400, "to nobody: {told}");
    let outside = json!({ "by": "Dilnoza", "number": "+79001234567" });
    assert_eq!(floor.post(&transfer, outside).await.0, 409, "not a number of hers");
    let elsewhere = json!({ "by": "Sardor", "operator": "Dilnoza" });
    assert_eq!(floor.post(&transfer, elsewhere).await.0, 409, "he is not in this call");
    let to = json!({ "by": "Dilnoza", "operator": "Sardor" });
    let (status, told) = floor.post(&transfer, to).await;
    assert_eq!(status, 204, "{told}");
    let his = floor.sardor.rings().await;
    floor.sardor.answer(his);
    // The caller is told where the audio comes from.
    floor.carrier.until(|event| matches!(event, Event::Reoffered { .. })).await;
    let over = |event: &Event| matches!(event, Event::Ended { session, .. } if *session == hers);
    floor.dilnoza.until(over).await;
    floor.sardor.hang_up(his);
    floor.carrier.until(|event| matches!(event, Event::Ended { .. })).await;
    let settled = |page: &Value| page["items"][0]["settled"] == true;
    let page = floor.server.until(&floor.token, "/calls", settled).await;
    let row = &page["items"][0];
    assert_eq!(row["answered_by"], "Dilnoza", "{row}");
    assert_eq!(row["handled_by"], json!(["Dilnoza", "Sardor"]), "{row}");
}
