//! Cards at the CRMs: direct, perishable, never from the outbox.
//!
//! A card is told when its telephone rings and told again as its offer changes. A request that did
//! not get through is repeated once while the ring is young; one that was cut may have shown its
//! card, so it is not. Nothing is repeated after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Clock;
use super::outlet::PopTold;
use super::target::Target;
use super::worker::DRY_RUN;
use crate::model::{Name, OfferId, Pop, PopState, Wall};
use crate::store::PopToldRow;

/// How long one request may take. A card that comes later is of no use to a telephone that rings.
const POP_WITHIN: Duration = Duration::from_secs(2);
/// A ring is young for so long: then a card may be tried a second time.
const YOUNG_FOR: Duration = Duration::from_secs(3);
/// The pause before that.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// Cards of one CRM that are told at once. More is more than a site of that size rings; each costs
/// a small task.
const CARDS_MAX: usize = 2_000;
/// Outcomes on their way to the database. What does not fit is only counted.
const TOLD_MAX: usize = 4_096;

/// The cards of one CRM.
pub struct Cards {
    target: Arc<Target>,
    clock: Clock,
    open: Arc<Mutex<BTreeMap<OfferId, watch::Sender<Pop>>>>,
    told: mpsc::Sender<PopToldRow>,
}

/// Where outcomes of cards go.
pub fn outcomes() -> (mpsc::Sender<PopToldRow>, mpsc::Receiver<PopToldRow>) {
    mpsc::channel(TOLD_MAX)
}

impl Cards {
    /// The cards of a target that is a CRM.
    pub fn new(target: Arc<Target>, clock: Clock, told: mpsc::Sender<PopToldRow>) -> Cards {
        Cards { target, clock, open: Arc::default(), told }
    }

    /// Takes a card that opened, changed or closed. Never waits. Cards of `before` rang before
    /// this program began.
    pub fn see(&self, pop: &Pop, before: &BTreeSet<OfferId>) {
        let mut open = self.open.lock();
        if let Some(card) = open.get(&pop.offer) {
            card.send_replace(pop.clone());
            if !pop.state.is_live() {
                open.remove(&pop.offer);
            }
            return;
        }
        if pop.state != PopState::Ringing || before.contains(&pop.offer) {
            return;
        }
        let mut card = Card {
            target: self.target.clone(),
            clock: self.clock.clone(),
            told: self.told.clone(),
            begun: Instant::now(),
            rang_at: (self.clock)().wall,
        };
        if open.len() >= CARDS_MAX {
            card.end(pop, None, Some(String::from("too many cards at once")));
            return;
        }
        let (sender, changes) = watch::channel(pop.clone());
        open.insert(pop.offer, sender);
        let (all, offer) = (self.open.clone(), pop.offer);
        tokio::spawn(async move {
            card.live(changes).await;
            all.lock().remove(&offer);
        });
    }
}

/// One card while its offer lives.
struct Card {
    target: Arc<Target>,
    clock: Clock,
    told: mpsc::Sender<PopToldRow>,
    begun: Instant,
    rang_at: Wall,
}

impl Card {
    async fn live(&mut self, mut changes: watch::Receiver<Pop>) {
        let pop = changes.borrow_and_update().clone();
        let (left_at, why) = self.ring(&pop, &mut changes).await;
        self.end(&pop, left_at, why);
        if left_at.is_none() {
            return; // the CRM knows nothing of it
        }
        loop {
            let next = {
                let next = changes.borrow_and_update();
                (next.state != PopState::Ringing).then(|| next.clone())
            };
            if let Some(next) = next {
                if self.target.refuses().is_none() {
                    self.tell(&next).await;
                }
                if !next.state.is_live() {
                    return;
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells of a ring; gives when the request left, and why the card is not shown.
    async fn ring(
        &self,
        pop: &Pop,
        changes: &mut watch::Receiver<Pop>,
    ) -> (Option<Wall>, Option<String>) {
        if self.target.is_dry() {
            return (None, Some(DRY_RUN.to_owned()));
        }
        if let Some(why) = self.target.refuses() {
            return (None, Some(why));
        }
        let left_at = (self.clock)().wall;
        metrics::histogram!("navbat_pop_left_seconds").record(self.begun.elapsed().as_secs_f64());
        let why = match self.tell(pop).await {
            PopTold::Shown => return (Some(left_at), None),
            PopTold::NotShown { why } if self.begun.elapsed() >= POP_WITHIN => {
                return (Some(left_at), Some(why));
            }
            PopTold::NotShown { why } => why,
        };
        let over = async {
            let _gone = changes.wait_for(|now| now.state != PopState::Ringing).await.is_err();
        };
        tokio::select! {
            () = over => return (Some(left_at), Some(format!("{why}; the ring was over"))),
            () = tokio::time::sleep(AGAIN_AFTER) => {}
        }
        if self.begun.elapsed() >= YOUNG_FOR || self.target.refuses().is_some() {
            return (Some(left_at), Some(why));
        }
        match self.tell(pop).await {
            PopTold::Shown => (Some(left_at), None),
            PopTold::NotShown { why } => (Some(left_at), Some(why)),
        }
    }

    /// One request.
    async fn tell(&self, pop: &Pop) -> PopTold {
        let not_shown = |why: &str| PopTold::NotShown { why: why.to_owned() };
        let Some(crm) = self.target.outlet().crm() else { return not_shown("it has no cards") };
        let told = tokio::time::timeout(POP_WITHIN, crm.pop(pop)).await;
        told.unwrap_or_else(|_| not_shown("no answer in 2 s"))
    }

    /// Says how the card fared.
    fn end(&mut self, pop: &Pop, left_at: Option<Wall>, why: Option<String>) {
        let target: Name = self.target.name().clone();
        let end = if why.is_none() { "shown" } else { "not_shown" };
        metrics::counter!("navbat_crm_pops_total", "target" => target.to_string(), "end" => end)
            .increment(1);
        let row = PopToldRow {
            call: pop.call,
            target,
            offer: pop.offer,
            operator: pop.operator.clone(),
            rang_at: self.rang_at,
            left_at,
            shown: why.is_none(),
            why,
            at: (self.clock)().wall,
        };
        if self.told.try_send(row).is_err() {
            tracing::debug!(call = %pop.call, "how a card fared is not kept");
        }
    }
}
