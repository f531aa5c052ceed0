//! How long after a ring the request for a CRM's card leaves: from a card of the live stream to
//! the request at the door of amoCRM and of Bitrix24, each of 1,000 rings of a call of its own.
//!
//! Run: `cargo bench --bench pop`. The adapters, their limits, the HTTP client and the peers'
//! sockets are real. The peers bear as many requests as come, and so are the limits set: a request
//! that waits for a limit says nothing of our own speed. What is between a provider's event and the
//! stream is measured by `cargo bench --bench web`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use navbat::app::demo::amocrm::AmoStand;
use navbat::app::demo::bitrix24::{Bitrix24 as Portal, User};
use navbat::app::demo::bitrix24_tokens::{CLIENT_ID, CLIENT_SECRET};
use navbat::app::demo::http::{Faults, Reply, Request, Router, Served};
use navbat::connect::crm::{
    AmoAccess, AmoCrm, AmoGate, AmoSettings, AmoTaskTo, AmoUnknown, AmoWays, Bitrix24,
    Bitrix24Rate, Bitrix24Settings, Bitrix24Staff,
};
use navbat::connect::deliver::{NewTarget, Outlet, Outlets, StoreShelf};
use navbat::connect::http::Http;
use navbat::model::{
    Authority, CallId, Direction, Live, Mono, Now, Number, OfferId, Party, Period, Pop, PopState,
    Wall,
};
use navbat::store::Store;
use tokio::sync::mpsc;

const RINGS: u64 = 1_000;
/// Between two rings.
const EVERY: Duration = Duration::from_millis(5);
const TOKEN: &str = "long.lived-secret-token.x";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run());
}

/// A peer that says when a request for a card came.
struct Watched<R> {
    peer: R,
    is_card: fn(&Request) -> bool,
    came: mpsc::UnboundedSender<(&'static str, Instant)>,
    name: &'static str,
}

impl<R: Router> Router for Watched<R> {
    fn answer(&self, request: &Request) -> Reply {
        if (self.is_card)(request) {
            self.came.send((self.name, Instant::now())).unwrap();
        }
        self.peer.answer(request)
    }
}

fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Now { mono: Mono(u64::try_from(since).unwrap()), wall: Wall(i64::try_from(since).unwrap()) }
}

async fn run() {
    let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open("sqlite:navbat.db", None, folder.path()).await.unwrap();
    let (came, mut cards) = mpsc::unbounded_channel();
    let stand = AmoStand::with_token(TOKEN);
    stand.user(10_002, "Aziza");
    stand.widen(1_000);
    let is_card = |request: &Request| request.path == "/api/v2/events";
    let peer = Watched { peer: stand, is_card, came: came.clone(), name: "amoCRM" };
    let amo = Served::begin(Arc::new(peer), Faults::none()).await.unwrap();
    let user = User { id: 7, name: "Aziza".into(), extension: Some("201".into()), active: true };
    let portal = Portal::new(vec![user], Vec::new(), 1e6, 1e6);
    let first = portal.tokens(|tokens| tokens.first());
    let is_card = |request: &Request| request.path.ends_with("telephony.externalCall.register");
    let peer = Watched { peer: portal, is_card, came, name: "Bitrix24" };
    let bitrix = Served::begin(Arc::new(peer), Faults::none()).await.unwrap();

    let outlets = Outlets::new(store.clone(), Arc::new(now), Arc::new(|_| {}), BTreeSet::new());
    let targets = vec![
        NewTarget { outlet: amocrm(&store, &amo), kind: "amocrm", dry_run: false },
        NewTarget { outlet: bitrix24(&store, &bitrix, &first), kind: "bitrix24", dry_run: false },
    ];
    outlets.swap(targets, Vec::new()).await;
    for target in ["amo", "b24"] {
        outlets.test(&target.into()).await.unwrap().unwrap();
    }
    let mut took: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut tick = tokio::time::interval(EVERY);
    for ring in 0..RINGS {
        tick.tick().await;
        let rings = Live::Pop(Box::new(pop(ring)));
        let began = Instant::now();
        outlets.see(&rings);
        for _ in 0..2 {
            let (peer, at) = cards.recv().await.unwrap();
            took.entry(peer).or_default().push(at.saturating_duration_since(began));
        }
    }
    for (peer, mut all) in took {
        all.sort();
        let at = |percent: usize| all[(all.len() - 1) * percent / 100];
        let (p50, p99) = (at(50), at(99));
        println!(
            "ring to the card's request at {peer}: p50 {p50:?}, p99 {p99:?} of 100 ms allowed"
        );
    }
    outlets.stop().await;
}

fn amocrm(store: &Store, served: &Served) -> Arc<dyn Outlet> {
    let settings = AmoSettings {
        name: "amo".into(),
        base: served.base(),
        access: AmoAccess::LongLived(TOKEN.into()),
        unknown: AmoUnknown::Skip,
        task: AmoTaskTo::Responsible,
        task_within: Period::hours(1),
        pipeline: None,
        users: BTreeMap::from([("Aziza".into(), 10_002)]),
        language: String::from("uz"),
        pages: None,
    };
    let ways = AmoWays {
        http: Http::new(&[served.allowed()]).unwrap(),
        gate: Arc::new(AmoGate::times(1_000)),
        shelf: Arc::new(StoreShelf::new(store.clone(), Arc::new(now))),
        clock: Arc::new(now),
    };
    Arc::new(AmoCrm::new(settings, ways))
}

fn bitrix24(store: &Store, served: &Served, first: &str) -> Arc<dyn Outlet> {
    let aziza = Bitrix24Staff { user: Some(7), aliases: vec![String::from("201")] };
    let settings = Bitrix24Settings {
        name: "b24".into(),
        portal: String::from("bitrix24.example"),
        base: Some(served.base()),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        token: Some(first.into()),
        staff: BTreeMap::from([("Aziza".into(), aziza)]),
        creates: false,
        rate: Bitrix24Rate { per_second: 1e6, burst: 1e6 },
        look_up_after: Duration::from_secs(5),
    };
    let shelf = Arc::new(StoreShelf::new(store.clone(), Arc::new(now)));
    let http = Http::new(&[served.allowed()]).unwrap();
    Arc::new(Bitrix24::new(settings, http, shelf).unwrap())
}

fn pop(ring: u64) -> Pop {
    Pop {
        offer: OfferId(ring + 1),
        call: CallId(uuid::Uuid::from_u128(u128::from(ring) + 1)),
        operator: "Aziza".into(),
        state: PopState::Ringing,
        client: Some(Party::Number(Number::new(&format!("+9989012{ring:05}")).unwrap())),
        line: None,
        queue: Some("sales".into()),
        direction: Some(Direction::In),
        authority: Authority::Observed,
        account: "sipuni-main".into(),
        offered_at: now().wall,
    }
}
