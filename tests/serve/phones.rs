//! Telephones at the running program: a caller comes in by a trunk, two operators ring, one takes
//! the call, and everything a person looks at says so.

use navbat::sip::Event;
use tokio::net::UdpSocket;

use super::rig::{PATIENCE, Server, Site};
use super::telephone::Telephone;

fn config(carrier: u16) -> String {
    format!(
        r#"
data_dir = "data"
[web]
listen = "127.0.0.1:0"
[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
domain = "navbat.local"
[[operator]]
name = "Dilnoza"
ready = "always"
sip = {{ user = "dilnoza", password = "correct horse" }}
[[operator]]
name = "Sardor"
ready = "always"
sip = {{ user = "sardor", password = "battery staple" }}
[queue.sales]
strategy = "parallel"
wrap_up = "0s"
tiers = [{{ after = "0s", members = ["Dilnoza", "Sardor"] }}]
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

/// Where the server hears telephones over UDP; it says so when it starts.
pub fn telephones(server: &Server) -> std::net::SocketAddr {
    let line = server.welcome.lines().find_map(|line| line.strip_prefix("Telephones: udp:"));
    line.unwrap_or_else(|| panic!("{}", server.welcome)).trim().parse().unwrap()
}

/// What the server says of itself while it is ready; `None` once it is not.
async fn ready(server: &Server) -> Option<serde_json::Value> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let answer = http.get(format!("{}/readyz", server.base)).send().await.ok()?;
    let whole = answer.status() == 200;
    let text = answer.text().await.ok().filter(|_| whole)?;
    Some(serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn a_call_rings_two_telephones_and_one_takes_it() {
    let site = Site::new();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    site.write(&config(socket.local_addr().unwrap().port()));
    let server = site.serve();
    let at = telephones(&server);
    let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
    let mut stream = server.stream(&token).await;
    let mut carrier = Telephone::carrier(socket, at).await;
    let mut dilnoza = Telephone::registered(at, "dilnoza", "correct horse").await;
    let mut sardor = Telephone::registered(at, "sardor", "battery staple").await;
    carrier.call("998901234567", "998712000001");
    let (hers, his) = (dilnoza.rings().await, sardor.rings().await);
    let mut rung = [stream.next("pop").await, stream.next("pop").await];
    rung.sort_by_key(|card| card["operator"].to_string());
    assert_eq!((&rung[0]["operator"], &rung[1]["operator"]), (&"Dilnoza".into(), &"Sardor".into()));
    assert_eq!(rung[0]["client"], "+998901234567");
    assert_eq!(rung[0]["state"]["is"], "ringing");
    dilnoza.answer(hers);
    let call = loop {
        match carrier.next().await {
            Event::Answered { session, .. } => break session,
            Event::Refused { code, .. } => panic!("refused with {code}"),
            _ => {}
        }
    };
    // Whoever was not first is told, and has missed nothing.
    let cause = loop {
        match sardor.next().await {
            Event::Cancelled { session, cause } if session == his => break cause,
            Event::Ended { .. } => panic!("he never answered"),
            _ => {}
        }
    };
    assert_eq!(cause.map(|cause| cause.sip), Some(200));
    loop {
        match dilnoza.next().await {
            Event::Confirmed { session, .. } if session == hers => break,
            Event::Ended { cause, .. } => panic!("{cause:?}"),
            _ => {}
        }
    }
    carrier.hang_up(call);
    loop {
        if let Event::Ended { session, .. } = dilnoza.next().await
            && session == hers
        {
            break;
        }
    }
    let calls = server.until(&token, "/calls", |calls| calls["items"][0]["settled"] == true).await;
    let call = &calls["items"][0];
    assert_eq!(call["answered_by"], "Dilnoza", "{call}");
    assert_eq!((&call["outcome"], &call["provider"]), (&"answered".into(), &"sip".into()));
    assert_eq!(call["client_e164"], "+998901234567");
    assert_eq!(call["line_e164"], "+998712000001");
    assert_eq!(call["account"], "uztelecom");
    let trunk = ready(&server).await.unwrap()["trunks"][0].clone();
    assert_eq!((&trunk["name"], &trunk["up"]), (&"uztelecom".into(), &true.into()), "{trunk}");
    // The state is published every 100 ms.
    let free = async {
        while ready(&server).await.unwrap()["trunks"][0]["calls"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("the trunk stays busy");
    let providers = server.api(&token, "/providers").await;
    let trunk = &providers["items"][0];
    assert_eq!((&trunk["account"], &trunk["kind"]), (&"uztelecom".into(), &"sip".into()));
    server.signal("TERM");
    let ended = server.ended().await;
    assert!(ended.success(), "{ended:?}");
}

#[tokio::test]
async fn a_reload_and_a_stop_leave_a_call_alone() {
    let site = Site::new();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let whole = config(socket.local_addr().unwrap().port());
    let sardor = "sip = { user = \"sardor\", password = \"battery staple\" }";
    site.write(&whole.replace(sardor, "aliases = [\"201\"]"));
    let server = site.serve();
    let at = telephones(&server);
    let mut carrier = Telephone::carrier(socket, at).await;
    let mut dilnoza = Telephone::registered(at, "dilnoza", "correct horse").await;
    carrier.call("998901234567", "998712000001");
    let hers = dilnoza.rings().await;
    dilnoza.answer(hers);
    let call = loop {
        if let Event::Answered { session, .. } = carrier.next().await {
            break session;
        }
    };
    // Another telephone is made known while they talk.
    site.write(&whole);
    site.printed(&["reload"]);
    let _sardor = Telephone::registered(at, "sardor", "battery staple").await;
    server.signal("TERM");
    // New calls are refused before the pages close; the two still talk.
    let closing = async {
        while ready(&server).await.is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, closing).await.expect("it does not stop");
    carrier.call("998901234568", "998712000001");
    loop {
        match carrier.next().await {
            Event::Refused { code, retry_after, .. } => {
                assert_eq!((code, retry_after), (503, Some(5)));
                break;
            }
            Event::Ended { session, cause } => panic!("{session:?}: {cause:?}"),
            _ => {}
        }
    }
    carrier.hang_up(call);
    loop {
        match dilnoza.next().await {
            Event::Ended { session, .. } if session == hers => break,
            _ => {}
        }
    }
    let ended = server.ended().await;
    assert!(ended.success(), "{ended:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let site = Site::new();
    let text = config(5060).replace("\"udp:127.0.0.1:0\"", &format!("\"udp:127.0.0.1:{port}\""));
    site.write(&text);
    let output = site.run(&["serve"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains(&format!("127.0.0.1:{port} is taken")), "{text}");
    assert!(text.contains("[sip] listen"), "{text}");
}
