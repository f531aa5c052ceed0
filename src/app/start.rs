//! Starting a node, and stopping it: what is opened in which order, and what waits for what.
//!
//! The journal comes first, because whoever holds its lock owns the data directory. The switch is
//! the fold of its records; requests that were acknowledged and not heard are read again before
//! any new one. A stop goes the other way round: nothing new, what is in flight, the state, the
//! database, the lock.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::Alerts;
use super::certificate::Certificate;
use super::clock::Clock;
use super::config::Site;
use super::driver::{Driver, Ends};
use super::lines::Lines;
use super::orders::Desk;
use super::outlets::{Connected, notes_without_server};
use super::source::{self, Running, Source};
use super::watch::Watch;
use super::{accounts, clock, control, making, people, web_site};
use crate::model::Seq;
use crate::net::Wires;
use crate::store::{
    self, Claim, Forgotten, Journal, JournalLimits, Projector, Recovered, Retention, Store,
};
use crate::switch::Switch;
use crate::web::{self, Exchange, Hub, Web};

/// Configurations on their way to the driver; people do not reload faster than it takes them.
const RELOADS_MAX: usize = 4;
/// How long the projector may take to bring the database up to the journal at a stop. What is
/// left is done at the next start.
const PROJECT_WITHIN: Duration = Duration::from_secs(10);
/// How long calls that run may go on after a stop was asked for.
const CALLS_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether they are over: longer than the 100 ms between two publications, so
/// that two looks never see the same one.
const CALLS_LOOK: Duration = Duration::from_millis(250);
/// How often what is older than its time is deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// A running node.
pub struct Node {
    /// Where the web listens.
    pub address: SocketAddr,
    /// The live stream.
    pub hub: Hub,
    /// Who carries orders out.
    pub desk: Desk,
    connected: Connected,
    claim: Claim,
    /// The sockets of telephones, and where the calls on them are counted.
    lines: Option<(Wires, Exchange)>,
    stops: Stops,
    web: JoinHandle<()>,
    driver: JoinHandle<()>,
    rest: Vec<JoinHandle<()>>,
}

/// What is asked to stop, in this order.
#[derive(Default)]
struct Stops {
    web: CancellationToken,
    driver: CancellationToken,
    lines: CancellationToken,
    rest: CancellationToken,
}

/// The data directory with what lies in it.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// The database.
    pub store: Store,
    /// The configuration, with what was made beside the file.
    pub site: Arc<Site>,
    /// The right to write the database.
    pub claim: Claim,
    recovered: Recovered,
    requests: mpsc::Receiver<store::StoredRequest>,
}

/// Opens the data directory of a configuration; a command does so when no server runs.
pub async fn open(file: Option<&PathBuf>) -> anyhow::Result<Opened> {
    let site = source::load(file, Vec::new())?;
    make_private(&site.data_dir)?;
    let (journal, recovered, requests) =
        Journal::open(&site.data_dir, JournalLimits::default()).await?;
    let password = site.database.password.as_ref().map(|secret| secret.expose_secret());
    let store = Store::open(&site.database.url, password, &site.data_dir).await?;
    let claim = store.claim().await?;
    let site = Arc::new(source::load(file, people::made(&store).await?)?);
    Ok(Opened { journal, store, site, claim, recovered, requests })
}

/// Brings the database up to the journal, as far as that goes in the time of a stop.
pub async fn catch_up(journal: &Journal, store: &Store, site: &Site) {
    let stop = CancellationToken::new();
    stop.cancel();
    let notes = notes_without_server(site);
    let (projector, _lag) = Projector::new(store.clone(), journal.clone(), notes);
    if tokio::time::timeout(PROJECT_WITHIN, projector.run(stop)).await.is_err() {
        warn!("the database is behind the journal");
    }
}

/// Makes a folder that only its owner may read.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make {}", folder.display()))
}

/// Starts a node on an open data directory. It takes requests when this returns.
pub async fn start(file: Option<PathBuf>, opened: Opened) -> anyhow::Result<Node> {
    let Opened { journal, store, site, claim, recovered, requests } = opened;
    for warning in &site.warnings {
        warn!("{warning}");
    }
    let clock = Clock::after(recovered.last.map(|(_, now)| now));
    let last = recovered.last.map_or(Seq(0), |(seq, _)| seq);
    people::sync(&store, &site, clock.now().wall).await?;
    let Bound { listener, address, certificate, base } = bind(&site).await?;
    let stops = Stops::default();
    let metrics = super::telemetry::metrics(); // before the sockets, which count from the first
    let (lines, arrived) = Lines::open(&site, &base, stops.lines.clone())?.unzip();
    let mut switch = fold(&site, &recovered, lines.as_ref())?;

    let hub = Hub::new(clock.now().wall);
    let (exchange, desk) = web::exchange();
    let (changes, asked) = web::changes();
    // Before the first request: a page that comes back at once must not see an empty exchange.
    desk.publish(switch.snapshot(clock.now()), hub.last());
    let key = web_site::key(&site.data_dir, web_site::KEY_FILE)?;
    let connected = Connected::begin(&store, clock, &hub, &mut switch, (&site, &base, key)).await?;
    let accounts = Arc::new(accounts::accounts(&site));
    let web = Web::new(web::Parts {
        journal: journal.clone(),
        store: store.clone(),
        exchange: exchange.clone(),
        changes,
        patience: web::Patience::default(),
        hub: hub.clone(),
        outlets: connected.outlets.clone(),
        clock: Arc::new(move || clock.now()),
        site: web_site::web_site(&site, accounts.clone(), key, &base),
        metrics,
    });
    lines.iter().for_each(|lines| lines.admit(web.clone()));
    let (reloads, reloaded) = mpsc::channel(RELOADS_MAX);
    let running = Running {
        reloads,
        web: web.clone(),
        certificate: certificate.clone(),
        lines: lines.clone(),
        connected: connected.clone(),
        key,
        base,
    };
    let source = Source::new(file, store.clone(), site.clone(), Some(running));
    let ends = Ends {
        clock,
        journal: journal.clone(),
        hub: hub.clone(),
        desk,
        reloads: reloaded,
        unheard: recovered.unheard,
        requests,
        accounts,
        wires: lines.as_ref().map(|lines| lines.wires.clone()),
        arrived,
        ask_owner: connected.ask_owner(),
        stop: stops.driver.clone(),
    };
    let driver = tokio::spawn(Driver::begin(switch, ends, last).drive());
    let desk = Desk { store, journal, source: Arc::new(source) };
    let socket = control::open(&site.data_dir)?;
    let mut rest = beside(&desk, &connected, &hub, (socket, asked), &stops.rest);
    rest.push(warn_people(&web, &exchange, &desk, (&connected, clock), &stops.rest));
    let tls = certificate.as_ref().map(Certificate::served);
    let web = tokio::spawn(web::serve(web, listener, tls, stops.web.clone()));
    rest.extend(certificate.map(|it| tokio::spawn(it.follow(stops.rest.clone()))));
    say_ready(address, lines.as_ref(), last);
    let lines = lines.map(|lines| (lines.wires, exchange));
    Ok(Node { address, hub, desk, connected, lines, claim, stops, web, driver, rest })
}

/// Where the web listens.
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
    /// How it is reached, when nothing else is said.
    base: String,
}

async fn bind(site: &Site) -> anyhow::Result<Bound> {
    let listener = TcpListener::bind(site.web.listen)
        .await
        .with_context(|| format!("cannot listen on {}", site.web.listen))?;
    let address = listener.local_addr()?;
    let certificate = site.web.tls.as_ref().map(Certificate::open).transpose()?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{address}");
    Ok(Bound { listener, address, certificate, base })
}

fn say_ready(address: SocketAddr, lines: Option<&Lines>, last: Seq) {
    let telephones = lines.map_or(0, |lines| lines.wires.local().len());
    info!(%address, telephones, records = last.0, "ready");
}

/// Watches for what the rules of alerts are about, and tells people.
fn warn_people(
    web: &Web,
    exchange: &Exchange,
    desk: &Desk,
    (connected, clock): (&Connected, Clock),
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let watch = Watch::new(web, exchange, desk, &connected.outlets, clock.now().wall);
    tokio::spawn(Alerts::new(desk, clock, watch).run(stop.clone()))
}

/// What runs beside the calls and needs nobody's answer.
fn beside(
    desk: &Desk,
    connected: &Connected,
    hub: &Hub,
    (socket, asked): (control::Socket, mpsc::Receiver<web::Asked>),
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let notes = connected.notes_of();
    let (projector, _lag) = Projector::new(desk.store.clone(), desk.journal.clone(), notes);
    vec![
        tokio::spawn(projector.run(stop.clone())),
        tokio::spawn(connected.clone().follow(hub.clone(), stop.clone())),
        tokio::spawn(control::listen(socket, desk.clone(), stop.clone())),
        tokio::spawn(making::listen(asked, desk.source.clone(), stop.clone())),
        tokio::spawn(forget(desk.clone(), stop.clone())),
        tokio::spawn(super::telemetry::upkeep(stop.clone())),
    ]
}

/// The switch as it was: the last state and the records after it. Telephones are attached where
/// there are any.
fn fold(site: &Site, recovered: &Recovered, lines: Option<&Lines>) -> anyhow::Result<Switch> {
    let state = recovered.state.as_ref().map(|(_, bytes)| bytes.as_slice());
    let mut switch = Switch::restore(site.settings.clone(), state, rand::random())
        .context("the state in the journal is of another version")?;
    if let Some(lines) = lines {
        // The seed makes tags and branches that nobody may guess.
        switch = switch.with_lines(lines.wiring(site), rand::random());
    }
    for record in &recovered.records {
        switch.replay(record);
    }
    Ok(switch)
}

/// Deletes what is older than it is kept, now and every hour.
async fn forget(desk: Desk, stop: CancellationToken) {
    loop {
        let site = desk.source.site();
        let kept = Retention {
            calls: site.retention.calls,
            decisions: site.retention.decisions,
            raw: site.retention.raw,
        };
        match store::forget(&desk.journal, &desk.store, &kept, clock::wall()).await {
            Ok(gone) if gone == Forgotten::default() => {}
            Ok(gone) => info!(?gone, "what is older than it is kept was deleted"),
            Err(error) => warn!(%error, "old rows could not be deleted"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FORGET_EVERY) => {}
        }
    }
}

impl Node {
    /// Ends the node: requests in flight are finished, the state is saved, the database is
    /// brought up to the journal, the directory is given free.
    ///
    /// New calls are refused from here on; calls that run have 30 s. What is left then is written
    /// down, and the next start goes on with it.
    pub async fn stop(self) {
        let ending = Instant::now() + CALLS_WITHIN;
        if let Some((wires, _)) = &self.lines {
            wires.refuse_new();
        }
        self.stops.web.cancel();
        joined("web", self.web).await;
        if let Some((_, exchange)) = &self.lines {
            let silent = tokio::time::timeout_at(ending, silence(exchange)).await;
            if silent.is_err() {
                let legs = exchange.lines().legs;
                warn!(legs, "calls are still up; the next start goes on with them");
            }
        }
        self.stops.driver.cancel();
        joined("driver", self.driver).await;
        self.stops.lines.cancel();
        self.connected.outlets.stop().await;
        self.stops.rest.cancel();
        let rest = async {
            for task in self.rest {
                joined("task", task).await;
            }
        };
        if tokio::time::timeout(PROJECT_WITHIN, rest).await.is_err() {
            warn!("the database is behind the journal; the next start goes on with it");
        }
        self.desk.journal.close().await;
        self.claim.release().await;
        self.desk.store.close().await;
        info!("stopped");
    }

    /// Where telephones reach this node, in the words of `[sip] listen`.
    pub fn telephones(&self) -> Vec<String> {
        let open = self.lines.iter().flat_map(|(wires, _)| wires.local());
        open.map(|(on, address)| format!("{}:{address}", on.param())).collect()
    }

    /// Resolves when another server has taken the database over.
    pub async fn taken_over(&self) {
        self.claim.lost().cancelled().await;
    }

    /// Whether a task ended that should not have.
    pub fn is_broken(&self) -> bool {
        self.driver.is_finished() || self.web.is_finished()
    }
}

/// Waits until no telephone talks. What is published may be as old as the time between two
/// looks, so a call that was just let in is seen at the second.
async fn silence(exchange: &Exchange) {
    let mut look = tokio::time::interval(CALLS_LOOK);
    let mut silent = 0;
    while silent < 2 {
        look.tick().await;
        silent = if exchange.lines().legs > 0 { 0 } else { silent + 1 };
    }
}

async fn joined(what: &str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        warn!(%error, what, "a task ended badly");
    }
}
