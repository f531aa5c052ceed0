//! What every handler is given: the doors of the other rooms, and what the web keeps itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connect::deliver::Outlets;
use crate::connect::provider::Account;
use crate::model::{Mono, Name, Now, Period};
use crate::store::{AccountCount, Journal, Store};
use crate::switch::Settings;

use super::changes::{Changes, Things};
use super::door::Door;
use super::exchange::Exchange;
use super::gates::{Gates, Rate};
use super::guard;
use super::live::Hub;
use super::once::Once;
use super::server::Patience;
use super::sight::Eyes;
use super::visits::Visitors;

/// How long the counts of the accounts are shown as they are.
const COUNTS_FOR: Period = Period::secs(15);

/// Reads both clocks.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What the web is made of.
pub struct Parts {
    /// Where requests of providers are kept.
    pub journal: Journal,
    /// Lists, people, sessions.
    pub store: Store,
    /// The handle of the exchange.
    pub exchange: Exchange,
    /// Who makes what the pages may make.
    pub changes: Changes,
    /// How long things may take.
    pub patience: Patience,
    /// What the screens are told.
    pub hub: Hub,
    /// CRMs and messengers.
    pub outlets: Outlets,
    /// The clock.
    pub clock: Clock,
    /// What the configuration says.
    pub site: Site,
    /// Renders the figures; `None`: `/metrics` says so.
    pub metrics: Option<PrometheusHandle>,
}

/// What the web has to know of the configuration; swapped whole on a reload.
#[derive(Clone)]
pub struct Site {
    /// What the exchange is told: operators, queues, accounts.
    pub settings: Arc<Settings>,
    /// Operators and queues as they are configured.
    pub things: Things,
    /// How the requests of providers are read.
    pub accounts: Arc<Vec<Account>>,
    /// How much each account may send; the default for the others.
    pub rates: BTreeMap<Name, Rate>,
    /// How numbers are shown.
    pub eyes: Eyes,
    /// Logins that the file declares; read-only in the pages.
    pub file_logins: BTreeSet<Name>,
    /// The zone of days and times of day.
    pub timezone: TimeZone,
    /// The language of who chose none.
    pub language: String,
    /// What providers are told to call, without a slash at the end.
    pub public_url: String,
    /// Login over plain HTTP beyond loopback is allowed.
    pub plain_http: bool,
    /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Somebody who is signed in with a browser.
pub struct SignedIn {
    /// Which operator they are, when they are one.
    pub operator: Option<Name>,
    /// Resolves when the session is over: signed out, too old, another role.
    pub over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The state of the web; cheap to clone.
#[derive(Clone)]
pub struct Web(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub journal: Journal,
    pub store: Store,
    pub exchange: Exchange,
    pub changes: Changes,
    pub patience: Patience,
    pub hub: Hub,
    pub outlets: Outlets,
    pub clock: Clock,
    pub site: ArcSwap<Site>,
    pub metrics: Option<PrometheusHandle>,
    pub gates: Gates,
    pub door: Door,
    pub once: Once,
    pub visitors: Visitors,
    /// Cancelled when the server stops: no new work.
    pub stop: CancellationToken,
    /// Requests that are being worked on.
    pub flights: TaskTracker,
    counts: Mutex<Option<(Mono, Arc<Vec<AccountCount>>)>>,
}

impl Web {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Web {
        Web(Arc::new(Inner {
            door: Door::new(parts.store.clone(), parts.clock.clone()),
            journal: parts.journal,
            store: parts.store,
            exchange: parts.exchange,
            changes: parts.changes,
            patience: parts.patience,
            hub: parts.hub,
            outlets: parts.outlets,
            clock: parts.clock,
            site: ArcSwap::from_pointee(parts.site),
            metrics: parts.metrics,
            gates: Gates::default(),
            once: Once::default(),
            visitors: Visitors::default(),
            stop: CancellationToken::new(),
            flights: TaskTracker::new(),
            counts: Mutex::new(None),
        }))
    }

    /// Takes a configuration that was read again.
    pub fn reload(&self, site: Site) {
        self.0.site.store(Arc::new(site));
    }

    /// Who is signed in with the cookies of a page, as the header `Cookie` has them; `None`:
    /// nobody. For what a browser opens beside the pages.
    pub async fn signed_in(&self, cookies: &str) -> Option<SignedIn> {
        let session = self.0.door.by_cookie(&guard::cookie_in(cookies)?).await.ok()??;
        let operator = session.reader().operator.clone();
        let web = self.clone();
        let over = async move {
            let ended = session.ended();
            let mut look = tokio::time::interval(web.0.patience.ping);
            loop {
                tokio::select! {
                    () = ended.cancelled() => return,
                    _ = look.tick() => {
                        // As with the live stream: it is use, and what is over must not go on.
                        if web.0.door.fresh(session.clone()).await.is_none() {
                            return;
                        }
                    }
                }
            }
        };
        Some(SignedIn { operator, over: Box::pin(over) })
    }

    /// Ends every session of a login, open streams among them.
    pub async fn sign_out_all(&self, login: &Name) {
        // Where the database does not answer, the sessions end when they are read again.
        if self.0.door.sign_out_all(login).await.is_err() {
            tracing::warn!("sessions could not be ended in the database");
        }
    }

    pub(super) fn site(&self) -> Arc<Site> {
        self.0.site.load_full()
    }

    pub(super) fn now(&self) -> Now {
        (self.0.clock)()
    }

    /// What came from each account in the last `within`, counted at most every 15 s: the count
    /// reads a day of the inbox.
    pub(super) async fn counts(&self, within: Period) -> Arc<Vec<AccountCount>> {
        let now = self.now();
        if let Some((at, counts)) = self.0.counts.lock().as_ref()
            && now.mono.since(*at) < COUNTS_FOR
        {
            return counts.clone();
        }
        let counted = self.0.journal.counts_by_account(now.wall - within).await;
        let counts = Arc::new(counted.unwrap_or_default());
        *self.0.counts.lock() = Some((now.mono, counts.clone()));
        counts
    }
}
