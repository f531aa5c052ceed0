//! Operators, queues and users made in the pages: in use at once, there after a kill, refused
//! with the field, read-only where the file says otherwise.

use serde_json::{Value, json};

use super::rig::{SIPUNI, Site, leg, started};

fn names(list: &Value) -> Vec<(&str, &str)> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|one| (one["name"].as_str().unwrap(), one["from"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn what_is_made_in_the_pages_rings_and_survives_a_kill() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "admin", "--name", "t"]);
    let jasur = json!({ "name": "Jasur", "settings": { "aliases": ["sipuni-main:203"] } });
    let (status, said) = server.act(&token, ("POST", "/admin/operators"), jasur).await;
    assert_eq!(status, 201, "{said}");
    let mut stream = server.stream(&token).await;
    server.get(SIPUNI, &started("1795150800.7", "998901234567")).await;
    server.get(SIPUNI, &leg(1, "1795150800.7", "998901234567", "203")).await;
    let pop = stream.next("pop").await;
    assert_eq!((&pop["operator"], &pop["provider"]), (&json!("Jasur"), &json!("sipuni")));
    // The provider rings the telephone: neither can be done from here, and the answer says why.
    for act in ["decline", "answer"] {
        let path = format!("/offers/{}/{act}", pop["offer"]);
        let (status, said) = server.act(&token, ("POST", &path), json!({})).await;
        assert_eq!(status, 409, "{said}");
        assert!(said["error"]["message"].as_str().unwrap().contains("sipuni-main"), "{said}");
    }

    let night = json!({ "name": "night", "settings": { "ring": "9s", "tiers": [{ "members": ["Jasur"] }] } });
    let make = ("POST", "/admin/queues");
    let (status, first) = server.act_once(&token, make, night.clone(), Some("k1")).await;
    assert_eq!(status, 201, "{first}");
    assert_eq!(first["warnings"][0]["code"], "one-operator", "{first}");
    server.kill();

    let server = site.serve();
    let again = server.act_once(&token, make, night.clone(), Some("k1")).await;
    assert_eq!(again, (201, first), "the first answer, over a kill");
    assert_eq!(server.act_once(&token, make, night, Some("k2")).await.0, 409);
    let reused = json!({ "name": "day", "settings": {} });
    let (status, said) = server.act_once(&token, make, reused, Some("k1")).await;
    assert_eq!((status, &said["error"]["code"]), (422, &json!("key_reused")));

    let queues = server.api(&token, "/admin/queues").await;
    assert_eq!(names(&queues), [("sales", "file"), ("night", "pages")]);
    assert_eq!(queues["items"][1]["settings"]["ring"], "9s");
    assert_eq!(queues["items"][1]["settings"]["service_level"]["target"], "20s");
    assert!(queues["items"][0]["at"].as_str().unwrap().contains("navbat.toml:"));
    let floor = server.api(&token, "/queues").await;
    assert!(floor.to_string().contains("\"night\""), "{floor}");

    // In use elsewhere: the answer says where; then the queue goes first.
    let (status, said) = server.act(&token, ("DELETE", "/admin/operators/Jasur"), json!({})).await;
    assert_eq!(status, 409, "{said}");
    assert!(said["error"]["message"].as_str().unwrap().contains("queue night"), "{said}");
    let (status, said) = server.act(&token, ("DELETE", "/admin/queues/night"), json!({})).await;
    assert_eq!((status, &said["live_calls"]), (200, &json!(0)), "{said}");
    let (status, _) = server.act(&token, ("DELETE", "/admin/operators/Jasur"), json!({})).await;
    assert_eq!(status, 200);
    let operators = server.api(&token, "/admin/operators").await;
    assert_eq!(names(&operators), [("Dilnoza", "file"), ("Sardor", "file")]);
    let audit = server.api(&token, "/admin/audit").await.to_string();
    for act in ["operator add", "queue add", "queue delete", "operator delete"] {
        assert!(audit.contains(act), "{act}: {audit}");
    }
}

#[tokio::test]
async fn a_wrong_field_is_named_and_the_file_is_read_only() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "admin", "--name", "t"]);
    let wrong = json!({ "rign": "9s", "tiers": [{ "members": ["Dilnoza", "Nobody"] }] });
    let body = json!({ "name": "night", "settings": wrong });
    let (status, said) = server.act(&token, ("POST", "/admin/queues"), body).await;
    assert_eq!((status, &said["error"]["code"]), (400, &json!("bad_fields")), "{said}");
    let fields = said["error"]["fields"].as_array().unwrap();
    let fields: Vec<_> = fields.iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["rign", "tiers[0].members[1]"], "{said}");

    let put = json!({ "settings": { "ring": "5s" } });
    let (status, said) = server.act(&token, ("PUT", "/admin/queues/sales"), put.clone()).await;
    assert_eq!(status, 409);
    assert!(said["error"]["message"].as_str().unwrap().contains("navbat.toml:"), "{said}");
    assert_eq!(server.act(&token, ("PUT", "/admin/queues/none"), put).await.0, 404);
    let twice = json!({ "name": "Sardor", "settings": {} });
    assert_eq!(server.act(&token, ("POST", "/admin/operators"), twice).await.0, 409);

    // The file now declares a name of the pages: both are named and nothing changes.
    let made = json!({ "name": "night", "settings": { "tiers": [{ "members": ["Dilnoza"] }] } });
    assert_eq!(server.act(&token, ("POST", "/admin/queues"), made).await.0, 201);
    site.append("[queue.night]\nring = \"7s\"\n[queue.day]\n");
    let refused = site.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(78));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("navbat.toml:") && told.contains("made in the pages"), "{told}");
    let (status, said) = server.act(&token, ("POST", "/admin/reload"), json!({})).await;
    assert_eq!((status, &said["error"]["fields"][0]["code"]), (400, &json!("duplicate")), "{said}");
    assert!(!server.api(&token, "/admin/queues").await.to_string().contains("\"day\""));
    site.append("[queue.day]\n");
    let (status, said) = server.act(&token, ("POST", "/admin/reload"), json!({})).await;
    assert_eq!(status, 200, "{said}");
    assert!(said["changed"].to_string().contains("queue day"), "{said}");

    // What only a start can change is named, and the rest holds.
    let text = std::fs::read_to_string(site.path().join("navbat.toml")).unwrap();
    site.write(&text.replace("127.0.0.1:0", "127.0.0.1:1").replace("[queue.day]", ""));
    let told = site.printed(&["reload"]);
    assert!(told.contains("needs a restart") && told.contains("web.listen"), "{told}");
}

#[tokio::test]
async fn a_user_who_loses_rights_is_out_at_once() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "admin", "--name", "t"]);
    let boss = json!({ "login": "boss", "role": "supervisor", "queues": ["sales"] });
    let (status, said) = server.act(&token, ("POST", "/admin/users"), boss).await;
    assert_eq!(status, 201, "{said}");
    let link = said["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let body = json!({ "token": link, "password": "to'g'ri kelgan parol" });
    assert_eq!(server.post("/password", body).await.0, 200);
    let login = json!({ "login": "boss", "password": "to'g'ri kelgan parol" });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sign_in = async || {
        let sent = http.post(format!("{}/api/v1/login", server.base)).json(&login).send().await;
        let sent = sent.unwrap();
        let cookie = sent.headers().get("set-cookie").map(|it| it.to_str().unwrap().to_owned());
        (sent.status().as_u16(), cookie.map(|it| it.split(';').next().unwrap().to_owned()))
    };
    for (change, after) in [
        (json!({ "role": "admin", "queues": [] }), 200),
        (json!({ "role": "admin", "disabled": true }), 401),
    ] {
        let cookie = sign_in().await.1.unwrap();
        let events = http.get(format!("{}/api/v1/events", server.base)).header("Cookie", &cookie);
        let mut stream = events.send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let (status, said) = server.act(&token, ("PUT", "/admin/users/boss"), change).await;
        assert_eq!(status, 200, "{said}");
        let ended = async { while let Ok(Some(_)) = stream.chunk().await {} };
        tokio::time::timeout(std::time::Duration::from_secs(9), ended).await.expect("at once");
        assert_eq!(sign_in().await.0, after);
    }
    let (status, said) =
        server.act(&token, ("PUT", "/admin/users/nargiza"), json!({ "role": "admin" })).await;
    assert_eq!(status, 409, "{said}");
    assert_eq!(server.act(&token, ("DELETE", "/admin/users/boss"), json!({})).await.0, 204);
    let users = server.api(&token, "/admin/users").await;
    let from: Vec<_> = users["items"].as_array().unwrap().iter().map(|one| &one["from"]).collect();
    assert_eq!(from, ["file"], "{users}");
    // The command line makes the same things by the same rules.
    site.printed(&["user", "add", "bosh", "--role", "supervisor"]);
    let refused = site.run(&["operator", "add", "Aziza", "--alias", "nowhere:1"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("aliases[0]") && told.contains("nowhere"), "{told}");
    let users = server.api(&token, "/admin/users").await.to_string();
    assert!(users.contains("\"bosh\"") && users.contains("\"pages\""), "{users}");
}
