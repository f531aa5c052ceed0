//! Who calls, as the CRMs know it: asked once per call while the telephone rings.
//!
//! The card is whole without an answer. An answer that comes late still finds its way onto it;
//! what was learned is remembered for ten minutes, unless a note was written about that client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::Clock;
use super::target::Target;
use crate::model::{CallId, ClientNews, ClientState, ClientView, Live, Name, Number, Pop};
use crate::store::Store;

/// After this the card says that the CRM is late.
const ASK_WITHIN: Duration = Duration::from_millis(1_500);
/// After this nobody waits for the answer any more.
const LATE_WITHIN: Duration = Duration::from_secs(15);
/// How long an answer is remembered.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// Answers that are remembered; each is a few kilobytes.
const KNOWN_MAX: u64 = 10_000;
/// Questions to one CRM at once. More is more than its limit lets through in time anyway.
const ASKS_MAX: usize = 32;
/// Calls whose clients are remembered for those who are rung later.
const CALLS_MAX: usize = 10_000;

/// Tells the screens.
pub type Publish = Arc<dyn Fn(Live) + Send + Sync>;

/// What the CRMs know of clients; clones are the same.
#[derive(Clone)]
pub struct Clients(Arc<Inner>);

struct Inner {
    known: Cache<(Name, Number), ClientView>,
    calls: Mutex<BTreeMap<CallId, Asked>>,
    store: Store,
    /// Who writes to the database: one at a time, so that a flood of calls takes one connection
    /// of it and not all.
    writing: Semaphore,
    clock: Clock,
    publish: Publish,
}

/// What is known of the client of a call, and who sees it.
struct Asked {
    views: BTreeMap<Name, ClientView>,
    operators: Vec<Name>,
    queue: Option<Name>,
}

/// The questions to one CRM.
#[derive(Clone)]
pub struct Asker {
    target: Arc<Target>,
    places: Arc<Semaphore>,
}

impl Asker {
    /// Questions to a target that is a CRM.
    pub fn new(target: Arc<Target>) -> Asker {
        Asker { target, places: Arc::new(Semaphore::new(ASKS_MAX)) }
    }
}

impl Clients {
    /// Nobody is known yet.
    pub fn new(store: Store, clock: Clock, publish: Publish) -> Clients {
        let known = Cache::builder().max_capacity(KNOWN_MAX).time_to_live(KNOWN_FOR).build();
        let calls = Mutex::default();
        Clients(Arc::new(Inner { known, calls, store, writing: Semaphore::new(1), clock, publish }))
    }

    /// A telephone rings: each CRM is asked, once per call; who is rung later is told what is
    /// known by then. Never waits.
    pub fn see(&self, pop: &Pop, askers: &[Asker]) {
        let Some(number) = pop.client.as_ref().and_then(|party| party.e164()) else { return };
        let mut calls = self.0.calls.lock();
        if let Some(asked) = calls.get_mut(&pop.call) {
            if !asked.operators.contains(&pop.operator) {
                asked.operators.push(pop.operator.clone());
                let views: Vec<ClientView> = asked.views.values().cloned().collect();
                let operators = vec![pop.operator.clone()];
                let queue = pop.queue.clone();
                drop(calls);
                for view in views {
                    self.tell(ClientNews {
                        view,
                        queue: queue.clone(),
                        operators: operators.clone(),
                    });
                }
            }
            return;
        }
        if askers.is_empty() {
            return;
        }
        let (operators, queue) = (vec![pop.operator.clone()], pop.queue.clone());
        calls.insert(pop.call, Asked { views: BTreeMap::new(), operators, queue });
        if calls.len() > CALLS_MAX {
            calls.pop_first(); // ids rise with time
        }
        drop(calls);
        for asker in askers {
            let (own, asker) = (self.clone(), asker.clone());
            let (call, number) = (pop.call, number.clone());
            tokio::spawn(async move { own.ask(call, number, asker).await });
        }
    }

    /// Asks one CRM for one call, and tells how far that came.
    async fn ask(&self, call: CallId, number: Number, asker: Asker) {
        let crm = asker.target.name().clone();
        self.learned(self.word(call, &crm, ClientState::Asked), false).await;
        let mut answer = self.answer(number, asker);
        let view = match tokio::time::timeout(ASK_WITHIN, &mut answer).await {
            Ok(view) => view.ok().flatten(),
            Err(_) => {
                self.learned(self.word(call, &crm, ClientState::Late), true).await;
                let late = tokio::time::timeout(LATE_WITHIN, answer).await;
                let Ok(Ok(Some(view))) = late else { return };
                Some(view)
            }
        };
        let failed = || self.word(call, &crm, ClientState::Failed);
        let view = view.map_or_else(failed, |view| ClientView { call, at: self.now(), ..view });
        self.learned(view, true).await;
    }

    /// The answer of a CRM about a number, which goes on being awaited when the asker gives up.
    /// `None`: nothing may be asked.
    fn answer(&self, number: Number, asker: Asker) -> oneshot::Receiver<Option<ClientView>> {
        let (tell, told) = oneshot::channel();
        let own = self.clone();
        tokio::spawn(async move {
            let asked = own.find(number, &asker);
            let view = tokio::time::timeout(ASK_WITHIN + LATE_WITHIN, asked).await;
            let _gone = tell.send(view.ok().flatten()).is_err();
        });
        told
    }

    /// What a CRM knows of a number: remembered, or asked once for all who want it at a time.
    async fn find(&self, number: Number, asker: &Asker) -> Option<ClientView> {
        let target = &asker.target;
        let crm = target.outlet().crm().filter(|_| !target.is_dry())?;
        let key = (target.name().clone(), number.clone());
        let asked = async {
            if target.refuses().is_some() {
                return Err(None);
            }
            let _place = asker.places.acquire().await.map_err(|_| None)?;
            let view = crm.client(&number).await;
            match view.state {
                ClientState::Known | ClientState::Unknown => Ok(view),
                ClientState::Asked | ClientState::Late | ClientState::Failed => Err(Some(view)),
            }
        };
        match self.0.known.try_get_with(key, asked).await {
            Ok(view) => Some(view),
            Err(view) => (*view).clone(),
        }
    }

    /// Which operator is responsible for a number: that of the first deal, else of the client;
    /// the CRMs are asked together. The caller gives it a deadline.
    pub async fn owner(&self, number: &Number, askers: &[Asker]) -> Option<Name> {
        let asked: Vec<_> =
            askers.iter().map(|asker| self.answer(number.clone(), asker.clone())).collect();
        for answer in asked {
            let view = answer.await.ok().flatten();
            if let Some(owner) = view.as_ref().and_then(owner_of) {
                return Some(owner);
            }
        }
        None
    }

    /// Something was written about a client at a CRM: what was remembered may be wrong.
    pub async fn written(&self, crm: &Name, number: &Number) {
        self.0.known.invalidate(&(crm.clone(), number.clone())).await;
    }

    fn now(&self) -> crate::model::Wall {
        (self.0.clock)().wall
    }

    fn word(&self, call: CallId, crm: &Name, state: ClientState) -> ClientView {
        let (crm, at) = (crm.clone(), self.now());
        ClientView { call, crm, state, matches: Vec::new(), create_link: None, at }
    }

    /// Tells the screens, and keeps what stands for longer than a moment.
    async fn learned(&self, view: ClientView, keep: bool) {
        let (call, crm) = (view.call, view.crm.clone());
        let news = {
            let mut calls = self.0.calls.lock();
            let Some(asked) = calls.get_mut(&call) else { return };
            asked.views.insert(crm.clone(), view.clone());
            let (queue, operators) = (asked.queue.clone(), asked.operators.clone());
            ClientNews { view: view.clone(), queue, operators }
        };
        self.tell(news);
        if !keep {
            return;
        }
        let _turn = self.0.writing.acquire().await;
        if let Err(error) = self.0.store.keep_client_view(&view).await {
            tracing::warn!(%error, %call, %crm, "what a CRM said of a client is not kept");
        }
    }

    fn tell(&self, news: ClientNews) {
        (self.0.publish)(Live::Client(Box::new(news)));
    }
}

fn owner_of(view: &ClientView) -> Option<Name> {
    let first = view.matches.first()?;
    let of_deals = first.deals.iter().find_map(|deal| deal.responsible_operator.clone());
    of_deals.or_else(|| first.responsible_operator.clone())
}
