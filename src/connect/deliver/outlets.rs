//! All connected targets: a worker for each, cards and clients of those that are CRMs, and who
//! takes their place when the configuration is read again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Clock;
use super::clients::{Asker, Clients, Publish};
use super::notes::{Wants, notes_of};
use super::outlet::{Brought, Consent, Unwelcome};
use super::pop::{Cards, outcomes};
use super::target::{NewTarget, Target, TargetHealth};
use super::worker::Worker;
use crate::model::{Live, Name, Number, OfferId, PopState, Stamped};
use crate::store::{NewNote, NoteState, OUTBOX_ALARM, PopToldRow, Store};

/// How often the outbox is counted for the figures.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// The connected targets; clones are the same.
#[derive(Clone)]
pub struct Outlets(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    clients: Clients,
    told: mpsc::Sender<PopToldRow>,
    /// Cards that rang before this program began: they are not told again.
    before: BTreeSet<OfferId>,
    round: ArcSwap<Round>,
    running: tokio::sync::Mutex<Running>,
    beside: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// The targets of one configuration.
#[derive(Default)]
struct Round {
    targets: Vec<Arc<Target>>,
    wants: Vec<(Name, Wants)>,
    cards: Vec<Cards>,
    askers: Vec<Asker>,
}

/// The workers of one configuration.
#[derive(Default)]
struct Running {
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
}

impl Outlets {
    /// No targets yet. `publish` tells the screens; `before` are the cards of an earlier life.
    pub fn new(store: Store, clock: Clock, publish: Publish, before: BTreeSet<OfferId>) -> Outlets {
        let (told, outcome) = outcomes();
        let stop = CancellationToken::new();
        let clients = Clients::new(store.clone(), clock.clone(), publish);
        let kept = tokio::spawn(keep_outcomes(store.clone(), outcome));
        let counted = tokio::spawn(count(store.clone(), clock.clone(), stop.clone()));
        Outlets(Arc::new(Inner {
            store,
            clock,
            clients,
            told,
            before,
            round: ArcSwap::default(),
            running: tokio::sync::Mutex::default(),
            beside: Mutex::new(vec![kept, counted]),
            stop,
        }))
    }

    /// Puts these targets in the place of those that run: the workers of the old finish what is in
    /// flight, those of the new go on with the same notes.
    /// `wants` says which notes are made, also for a target that could not be connected.
    pub async fn swap(&self, targets: Vec<NewTarget>, wants: Vec<(Name, Wants)>) {
        let mut running = self.0.running.lock().await;
        running.end().await;
        let now = (self.0.clock)().wall;
        let mut round = Round { wants, ..Round::default() };
        for new in targets {
            let target = Arc::new(Target::new(new, now));
            if target.outlet().crm().is_some() {
                let (clock, told) = (self.0.clock.clone(), self.0.told.clone());
                round.cards.push(Cards::new(target.clone(), clock, told));
                round.askers.push(Asker::new(target.clone()));
            }
            round.targets.push(target);
        }
        if self.0.stop.is_cancelled() {
            return;
        }
        for target in &round.targets {
            let worker = Worker {
                store: self.0.store.clone(),
                clock: self.0.clock.clone(),
                target: target.clone(),
                clients: self.0.clients.clone(),
                id: worker_id(),
                stop: running.stop.clone(),
            };
            running.workers.push(tokio::spawn(worker.run()));
        }
        self.0.round.store(Arc::new(round));
    }

    /// Ends all workers; what is in flight has a few seconds.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.running.lock().await.end().await;
        for task in self.0.beside.lock().drain(..) {
            task.abort();
        }
    }

    /// Takes in what the screens are told. Never waits.
    pub fn see(&self, live: &Live) {
        let Live::Pop(pop) = live else { return };
        let round = self.0.round.load();
        for cards in &round.cards {
            cards.see(pop, &self.0.before);
        }
        if pop.state == PopState::Ringing {
            self.0.clients.see(pop, &round.askers);
        }
    }

    /// The notes that records give rise to.
    pub fn notes_of(&self, records: &[Stamped]) -> Vec<NewNote> {
        notes_of(records, &self.0.round.load().wants, (self.0.clock)().wall)
    }

    /// Which operator a CRM names as responsible for a number.
    pub async fn owner(&self, number: &Number) -> Option<Name> {
        let round = self.0.round.load_full();
        self.0.clients.owner(number, &round.askers).await
    }

    /// How each target fares, in the order of the file.
    pub fn health(&self) -> Vec<TargetHealth> {
        self.0.round.load().targets.iter().map(|target| target.health()).collect()
    }

    /// Asks a target whether it answers and knows us, which also ends a rest; `None`: there is no
    /// such target.
    pub async fn test(&self, name: &Name) -> Option<Result<(), String>> {
        let round = self.0.round.load_full();
        let target = round.target(name)?;
        let clock = self.0.clock.clone();
        Some(target.probe(move || clock().wall).await)
    }

    /// Whether there is a target of this name.
    pub fn has(&self, name: &Name) -> bool {
        self.0.round.load().targets.iter().any(|target| target.name() == name)
    }

    /// The page on which a person consents that we work with a target; `None` where nobody has to.
    pub fn consent_page(&self, name: &Name, state: &str) -> Option<String> {
        let round = self.0.round.load();
        round.target(name)?.outlet().visits()?.consent_page(state)
    }

    /// Takes a consent in, and ends the pause for which it was needed; `None`: there is no such
    /// target, or it needs none.
    pub async fn consent(
        &self,
        name: &Name,
        consent: &Consent,
        address: &str,
    ) -> Option<Result<(), String>> {
        let round = self.0.round.load_full();
        let target = round.target(name)?;
        let taken = target.outlet().visits()?.consent(consent, address).await;
        if taken.is_ok() {
            let clock = self.0.clock.clone();
            let _still_paused = target.probe(move || clock().wall).await.is_err();
        }
        Some(taken)
    }

    /// Takes in what a peer brought of its own accord; `None`: there is no such target, or its
    /// peer brings nothing.
    pub async fn take(
        &self,
        name: &Name,
        (content_type, body): (&str, &[u8]),
        address: &str,
    ) -> Option<Result<Brought, Unwelcome>> {
        let round = self.0.round.load_full();
        let visits = round.target(name)?.outlet().visits()?;
        Some(visits.take(content_type, body, address).await)
    }
}

impl Round {
    fn target(&self, name: &Name) -> Option<&Arc<Target>> {
        self.targets.iter().find(|target| target.name() == name)
    }
}

impl Running {
    async fn end(&mut self) {
        self.stop.cancel();
        for worker in self.workers.drain(..) {
            if let Err(error) = worker.await {
                error!(%error, "a delivery worker ended badly");
            }
        }
        self.stop = CancellationToken::new();
    }
}

/// Unique in the world, so that claims of an earlier life are known for what they are.
fn worker_id() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

async fn keep_outcomes(store: Store, mut outcomes: mpsc::Receiver<PopToldRow>) {
    while let Some(row) = outcomes.recv().await {
        if let Err(error) = store.add_pop_told(&row).await {
            warn!(%error, call = %row.call, "how a card fared is not kept");
        }
    }
}

/// Counts the outbox for the figures, and raises the alarm when it fills.
async fn count(store: Store, clock: Clock, stop: CancellationToken) {
    let mut seen = BTreeSet::new();
    loop {
        match store.count_notes().await {
            Ok(counts) => {
                let mut waiting = 0;
                seen.extend(counts.iter().map(|one| one.target.clone()));
                for target in &seen {
                    waiting += gauge(target, &counts, clock().wall);
                }
                if waiting >= OUTBOX_ALARM {
                    error!(waiting, "the outbox fills; see which target does not take its notes");
                }
            }
            Err(error) => warn!(%error, "the outbox cannot be counted"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(COUNT_EVERY) => {}
        }
    }
}

fn gauge(target: &Name, counts: &[crate::store::NoteCount], now: crate::model::Wall) -> u64 {
    let own = || counts.iter().filter(|one| one.target == *target);
    let sum = |fits: fn(NoteState) -> bool| {
        own().filter(|one| fits(one.state)).map(|one| one.count).sum::<u64>()
    };
    let waiting = sum(NoteState::is_waiting);
    let oldest = own().filter(|one| one.state.is_waiting()).map(|one| one.oldest).min();
    for (state, count) in [
        ("waiting", waiting),
        ("dead", sum(|state| state == NoteState::Dead)),
        ("unclear", sum(|state| state == NoteState::Unclear)),
    ] {
        let target = target.to_string();
        #[expect(clippy::cast_precision_loss, reason = "a count of rows is far below 2^52")]
        metrics::gauge!("navbat_outbox_notes", "target" => target, "state" => state)
            .set(count as f64);
    }
    let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs());
    metrics::gauge!("navbat_outbox_oldest_seconds", "target" => target.to_string()).set(age);
    waiting
}
