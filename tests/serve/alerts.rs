//! Missed calls become messages for people, each of them once, over kills and a stop.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use navbat::model::{Message, NoteBody};
use navbat::store::{NotesAsk, Store};

use super::rig::{PATIENCE, SIPUNI, Server, Site};

/// Missed calls of one run, and deaths among them.
const CALLS: u64 = 40;
const KILLS: u64 = 4;

/// Nobody listens there: what is proved is what is to be told.
const TELLING: &str = r#"
[[notify]]
name = "chiefs"
kind = "telegram"
base = "http://127.0.0.1:9"
token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
chats = ["-1001"]
language = "en"
[[alert]]
on = ["missed"]
to = ["chiefs"]
digest = "300ms"
"#;

fn client(number: u64) -> String {
    format!("9989011{number:05}")
}

/// Somebody calls and hangs up; false when the server is gone.
async fn miss(server: &Server, number: u64) -> bool {
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (call, client) = (format!("{second}.{number}"), client(number));
    let outside = format!("src_num={client}&src_type=1&timestamp={second}&user_id=047218");
    let begun = format!("event=1&call_id={call}&{outside}&dst_num=998781500001&dst_type=1");
    let rings = format!(
        "call_id={call}&{outside}&dst_num=047218201&dst_type=2&short_dst_num=201&is_inner_call=1"
    );
    let ended = format!("event=2&{rings}&status=CANCEL");
    for event in [begun, format!("event=1&{rings}"), ended] {
        if server.get(SIPUNI, &event).await != Some(200) {
            return false;
        }
    }
    true
}

/// The messages for the target, as they stand in the database.
async fn messages(site: &Site) -> Vec<Message> {
    let data = site.path().join("data");
    let store = Store::open("sqlite:navbat.db", None, &data).await.unwrap();
    let ask = NotesAsk { target: Some("chiefs".into()), limit: 200, ..NotesAsk::default() };
    let mut found = Vec::new();
    for row in store.notes(&ask).await.unwrap().items {
        let note = store.note(&row.id).await.unwrap().unwrap();
        match serde_json::from_str(&note.body).unwrap() {
            NoteBody::Message(message) => found.push(*message),
            other => panic!("{other:?}"),
        }
    }
    store.close().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_missed_call_is_told_once_whatever_dies() {
    let site = Site::new();
    site.append(TELLING);
    let mut server = site.serve();
    let mut wanted = BTreeSet::new();
    for number in 0..CALLS {
        if miss(&server, number).await {
            wanted.insert(number);
        }
        if number % (CALLS / KILLS) == CALLS / KILLS - 1 {
            server.kill();
            server = site.serve();
        }
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let told = lines(&messages(&site).await);
        if told.len() as u64 >= CALLS {
            break;
        }
        assert!(Instant::now() < until, "only {} of {CALLS} are told: {told:?}", told.len());
        tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await.ok();
    }
    server.signal("TERM");
    assert!(server.ended().await.success());
    let messages = messages(&site).await;
    let told = lines(&messages);
    assert_eq!(wanted.len() as u64, CALLS);
    for number in wanted {
        let last = client(number);
        let masked = format!("+998 90 ••• •• {}", &last[last.len() - 2..]);
        let times = told.iter().filter(|line| line.contains(&masked)).count();
        assert_eq!(times, 1, "{masked}: {told:?}");
    }
    assert!(messages.len() < told.len(), "a storm is told in digests");
    assert!(messages.iter().all(|message| message.title.starts_with("Missed call")));
}

fn lines(messages: &[Message]) -> Vec<String> {
    messages.iter().flat_map(|message| message.text.lines().map(str::to_owned)).collect()
}
