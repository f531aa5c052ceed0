//! First start, reload, stop: what a person and a service manager do to a server.

use serde_json::{Value, json};

use super::rig::{SIPUNI, Site, leg, started};

#[tokio::test]
async fn the_first_link_makes_an_administrator_once() {
    let site = Site::new();
    let server = site.serve();
    let link = server.welcome.split("/setup#").nth(1).expect("a link").trim().to_owned();
    let body = json!({ "token": link, "password": "to'g'ri kelgan parol" });
    let (status, me) = server.post("/password", body.clone()).await;
    assert_eq!((status, &me["role"]), (200, &Value::from("admin")), "{me}");
    assert_eq!(server.post("/password", body).await.0, 401, "a link works once");
    server.kill();
    let server = site.serve();
    assert!(!server.welcome.contains("/setup#"), "{}", server.welcome);
    let body = json!({ "login": "admin", "password": "to'g'ri kelgan parol" });
    assert_eq!(server.post("/login", body).await.0, 200);
}

#[tokio::test]
async fn a_reload_is_whole_or_nothing() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "admin", "--name", "t"]);
    let names = |people: &Value| -> Vec<String> {
        let people = people["items"].as_array().unwrap();
        people.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    site.append("[[operator]]\nname = \"Jasur\"\naliases = [\"sipuni-main:203\"]\n");
    let changed = site.printed(&["reload"]);
    assert!(changed.contains("Jasur"), "{changed}");
    server.until(&token, "/operators", |all| names(all).contains(&String::from("Jasur"))).await;
    // The alias is known to the readers too: an event of 203 is a card of Jasur's.
    let mut stream = server.stream(&token).await;
    server.get(SIPUNI, &started("1795150800.3", "998901234567")).await;
    server.get(SIPUNI, &leg(1, "1795150800.3", "998901234567", "203")).await;
    assert_eq!(stream.next("pop").await["operator"], "Jasur");

    site.append("[queue.sales]\nrign = \"20s\"\n");
    let refused = site.run(&["reload"]);
    assert_eq!(refused.status.code(), Some(78));
    server.signal("HUP");
    assert!(names(&server.api(&token, "/operators").await).contains(&String::from("Jasur")));

    site.append("");
    server.signal("HUP");
    server.until(&token, "/operators", |all| !names(all).contains(&String::from("Jasur"))).await;
}

#[tokio::test]
async fn a_stop_tells_the_streams_saves_the_state_and_ends_with_0() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
    let away = json!({ "intent": { "is": "break", "reason": "tushlik", "planned_end": null } });
    assert_eq!(server.put(&token, "/presence/Dilnoza", away).await, 204);
    server.get(SIPUNI, &started("1795150800.4", "998901234567")).await;
    let mut stream = server.stream(&token).await;
    server.signal("TERM");
    stream.next("server-restart").await;
    drop(stream);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!site.path().join("data/control.sock").exists());
    // Without a server the same commands open the directory themselves.
    assert!(site.printed(&["token", "list"]).contains("supervisor"));

    let server = site.serve();
    let people = server.api(&token, "/presence").await;
    let intent = &people["items"].as_array().unwrap().iter().find(|one| one["name"] == "Dilnoza");
    assert_eq!(intent.unwrap()["intent"]["reason"], "tushlik", "{people}");
    let calls = server.until(&token, "/calls", |calls| calls["items"][0].is_object()).await;
    assert_eq!(calls["items"][0]["disposition"], "open", "{calls}");
}

/// Two directories, one database of a server: the lists of two journals would mix.
#[tokio::test]
async fn a_second_server_on_one_postgres_refuses_to_start() {
    use sqlx::{Connection, Executor};
    let Ok(address) = std::env::var("NAVBAT_TEST_PG") else { return };
    let schema = format!("serve_{}", std::process::id());
    let mut admin = sqlx::PgConnection::connect(&address).await.unwrap();
    let fresh = format!("drop schema if exists {schema} cascade; create schema {schema}");
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(fresh))).await.unwrap();
    let mark = if address.contains('?') { '&' } else { '?' };
    let url = format!("{address}{mark}options=-c%20search_path%3D{schema}");
    let [first, second] = [Site::new(), Site::new()];
    for site in [&first, &second] {
        let text = std::fs::read_to_string(site.path().join("navbat.toml")).unwrap();
        site.write(&format!("database = {{ url = \"{url}\" }}\n{text}"));
    }
    let server = first.serve();
    let refused = second.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("another navbat works on this database"), "{said}");
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
    second.serve().kill();
}

#[tokio::test]
async fn a_second_server_on_one_directory_refuses_to_start() {
    let site = Site::new();
    let _server = site.serve();
    let second = site.run(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("in use by another navbat"), "{said}");
}
