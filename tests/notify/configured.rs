//! Targets as the file writes them reach people: every kind, from the words to the wire.

use std::sync::Arc;

use navbat::app::config::{Sources, load};
use navbat::app::demo::http::{Reply, Request, Router};
use navbat::app::demo::smtp::Smtp;
use navbat::app::targets;
use parking_lot::Mutex;

use crate::rig::{End, Rig, ahead, note};

const FILE: &str = r#"
[[notify]]
name  = "chiefs"
kind  = "telegram"
token = "1:AAH"
base  = "BASE/"
chats = ["-1001", "@news", "-1002/7"]
[[notify]]
name = "mail"
kind = "email"
host = "127.0.0.1"
port = PORT
security = "none"
login = "navbat"
password = "s3cret"
from = "navbat@example.uz"
to   = ["office@example.uz"]
[[notify]]
name = "eskiz"
kind = "eskiz"
base = "BASE/api"
login = "shop@example.uz"
password = "s3cret"
from = "Shop"
phones = ["+998901112233"]
per_day = 5
[[notify]]
name = "playmobile"
kind = "playmobile"
base = "BASE"
login = "shop"
password = "s3cret"
from = "3700"
phones = ["+998901112233"]
[[notify]]
name = "ums"
kind = "http"
url  = "BASE/ums?to={phone}"
method = "GET"
headers = ["X-Key: {token}"]
success = "text:taken"
token = "t0ken"
phones = ["+998901112233"]
[[notify]]
name = "albato"
kind = "webhook"
url  = "BASE/hook"
"#;

/// Answers every service as it would answer a success.
struct Everybody(Mutex<Vec<Request>>);

impl Router for Everybody {
    fn answer(&self, request: &Request) -> Reply {
        self.0.lock().push(request.clone());
        match request.path.as_str() {
            "/bot1:AAH/sendMessage" => {
                Reply::json(200, &serde_json::json!({ "ok": true, "result": { "message_id": 1 } }))
            }
            "/api/auth/login" => {
                Reply::json(200, &serde_json::json!({ "data": { "token": "eyJ" } }))
            }
            "/api/message/sms/send" => Reply::json(200, &serde_json::json!({ "id": "1-2" })),
            "/broker-api/send" => Reply::text(200, "Request is received"),
            "/ums" => Reply::text(200, "taken"),
            _ => Reply::empty(404),
        }
    }
}

#[tokio::test]
async fn every_kind_of_target_is_made_from_the_file() {
    let everybody = Arc::new(Everybody(Mutex::default()));
    let rig = Rig::before(everybody.clone(), &ahead()).await;
    let smtp = Smtp::begin("navbat", "s3cret", None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("navbat.toml");
    let text = FILE.replace("BASE", &rig.served.base());
    std::fs::write(&file, text.replace("PORT", &smtp.address().port().to_string())).unwrap();
    let site = load(&Sources::file(&file)).unwrap();
    let mut reached = Vec::new();
    for (number, own) in (1..).zip(&site.targets) {
        let Some(outlet) = targets::channel(own, None, &rig.means).unwrap() else {
            assert_eq!(own.kind, "webhook");
            continue;
        };
        assert_eq!(rig.bring(&*outlet, &note(number)).await, End::Done, "{}", own.name);
        reached.push(own.kind);
    }
    assert_eq!(reached, ["telegram", "email", "eskiz", "playmobile", "http"]);
    assert_eq!(smtp.letters()[0].to, "office@example.uz");
    let seen = everybody.0.lock();
    let chats: Vec<serde_json::Value> = seen
        .iter()
        .filter(|request| request.path.ends_with("/sendMessage"))
        .map(|request| request.json().unwrap())
        .collect();
    assert_eq!(chats[0]["chat_id"], -1001);
    assert_eq!(chats[1]["chat_id"], "@news");
    assert_eq!(
        (&chats[2]["chat_id"], &chats[2]["message_thread_id"]),
        (&(-1002).into(), &7.into())
    );
    let ums = seen.iter().find(|request| request.path == "/ums").unwrap();
    assert_eq!((ums.query("to"), ums.header("x-key")), (Some("998901112233"), Some("t0ken")));
}
