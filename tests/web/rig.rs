//! A server of its own for each test: journal, database, hub and web over loopback. The exchange
//! is a stand-in that says yes and names one operator, because what it decides is proved elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use metrics_exporter_prometheus::PrometheusBuilder;
use navbat::acd::{AliasOf, OperatorSettings, QueueSettings, ReadyRule};
use navbat::connect::deliver::Outlets;
use navbat::connect::provider::{Account, Kind};
use navbat::model::{
    By, CallId, Intent, Live, Mono, Name, Now, Number, OfferId, OperatorId, OperatorView, Pop,
    QueueId, QueueView, Reach, Record, Seq, Stamped, Wall, Work,
};
use navbat::store::{Journal, JournalLimits, Person, Projector, Store, StoredRequest, Token};
use navbat::switch::{Settings, Snapshot};
use navbat::web::{self, Ask, Eyes, Hub, Parts, Patience, Rate, Site, Web};
use reqwest::{Client, Response};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// 2026-11-20 10:00 in Tashkent.
pub const MORNING: Wall = Wall::from_unix(1_795_150_800);

/// The client of every fixture; its hidden digits must never reach a masked reader.
pub const CLIENT: &str = "+998901234567";

/// Token of the hook of every account.
pub const HOOK_TOKEN: &str = "5d41402abc4b2a76b9719d911017c592";

/// Password of everybody who has one.
pub const PASSWORD: &str = "to'g'ri ot batareya";

pub const CALL_OF_AZIZA: u128 = 0x0193_0000_0000_7000_8000_0000_0000_0001;
pub const CALL_OF_BOBUR: u128 = 0x0193_0000_0000_7000_8000_0000_0000_0002;

pub struct Rig {
    pub address: SocketAddr,
    pub http: Client,
    pub hub: Hub,
    pub store: Store,
    pub journal: Journal,
    /// CRMs and messengers; none unless a test connects some.
    pub outlets: Outlets,
    /// What the exchange was told to do.
    pub commands: Commands,
    clock: Arc<AtomicU64>,
    stop: CancellationToken,
    records: u64,
    _temporary: tempfile::TempDir,
}

/// What the exchange was told to do, in words.
pub type Commands = Arc<parking_lot::Mutex<Vec<String>>>;

/// Settings that a test changes.
#[derive(Default)]
pub struct Wish {
    pub rates: BTreeMap<Name, Rate>,
    pub limits: JournalLimits,
    /// The exchange never answers.
    pub deaf: bool,
    /// How long things may take.
    pub patience: Patience,
    /// Whose forwarding headers are believed.
    pub proxies: Vec<std::net::IpAddr>,
}

impl Rig {
    pub async fn start() -> Rig {
        Rig::with(Wish::default()).await
    }

    pub async fn with(wish: Wish) -> Rig {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        let limits = JournalLimits { reserve_bytes: 0, ..wish.limits };
        let (journal, _, inbox) = Journal::open(folder, limits).await.unwrap();
        let store = Store::open("sqlite:navbat.db", None, folder).await.unwrap();
        let (exchange, desk) = web::exchange();
        let (changes, asked) = web::changes();
        desk.publish(snapshot(), u64::MAX);
        let commands = Commands::default();
        tokio::spawn(stand_in(desk, inbox, wish.deaf, commands.clone()));
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let hub = Hub::new(MORNING);
        let outlets = no_targets(&store, &hub);
        let site = Site { rates: wish.rates, trusted_proxies: wish.proxies, ..site() };
        let read = clock.clone();
        let web = Web::new(Parts {
            journal: journal.clone(),
            store: store.clone(),
            exchange,
            changes,
            patience: wish.patience,
            outlets: outlets.clone(),
            hub: hub.clone(),
            clock: Arc::new(move || now(read.load(Ordering::SeqCst))),
            site,
            metrics: Some(PrometheusBuilder::new().build_recorder().handle()),
        });
        tokio::spawn(makes(asked, store.clone(), web.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(web::serve(web, listener, None, stop.clone()));
        let http = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let rig = Rig {
            address,
            http,
            hub,
            store,
            journal,
            outlets,
            commands,
            clock,
            stop,
            records: 0,
            _temporary: temporary,
        };
        rig.people().await;
        rig
    }

    /// Everybody: `aziza`, `bobur` and `idle` are operators with a browser, the rest is named by
    /// role and comes with a token.
    async fn people(&self) {
        let rows: [(&str, &str, Option<&str>, &[&str]); 8] = [
            ("aziza", "operator", Some("Aziza"), &[]),
            ("bobur", "operator", Some("Bobur"), &[]),
            ("supervisor", "supervisor", None, &[]),
            ("scoped", "supervisor", None, &["support"]),
            ("admin", "admin", None, &[]),
            ("integrator", "integrator", None, &[]),
            ("wallboard", "wallboard", None, &[]),
            ("idle", "operator", None, &[]),
        ];
        for (login, role, operator, queues) in rows {
            let queues: Vec<Name> = queues.iter().map(|queue| Name::from(*queue)).collect();
            let person = Person {
                login: login.into(),
                role: role.into(),
                queues: queues.clone(),
                operator: operator.map(Name::from),
                language: None,
                password: None,
                disabled: false,
                created_at: MORNING,
            };
            self.store.save_person(&person).await.unwrap();
            let token = Token {
                hash: web::kept(&token_of(login)),
                name: login.into(),
                role: role.into(),
                queues,
                created_by: "admin".into(),
                created_at: MORNING,
                used_at: None,
                revoked_at: None,
            };
            self.store.add_token(&token).await.unwrap();
            let session = navbat::store::Session {
                hash: web::kept(&token_of(login)),
                login: login.into(),
                csrf: String::from("csrf"),
                created_at: self.now().wall,
                seen_at: self.now().wall,
            };
            self.store.add_session(&session).await.unwrap();
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn hook(&self, account: &str) -> String {
        self.url(&format!("/hooks/sipuni/{account}/{HOOK_TOKEN}"))
    }

    pub async fn get(&self, who: &str, path: &str) -> Response {
        known(self.http.get(self.url(path)), who).send().await.unwrap()
    }

    pub async fn send(
        &self,
        who: &str,
        method: &str,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Response {
        let request = self.http.request(method.parse().unwrap(), self.url(path));
        let request = known(request, who);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// Signs somebody in by a one-time link; gives the cookie and the CSRF text.
    pub async fn sign_in(&self, login: &str, role: &str) -> (String, String) {
        let link = format!("link-of-{login}-{}", self.now().mono.0);
        let row = navbat::store::Link {
            hash: web::kept(&link),
            login: login.into(),
            role: role.into(),
            created_at: self.now().wall,
            expires_at: self.now().wall + navbat::model::Period::hours(1),
        };
        self.store.add_link(&row).await.unwrap();
        let body = serde_json::json!({ "token": link, "password": PASSWORD });
        let sent = self.http.post(self.url("/api/v1/password")).json(&body).send().await.unwrap();
        assert_eq!(sent.status(), 200);
        let cookie = sent.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        let cookie = cookie.to_owned();
        let me: serde_json::Value = sent.json().await.unwrap();
        (cookie, me["csrf"].as_str().unwrap().to_owned())
    }

    pub fn now(&self) -> Now {
        now(self.clock.load(Ordering::SeqCst))
    }

    /// Moves the clock on.
    pub fn pass(&self, millis: u64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// Writes records into the journal and from there into the database.
    pub async fn record(&mut self, records: Vec<Record>) {
        let mut stamped = Vec::new();
        for record in records {
            self.records += 1;
            stamped.push(Stamped { seq: Seq(self.records), at: self.now(), record });
        }
        self.journal.append(stamped).await.unwrap();
        let last = Seq(self.records);
        self.journal.committed().wait_for(|committed| *committed >= last).await.unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        let (projector, _lag) =
            Projector::new(self.store.clone(), self.journal.clone(), Arc::new(|_| Vec::new()));
        projector.run(stop).await;
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }
}

/// A site that tells nobody outside.
fn no_targets(store: &Store, hub: &Hub) -> Outlets {
    let hub = hub.clone();
    let publish = Arc::new(move |live| {
        hub.publish(live);
    });
    Outlets::new(store.clone(), Arc::new(Now::default), publish, BTreeSet::new())
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A request of somebody: operators come with a browser's cookie, the others with a token.
fn known(request: reqwest::RequestBuilder, who: &str) -> reqwest::RequestBuilder {
    if ["aziza", "bobur", "idle"].contains(&who) {
        let cookie = format!("navbat_session={}", token_of(who));
        return request.header("Cookie", cookie).header("X-CSRF-Token", "csrf");
    }
    request.bearer_auth(token_of(who))
}

pub fn token_of(login: &str) -> String {
    format!("token-of-{login}-0123456789abcdef")
}

pub fn call_id(id: u128) -> CallId {
    CallId(uuid::Uuid::from_u128(id))
}

fn now(mono: u64) -> Now {
    Now { mono: Mono(mono), wall: Wall(MORNING.0 + i64::try_from(mono).unwrap()) }
}

/// Says yes to every change, and carries out those of users, as the configuration's owner does.
async fn makes(mut asked: mpsc::Receiver<web::Asked>, store: Store, web: Web) {
    use navbat::web::{Change, Sort};
    while let Some(web::Asked { change, reply }) = asked.recv().await {
        match change {
            Change::Make { sort: Sort::User, name, .. } => {
                let mut person = store.person("idle").await.unwrap().unwrap();
                person.login = name.into();
                store.save_person(&person).await.unwrap();
            }
            Change::Disable { sort: Sort::User, name, disabled } => {
                let mut person = store.person(&name).await.unwrap().unwrap();
                person.disabled = disabled;
                store.save_person(&person).await.unwrap();
                web.sign_out_all(&name.into()).await;
            }
            _ => {}
        }
        let _ = reply.send(Ok(web::Changed::default()));
    }
}

/// Takes requests off the journal and answers what is asked, until the web is gone.
async fn stand_in(
    mut desk: web::Desk,
    mut inbox: mpsc::Receiver<StoredRequest>,
    deaf: bool,
    commands: Commands,
) {
    loop {
        tokio::select! {
            request = inbox.recv() => if request.is_none() { return },
            asked = desk.asks.recv() => match asked {
                Some(_) if deaf => {}
                Some(Ask::Command { reply, command, by, .. }) => {
                    commands.lock().push(format!("{by}: {command:?}"));
                    let _ = reply.send(Ok(()));
                }
                Some(Ask::Route { reply, .. }) => { let _ = reply.send(vec!["Aziza".into()]); }
                Some(Ask::Telephones { operator, reply }) => {
                    let _ = reply.send(vec![telephone(operator.as_str())]);
                }
                None => return,
            }
        }
    }
}

fn telephone(operator: &str) -> navbat::switch::TelephoneView {
    navbat::switch::TelephoneView {
        user: operator.to_lowercase(),
        transport: "udp",
        address: "192.0.2.7:5060".parse().unwrap(),
        user_agent: String::from("Yealink SIP-T46S"),
        expires_at: MORNING + navbat::model::Period::hours(1),
        seen: true,
    }
}

fn site() -> Site {
    let operator = |name: &str, login: &str, alias: &str| OperatorSettings {
        name: name.into(),
        login: Some(login.into()),
        aliases: vec![AliasOf { account: None, alias: alias.into() }],
        ready: ReadyRule::Panel,
        calls_max: 1,
        skills: Vec::new(),
        disabled: false,
    };
    let settings = Settings {
        version: String::from("c1"),
        timezone: TimeZone::get("Asia/Tashkent").unwrap(),
        operators: vec![operator("Aziza", "aziza", "201"), operator("Bobur", "bobur", "202")],
        queues: vec![QueueSettings::named("sales"), QueueSettings::named("support")],
        accounts: Vec::new(),
        plans: Vec::new(),
    };
    let account = |name: &str, kind| {
        let mut account = Account::new(name.into(), kind, SecretString::from(HOOK_TOKEN));
        account.aliases = ["201", "202"].map(String::from).into();
        account.cabinet_id = None;
        account
    };
    Site {
        settings: Arc::new(settings),
        things: Arc::default(),
        accounts: Arc::new(vec![
            account("main", Kind::Sipuni),
            account("flooded", Kind::Sipuni),
            account("pbx", Kind::OnlinePbx),
        ]),
        rates: BTreeMap::new(),
        eyes: Eyes::new([7; 32], [Number::new("+998781500001").unwrap()], []),
        file_logins: BTreeSet::from([Name::from("supervisor")]),
        timezone: TimeZone::get("Asia/Tashkent").unwrap(),
        language: String::from("uz"),
        public_url: String::from("https://navbat.example.uz"),
        plain_http: false,
        trusted_proxies: Vec::new(),
    }
}

pub fn operator_view(name: &str, login: &str, queue: &str) -> OperatorView {
    OperatorView {
        id: OperatorId(if name == "Aziza" { 1 } else { 2 }),
        name: name.into(),
        login: Some(login.into()),
        intent: Intent::Ready,
        intent_since: MORNING,
        intent_by: By::Person,
        reach: Reach::Unknown,
        reach_since: MORNING,
        work: Work::Idle,
        work_since: MORNING,
        wrap_up_until: None,
        queues: vec![queue.into()],
    }
}

fn snapshot() -> Snapshot {
    let queue = |id, name: &str| QueueView {
        id: QueueId(id),
        name: name.into(),
        strategy: String::from("parallel"),
        waiting: 1,
        longest_since: Some(MORNING),
        ready: 1,
        signed_in: 1,
        members: 1,
        open: true,
        at: Mono(1),
    };
    Snapshot {
        at: now(0),
        operators: Arc::new(
            [("Aziza", "aziza", "sales"), ("Bobur", "bobur", "support")]
                .map(|(name, login, queue)| Arc::new(operator_view(name, login, queue)))
                .to_vec(),
        ),
        queues: vec![queue(1, "sales"), queue(2, "support")],
        pops: vec![
            made::pop("Aziza", "sales"),
            Pop { offer: OfferId(2), ..made::pop("Bobur", "support") },
        ],
        calls_open: 1,
        episodes_open: 1,
    }
}

/// A stream of events, read line by line.
pub struct Stream {
    response: Response,
    unread: String,
}

impl Stream {
    pub async fn open(rig: &Rig, who: &str, last: Option<u64>) -> Stream {
        let request = known(rig.http.get(rig.url("/api/v1/events")), who);
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Stream { response, unread: String::new() }
    }

    pub fn of(response: Response) -> Stream {
        Stream { response, unread: String::new() }
    }

    /// The next event as (id, event, data); `None` when the stream ends.
    pub async fn next(&mut self) -> Option<(u64, String, String)> {
        loop {
            while let Some((message, rest)) = self.unread.split_once("\n\n") {
                let message = message.to_owned();
                self.unread = rest.to_owned();
                let field = |name: &str| {
                    let line = message.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                if let Some(event) = field("event:") {
                    let id = field("id:").unwrap().parse().unwrap();
                    return Some((id, event, field("data:").unwrap()));
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(15), self.response.chunk());
            match chunk.await.expect("an event in time") {
                Ok(Some(bytes)) => self.unread.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// Makes things of which calls are made.
pub mod made {
    use navbat::model::*;

    use super::{CLIENT, MORNING, call_id};

    pub fn client() -> Number {
        Number::new(CLIENT).unwrap()
    }

    pub fn pop(operator: &str, queue: &str) -> Pop {
        Pop {
            offer: OfferId(1),
            call: call_id(super::CALL_OF_AZIZA),
            operator: operator.into(),
            state: PopState::Ringing,
            client: Some(Party::Number(client())),
            line: Some(Party::Number(Number::new("+998781500001").unwrap())),
            queue: Some(queue.into()),
            direction: Some(Direction::In),
            authority: Authority::Observed,
            account: "main".into(),
            offered_at: MORNING,
        }
    }

    pub fn call(id: u128, operator: &str, queue: &str) -> CallRow {
        CallRow {
            id: call_id(id),
            call_key: format!("main/call-{operator}"),
            provider: String::from("sipuni"),
            account: "main".into(),
            authority: Authority::Observed,
            direction: Some(Direction::In),
            client: Some(Party::Number(client())),
            line: Some(Party::Number(Number::new("+998781500001").unwrap())),
            queue: Some(queue.into()),
            rung: vec![operator.into(), "ext:998901234567".into()],
            answered_by: Some(operator.into()),
            handled_by: vec![operator.into()],
            placed_by: None,
            missed: false,
            talk: Some(Period::millis(41_800)),
            ring: Some(Period::millis(3_200)),
            wait: Some(Period::millis(3_200)),
            disposition: Disposition::Answered,
            outcome: Some(Outcome::Answered),
            recording_url: Some(String::from("https://pbx.example/rec/998901234567.mp3")),
            started_at: MORNING,
            ended_at: Some(MORNING + Period::secs(45)),
            settled: true,
            result: None,
            revision: 1,
            entries: vec![EntryRow {
                id: EntryId(7),
                queue: queue.into(),
                enqueued_at: MORNING,
                done_at: Some(MORNING + Period::secs(3)),
                outcome: Some(Outcome::Answered),
                wait: Some(Period::millis(3_200)),
            }],
            offers: vec![OfferRow {
                id: OfferId(1),
                entry: Some(EntryId(7)),
                operator: operator.into(),
                offered_at: MORNING,
                ringing_at: Some(MORNING),
                answered_at: Some(MORNING + Period::secs(3)),
                over_at: Some(MORNING + Period::secs(3)),
                end: Some(OfferEnd::Won),
                counts_as_miss: false,
            }],
            talks: vec![TalkRow {
                operator: operator.into(),
                from: MORNING + Period::secs(3),
                to: Some(MORNING + Period::secs(45)),
                held: Period::ZERO,
            }],
            stages: vec![Stage { stage: StageName::Journal, at: MORNING }],
        }
    }

    pub fn episode(id: u64, owner: Option<&str>, queue: &str) -> EpisodeRow {
        EpisodeRow {
            id: EpisodeId(id),
            client: Some(client()),
            group: queue.into(),
            queue: queue.into(),
            calls: vec![call_id(super::CALL_OF_AZIZA)],
            first_at: MORNING,
            last_at: MORNING,
            waited: Some(Period::secs(30)),
            reason: Outcome::Abandoned,
            state: if owner.is_some() { EpisodeState::Assigned } else { EpisodeState::Open },
            owner: owner.map(Name::from),
            due_at: Some(MORNING + Period::mins(15)),
            attempts: Vec::new(),
            steps: Vec::new(),
            step_at: None,
            revision: 1,
        }
    }

    pub fn decision() -> Decision {
        Decision {
            call: call_id(super::CALL_OF_AZIZA),
            entry: EntryId(7),
            queue: "sales".into(),
            round: 1,
            at: MORNING,
            waited: Period::ZERO,
            strategy: String::from("parallel"),
            config: String::from("c1"),
            tier: 0,
            seed: None,
            first: None,
            class: 0,
            relaxed: Vec::new(),
            hop: None,
            whole: true,
            members: vec![
                Pick {
                    operator: "Aziza".into(),
                    tier: 0,
                    key: 0,
                    ruling: Ruling::ELIGIBLE,
                    chosen: true,
                },
                Pick {
                    operator: "Bobur".into(),
                    tier: 0,
                    key: 0,
                    ruling: Ruling::ELIGIBLE.with(Why::OnBreak, true),
                    chosen: false,
                },
            ],
        }
    }

    /// A day's records: a call of each operator, a decision, an episode of each kind.
    pub fn day() -> Vec<Record> {
        vec![
            Record::CallSaved(Box::new(call(super::CALL_OF_AZIZA, "Aziza", "sales"))),
            Record::CallSaved(Box::new(call(super::CALL_OF_BOBUR, "Bobur", "support"))),
            Record::Decided(Box::new(decision())),
            Record::EpisodeSaved(Box::new(episode(1, Some("Aziza"), "sales"))),
            Record::EpisodeSaved(Box::new(episode(2, Some("Bobur"), "support"))),
            Record::EpisodeSaved(Box::new(episode(3, None, "sales"))),
        ]
    }
}

/// One event of every kind.
pub fn lives() -> Vec<Live> {
    vec![
        Live::Pop(Box::new(made::pop("Aziza", "sales"))),
        Live::Call(Box::new(made::call(CALL_OF_AZIZA, "Aziza", "sales"))),
        Live::Operator(Box::new(operator_view("Aziza", "aziza", "sales"))),
        Live::Queue(Box::new(snapshot().queues.remove(0))),
        Live::Episode(Box::new(made::episode(1, Some("Aziza"), "sales"))),
    ]
}
