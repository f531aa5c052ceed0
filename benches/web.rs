//! How long a card takes: from a provider's event to bytes on an open stream, and how long until
//! one card stands on a thousand screens.
//!
//! Run: `cargo bench --bench web`. The server is whole: hook, journal, engine, hub, sockets. The
//! data directory is in memory (/dev/shm) where there is one, so the disk's sync is not in the
//! figure. The floor is a request and its answer over the same kind of socket (`/healthz`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use navbat::acd::{
    AccountSettings, AliasOf, Member, OperatorSettings, QueueSettings, ReadyRule, Tier,
};
use navbat::connect::deliver::Outlets;
use navbat::connect::provider::{self, Account, Kind, Request, What};
use navbat::model::{
    CallId, Live, Mono, Name, Now, NumberRules, Period, Pop, PopState, Seq, Stamped, Wall,
};
use navbat::store::{Journal, JournalLimits, Store, StoredRequest, Token};
use navbat::switch::{Effect, Heard, Input, Output, Settings, Switch};
use navbat::web::{self, Eyes, Hub, Parts, Site, Web};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "5d41402abc4b2a76b9719d911017c592";
const OPERATORS: u32 = 10;
const EVENTS: usize = 1000;
const SCREENS: usize = 1000;
const ROUNDS: usize = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.unwrap();
    let (address, hub) = serve(folder.path()).await;
    let floor = floor(address).await;
    show("floor: request and answer", &floor);
    let cards = cards(address).await;
    show("event to card bytes", &cards);
    let screens = screens(address, &hub).await;
    show(&format!("one card on {SCREENS} screens, the last of them"), &screens);
    let (p99, most) = (at(&cards, 99), Duration::from_millis(20));
    println!("event to card: p99 {p99:?} of {most:?} allowed; {:.1} × the floor's p50", {
        at(&cards, 50).as_secs_f64() / at(&floor, 50).as_secs_f64()
    });
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn show(what: &str, sorted: &[Duration]) {
    let (p50, p99) = (at(sorted, 50), at(sorted, 99));
    println!("{what}: p50 {p50:?}, p99 {p99:?}, {} samples", sorted.len());
}

/// A small site with a queue of everybody, and a driver of its switch.
async fn serve(folder: &Path) -> (SocketAddr, Hub) {
    let limits = JournalLimits { reserve_bytes: 0, ..JournalLimits::default() };
    let (journal, _, inbox) = Journal::open(folder, limits).await.unwrap();
    let store = Store::open("sqlite:navbat.db", None, folder).await.unwrap();
    let token = Token {
        hash: web::kept(TOKEN),
        name: "bench".into(),
        role: String::from("supervisor"),
        queues: Vec::new(),
        created_by: "bench".into(),
        created_at: Wall(0),
        used_at: None,
        revoked_at: None,
    };
    store.add_token(&token).await.unwrap();
    let (settings, account) = (Arc::new(settings()), Arc::new(account()));
    let started = Instant::now();
    let clock = move || now(started);
    let hub = Hub::new(clock().wall);
    let (exchange, desk) = web::exchange();
    let switch = Switch::new(settings.clone(), 7);
    let driven = Driver { journal: journal.clone(), hub: hub.clone(), last: 0 };
    tokio::spawn(drive(switch, driven, account.clone(), inbox, clock));
    let outbox = store.clone();
    let web = Web::new(Parts {
        journal,
        store,
        exchange,
        changes: web::changes().0,
        patience: web::Patience::default(),
        outlets: Outlets::new(outbox, Arc::new(clock), Arc::new(|_| {}), BTreeSet::new()),
        hub: hub.clone(),
        clock: Arc::new(clock),
        site: site(settings, account),
        metrics: None,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _desk = desk; // nobody asks; the handle only has to stay open
        web::serve(web, listener, None, CancellationToken::new()).await;
    });
    (address, hub)
}

fn now(started: Instant) -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mono = u64::try_from(started.elapsed().as_millis()).unwrap();
    Now { mono: Mono(mono), wall: Wall(i64::try_from(wall.as_millis()).unwrap()) }
}

struct Driver {
    journal: Journal,
    hub: Hub,
    last: u64,
}

impl Driver {
    /// Everything that comes out: records to the journal, cards to the screens.
    fn drain(&mut self, switch: &mut Switch) {
        let mut records = Vec::new();
        while let Some(output) = switch.poll_output() {
            match output {
                Output::Record(at, record) => {
                    self.last += 1;
                    records.push(Stamped { seq: Seq(self.last), at, record });
                }
                Output::Effect(Effect::Live(live)) => {
                    self.hub.publish(live);
                }
                Output::Effect(_) | Output::Send { .. } => {}
            }
        }
        drop(self.journal.append(records));
    }
}

async fn drive(
    mut switch: Switch,
    mut driver: Driver,
    account: Arc<Account>,
    mut inbox: mpsc::Receiver<StoredRequest>,
    clock: impl Fn() -> Now,
) {
    while let Some(stored) = inbox.recv().await {
        let request = &stored.request;
        let asked = Request {
            method: &request.method,
            query: &request.query,
            headers: &request.headers,
            body: &request.body,
        };
        let Ok(reading) = provider::read(&account, &asked, request.received) else { continue };
        let What::Facts(facts) = reading.what else { continue };
        let heard = Heard {
            request: Some(stored.seq),
            account: request.account.clone(),
            received: request.received,
            facts,
        };
        let now = clock();
        switch.handle_timeout(now);
        driver.drain(&mut switch);
        switch.handle(Input::Heard(heard), now);
        driver.drain(&mut switch);
    }
}

fn settings() -> Settings {
    let name = |number: u32| Name::from(format!("op{number}"));
    let mut queue = QueueSettings::named("sales");
    let member = |number| Member { operator: name(number), weight: 10 };
    queue.tiers = vec![Tier { after: Period::ZERO, members: (0..OPERATORS).map(member).collect() }];
    let operator = |number: u32| OperatorSettings {
        name: name(number),
        login: Some(name(number)),
        aliases: vec![AliasOf { account: None, alias: format!("{}", 200 + number) }],
        ready: ReadyRule::Always,
        calls_max: 1,
        skills: Vec::new(),
        disabled: false,
    };
    Settings {
        version: String::from("bench"),
        timezone: TimeZone::UTC,
        operators: (0..OPERATORS).map(operator).collect(),
        queues: vec![queue],
        accounts: vec![AccountSettings {
            name: "main".into(),
            kind: String::from("sipuni"),
            queue: Some("sales".into()),
            queues: Vec::new(),
            settle: Period::secs(5),
            stale_after: Period::hours(2),
            numbers: NumberRules::default(),
        }],
        plans: Vec::new(),
    }
}

fn account() -> Account {
    let mut account = Account::new("main".into(), Kind::Sipuni, SecretString::from(TOKEN));
    account.aliases = (0..OPERATORS).map(|number| format!("{}", 200 + number)).collect();
    account
}

fn site(settings: Arc<Settings>, account: Arc<Account>) -> Site {
    Site {
        settings,
        things: Arc::default(),
        accounts: Arc::new(vec![(*account).clone()]),
        rates: BTreeMap::from([(
            Name::from("main"),
            web::Rate { per_second: 1_000_000, burst: 1_000_000 },
        )]),
        eyes: Eyes::new([7; 32], [], []),
        file_logins: BTreeSet::new(),
        timezone: TimeZone::UTC,
        language: String::from("en"),
        public_url: String::from("http://127.0.0.1"),
        plain_http: false,
        trusted_proxies: Vec::new(),
    }
}

/// Opens a stream and reads its greeting.
async fn stream(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    until(&mut socket, "event: hello").await;
    socket
}

/// Reads until a text was seen.
async fn until(socket: &mut TcpStream, text: &str) {
    let mut seen = String::new();
    let mut bytes = vec![0_u8; 16 * 1024];
    while !seen.contains(text) {
        let read = tokio::time::timeout(Duration::from_secs(10), socket.read(&mut bytes)).await;
        let read = read.expect("bytes in time").unwrap();
        assert!(read > 0, "the stream ended before `{text}`: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

async fn floor(address: SocketAddr) -> Vec<Duration> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut samples = Vec::with_capacity(EVENTS);
    for _ in 0..EVENTS {
        let started = Instant::now();
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        until(&mut socket, "ok\n").await;
        samples.push(started.elapsed());
    }
    samples.sort();
    samples
}

/// Posts the first ring of a fresh call and waits for its card, again and again.
async fn cards(address: SocketAddr) -> Vec<Duration> {
    let mut screen = stream(address).await;
    let mut hook = TcpStream::connect(address).await.unwrap();
    let mut samples = Vec::with_capacity(EVENTS);
    let mut answer = vec![0_u8; 4096];
    for number in 0..EVENTS {
        let operator = 200 + number % 10;
        let body = format!(
            "event=1&call_id=c{number}&src_num=9989{:08}&src_type=1&dst_num={operator}\
             &dst_type=2&timestamp=1795150800",
            10_000_000 + number
        );
        let request = format!(
            "POST /hooks/sipuni/main/{TOKEN} HTTP/1.1\r\nHost: x\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
        hook.write_all(request.as_bytes()).await.unwrap();
        until(&mut screen, "event: pop").await;
        samples.push(started.elapsed());
        let read = hook.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "the hook was not taken");
        end(&mut hook, number, operator).await;
        settle(&mut screen).await;
    }
    samples.sort();
    samples
}

/// Ends the call, so that the next card is the first of its operator.
async fn end(hook: &mut TcpStream, number: usize, operator: usize) {
    let body = format!(
        "event=2&call_id=c{number}&src_num=9989{:08}&src_type=1&dst_num={operator}&dst_type=2\
         &timestamp=1795150801&status=NOANSWER",
        10_000_000 + number
    );
    let request = format!(
        "POST /hooks/sipuni/main/{TOKEN} HTTP/1.1\r\nHost: x\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    hook.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0_u8; 4096];
    let _ = hook.read(&mut answer).await.unwrap();
}

/// Reads what the end of a call told, until nothing more comes.
async fn settle(screen: &mut TcpStream) {
    let mut bytes = vec![0_u8; 16 * 1024];
    let quiet = Duration::from_millis(5);
    while tokio::time::timeout(quiet, screen.read(&mut bytes)).await.is_ok() {}
}

/// One card for everybody: how long until the last of the screens has it.
async fn screens(address: SocketAddr, hub: &Hub) -> Vec<Duration> {
    let mut readers = Vec::with_capacity(SCREENS);
    for _ in 0..SCREENS {
        readers.push(stream(address).await);
    }
    let mut samples = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let started = Instant::now();
        let id = hub.publish(card(round));
        let mark = format!("id: {id}\n");
        let tasks: Vec<_> = readers
            .into_iter()
            .map(|mut reader| {
                let mark = mark.clone();
                tokio::spawn(async move {
                    until(&mut reader, &mark).await;
                    reader
                })
            })
            .collect();
        readers = Vec::with_capacity(SCREENS);
        for task in tasks {
            readers.push(task.await.unwrap());
        }
        samples.push(started.elapsed());
    }
    samples.sort();
    samples
}

fn card(round: usize) -> Live {
    Live::Pop(Box::new(Pop {
        offer: navbat::model::OfferId(round as u64),
        call: CallId(uuid::Uuid::nil()),
        operator: "op1".into(),
        state: PopState::Ringing,
        client: None,
        line: None,
        queue: Some("sales".into()),
        direction: None,
        authority: navbat::model::Authority::Observed,
        account: "main".into(),
        offered_at: Wall(0),
    }))
}
