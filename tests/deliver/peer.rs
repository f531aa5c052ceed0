//! A peer over a real socket, and an adapter for it: entries by key, and faults before and after
//! their effect.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use navbat::connect::deliver::{Crm, Found, Later, Note, Outlet, PopTold, Verdict};
use navbat::connect::http::{self, Call, Http, Method, NoAnswer};
use navbat::model::{
    CallId, ClientMatch, ClientState, ClientView, Name, NoteBody, Number, Pop, PopState, Wall,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// What the peer holds, and how it behaves.
#[derive(Default)]
pub struct Held {
    /// Every entry made: key, revision, body. A key that is there twice is a duplicate.
    pub entries: Vec<(String, u64)>,
    /// How often each entry was amended.
    pub amended: BTreeMap<String, u64>,
    /// Requests that came.
    pub requests: u64,
    /// Requests about cards and clients that came.
    pub live: Vec<String>,
    /// Of a hundred requests so many fail, half of them after their effect.
    pub faults: u64,
    /// Nothing is answered but 503.
    pub down: bool,
    /// Answers of these kinds wait.
    pub slow: Option<Duration>,
    dice: u64,
}

/// The peer.
#[derive(Clone)]
pub struct Peer {
    pub held: Arc<Mutex<Held>>,
    pub address: SocketAddr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Refused,
    CutBefore,
    CutAfter,
}

impl Held {
    /// The same faults in every run.
    fn fault(&mut self) -> Fault {
        self.requests += 1;
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let dice = self.dice >> 33;
        match dice % 100 {
            _ if self.down => Fault::Refused,
            it if it >= self.faults => Fault::None,
            it if it % 4 == 0 => Fault::Refused,
            it if it % 4 == 1 => Fault::CutBefore,
            _ => Fault::CutAfter,
        }
    }
}

impl Peer {
    pub async fn start() -> Peer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held: Arc<Mutex<Held>> = Arc::default();
        let router = Router::new()
            .route("/notes", post(write).get(look))
            .route("/pops", post(pop))
            .route("/clients", get(client))
            .with_state(held.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Peer { held, address }
    }

    pub fn keys(&self) -> Vec<String> {
        self.held.lock().entries.iter().map(|(key, _)| key.clone()).collect()
    }
}

/// A body that breaks off.
fn cut() -> Response {
    let broken: Result<Bytes, std::io::Error> = Err(std::io::Error::other("cut"));
    let body = Body::from_stream(futures_util::stream::iter([Ok(Bytes::from("{")), broken]));
    body.into_response()
}

async fn write(State(held): State<Arc<Mutex<Held>>>, body: Bytes) -> Response {
    let told: Value = serde_json::from_slice(&body).unwrap();
    let mut held = held.lock();
    let fault = held.fault();
    match fault {
        Fault::Refused => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::CutBefore => return cut(),
        Fault::None | Fault::CutAfter => {}
    }
    let (key, revision) = (told["key"].as_str().unwrap(), told["revision"].as_u64().unwrap());
    if let Some(id) = told["external"]["id"].as_u64() {
        let entry = held.entries.get_mut(usize::try_from(id).unwrap()).unwrap();
        assert_eq!(entry.0, key, "somebody else's entry");
        entry.1 = revision;
        *held.amended.entry(key.to_owned()).or_default() += 1;
        return if fault == Fault::CutAfter {
            cut()
        } else {
            json!({ "id": id }).to_string().into_response()
        };
    }
    held.entries.push((key.to_owned(), revision));
    let id = held.entries.len() - 1;
    if fault == Fault::CutAfter { cut() } else { json!({ "id": id }).to_string().into_response() }
}

async fn look(
    State(held): State<Arc<Mutex<Held>>>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    let mut held = held.lock();
    if held.fault() != Fault::None {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match held.entries.iter().position(|(key, _)| *key == asked["key"]) {
        Some(id) => json!({ "id": id, "revision": held.entries[id].1 }).to_string().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn pop(State(held): State<Arc<Mutex<Held>>>, body: String) -> Response {
    let slow = {
        let mut held = held.lock();
        held.live.push(body);
        held.slow
    };
    if let Some(slow) = slow {
        pause(slow).await;
    }
    let mut held = held.lock();
    if held.fault() == Fault::Refused {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    "{}".into_response()
}

async fn client(
    State(held): State<Arc<Mutex<Held>>>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    let slow = {
        let mut held = held.lock();
        held.live.push(format!("client {}", asked["digits"]));
        held.slow
    };
    if let Some(slow) = slow {
        pause(slow).await;
    }
    let mut held = held.lock();
    if held.fault() == Fault::Refused {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    json!({ "name": "Malika" }).to_string().into_response()
}

/// A slow peer.
async fn pause(length: Duration) {
    let at = tokio::time::Instant::now() + length;
    tokio::time::interval_at(at, Duration::from_secs(1)).tick().await;
}

/// The adapter.
pub struct Adapter {
    pub name: Name,
    pub peer: SocketAddr,
    pub http: Http,
    pub pace: (f64, u32),
    /// Whether the peer can be asked what it holds.
    pub looks: bool,
    pub repeats: bool,
}

impl Adapter {
    pub fn new(name: &str, peer: &Peer) -> Adapter {
        let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
        Adapter {
            name: name.into(),
            peer: peer.address,
            http: Http::new(&[peer.address.to_string()]).unwrap(),
            pace: (1000.0, 16),
            looks: true,
            repeats: false,
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<http::Answer, NoAnswer> {
        let url = format!("http://{}{path}", self.peer);
        let body = body.map_or(http::Body::Empty, |body| http::Body::json(&body));
        let within = Duration::from_secs(10);
        self.http.send(Call { method, url: &url, headers: Vec::new(), body, within }).await
    }

    async fn send(&self, note: &Note) -> Verdict {
        let told = json!({
            "key": note.once_key,
            "revision": revision(&note.body),
            "external": note.external,
        });
        match self.ask(Method::Post, "/notes", Some(told)).await {
            Ok(answer) if answer.is_success() => match answer.json::<Value>() {
                Some(told) => Verdict::Done { external: Some(told) },
                None => Verdict::Ambiguous { why: String::from("not JSON") },
            },
            Ok(answer) => {
                Verdict::Retry { after: None, why: format!("answered {}", answer.status) }
            }
            Err(NoAnswer::Unreached(why)) => Verdict::Retry { after: None, why },
            Err(error) => Verdict::Ambiguous { why: error.to_string() },
        }
    }

    /// Whether it is there; of an amendment, whether it says what this note tells.
    async fn find(&self, note: &Note) -> Found {
        if !self.looks {
            return Found::Cannot;
        }
        let path = format!("/notes?key={}", note.once_key);
        match self.ask(Method::Get, &path, None).await {
            Ok(answer) if answer.status == 404 => Found::No,
            Ok(answer) if answer.is_success() => match answer.json::<Value>() {
                Some(told)
                    if note.external.is_some() && told["revision"] != revision(&note.body) =>
                {
                    Found::No
                }
                Some(told) => Found::Yes { external: Some(told) },
                None => Found::NotNow { why: String::from("not JSON") },
            },
            Ok(answer) => Found::NotNow { why: format!("answered {}", answer.status) },
            Err(error) => Found::NotNow { why: error.to_string() },
        }
    }
}

fn revision(body: &NoteBody) -> u32 {
    match body {
        NoteBody::Call { call } | NoteBody::CallBack { call } => call.revision,
        NoteBody::Reached { .. } | NoteBody::Event { .. } | NoteBody::Message(_) => 1,
    }
}

impl Outlet for Adapter {
    fn name(&self) -> &Name {
        &self.name
    }

    fn pace(&self) -> (f64, u32) {
        self.pace
    }

    fn deliver<'a>(&'a self, note: &'a Note) -> Later<'a, Verdict> {
        Box::pin(self.send(note))
    }

    fn look_up<'a>(&'a self, note: &'a Note) -> Later<'a, Found> {
        Box::pin(self.find(note))
    }

    fn look_up_after(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn repeats_unclear(&self) -> bool {
        self.repeats
    }

    fn probe(&self) -> Later<'_, Result<(), String>> {
        Box::pin(async {
            match self.ask(Method::Get, "/notes?key=none", None).await {
                Ok(answer) if answer.status < 500 => Ok(()),
                Ok(answer) => Err(format!("answered {}", answer.status)),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn crm(&self) -> Option<&dyn Crm> {
        Some(self)
    }
}

impl Crm for Adapter {
    fn pop<'a>(&'a self, pop: &'a Pop) -> Later<'a, PopTold> {
        Box::pin(async move {
            let word = if pop.state == PopState::Ringing { "rings" } else { "ends" };
            let told = json!(format!("{} {word}", pop.operator));
            match self.ask(Method::Post, "/pops", Some(told)).await {
                Ok(answer) if answer.is_success() => PopTold::Shown,
                Ok(answer) => PopTold::NotShown { why: format!("answered {}", answer.status) },
                Err(error) => PopTold::NotShown { why: error.to_string() },
            }
        })
    }

    fn client<'a>(&'a self, number: &'a Number) -> Later<'a, ClientView> {
        Box::pin(async move {
            let digits = number.reveal().trim_start_matches('+');
            let answer = self.ask(Method::Get, &format!("/clients?digits={digits}"), None).await;
            let told = answer.ok().filter(http::Answer::is_success);
            let told = told.and_then(|answer| answer.json::<Value>());
            let matches = told.iter().map(|told| ClientMatch {
                id: String::from("contact:1"),
                name: told["name"].as_str().unwrap_or_default().to_owned(),
                company: None,
                responsible: None,
                responsible_operator: Some("Aziza".into()),
                deals: Vec::new(),
                link: None,
            });
            ClientView {
                call: CallId(uuid::Uuid::nil()),
                crm: self.name.clone(),
                state: if told.is_some() { ClientState::Known } else { ClientState::Failed },
                matches: matches.collect(),
                create_link: None,
                at: Wall(0),
            }
        })
    }
}
