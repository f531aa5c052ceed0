//! Brings the notes of one target, until it is asked to stop.
//!
//! A note is claimed in the database before its request leaves, so that a crash in between leaves
//! a trace: what was in flight is looked up before it is sent again. One worker belongs to one
//! target, so an outage of one delays no other.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Clock;
use super::clients::Clients;
use super::judge::{Attempt, Told, later};
use super::outlet::{Found, Note, Verdict};
use super::settler::Settler;
use super::target::{Rest, Target};
use crate::model::{NoteBody, Number, Party, Wall};
use crate::store::{ClaimAsk, ClaimedNote, Delivery, DueNotes, Lapsing, Store, StoreError};

/// Why a note of a dry run was not sent; lists are filtered by it.
pub const DRY_RUN: &str = "dry run";

/// Notes of one target at once, however many its adapter would take. All of them are looked up
/// after a crash.
const FLIGHTS_MAX: u32 = 64;
/// A claim is good for this long; far longer than any attempt.
const CLAIM_FOR: Duration = Duration::from_secs(300);
/// An adapter that has not said anything after this is given up; its own deadlines are shorter.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(120);
/// How often it is looked whether claims lapsed, or something is due that nobody told of.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long to wait after the database did not answer.
const AWAY_FOR: Duration = Duration::from_secs(2);
/// How long what is in flight may take at a stop. The rest is looked up at the next start.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What a worker needs.
#[derive(Clone)]
pub struct Worker {
    /// Where notes are kept.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// Whose notes.
    pub target: Arc<Target>,
    /// What is remembered of clients, and wrong after a write.
    pub clients: Clients,
    /// Unique in the world, so that claims of an earlier life are known for what they are.
    pub id: String,
    /// Asks it to stop.
    pub stop: CancellationToken,
}

/// What a claimed note is claimed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Send,
    LookUp,
}

impl Worker {
    /// Works until it is asked to stop; what is in flight then has a few seconds.
    pub async fn run(self) {
        let mut flights = JoinSet::new();
        let settler = Settler::begin(self.store.clone(), self.clock.clone(), self.id.clone());
        self.lapse_old().await;
        let mut news = self.store.outbox_news();
        let mut moved = self.target.moved();
        while !self.stop.is_cancelled() {
            news.borrow_and_update();
            moved.borrow_and_update();
            let idle = match self.step(&mut flights, &settler).await {
                Ok(idle) => idle,
                Err(error) => {
                    warn!(%error, target = %self.target.name(), "the outbox cannot be read");
                    Some(Instant::now() + AWAY_FOR)
                }
            };
            let Some(until) = idle else { continue };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep_until(until) => {}
                Ok(()) = news.changed() => {}
                Ok(()) = moved.changed() => {}
                Some(landed) = flights.join_next() => landed_well(landed),
            }
        }
        let landing = async {
            while let Some(landed) = flights.join_next().await {
                landed_well(landed)
            }
        };
        if tokio::time::timeout(STOP_WITHIN, landing).await.is_err() {
            warn!(target = %self.target.name(), "what is in flight is looked up at the next start");
        }
    }

    /// Begins attempts, or says until when there is nothing to do.
    async fn step(
        &self,
        flights: &mut JoinSet<()>,
        settler: &Settler,
    ) -> Result<Option<Instant>, StoreError> {
        let now = (self.clock)().wall;
        while let Some(landed) = flights.try_join_next() {
            landed_well(landed);
        }
        if let Some(until) = self.rests().await {
            return Ok(Some(until));
        }
        let at_once = self.target.outlet().pace().1.clamp(1, FLIGHTS_MAX);
        let at_once = if self.target.is_failing() { 1 } else { at_once };
        let look = Instant::now() + LOOK_EVERY;
        let flying = u32::try_from(flights.len()).unwrap_or(u32::MAX);
        let free = at_once.saturating_sub(flying);
        if free == 0 {
            return Ok(Some(look));
        }
        let due = self.store.due_notes(self.target.name(), now).await?;
        if !due.to_send && !due.to_look_up {
            // An earlier life's last statement may be carried out after this one began.
            self.lapse(Lapsing::OfOthers(&self.id)).await?;
            self.lapse(Lapsing::Until(now)).await?;
            let next = self.store.next_note_at(self.target.name(), now).await?;
            let wait = next.map_or(LOOK_EVERY, |next| next.since(now).as_duration());
            return Ok(Some(Instant::now() + wait.min(LOOK_EVERY)));
        }
        let mut turns = free;
        if !self.target.is_dry() {
            turns = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                turns = self.target.turns(free) => turns,
            };
        }
        let (work, notes) = self.claim(due, turns).await?;
        for note in notes {
            let (worker, settler) = (self.clone(), settler.clone());
            flights.spawn(async move { worker.attempt(work, note, settler).await });
        }
        Ok(None)
    }

    /// Until when the target rests; probes it when it is time for that.
    async fn rests(&self) -> Option<Instant> {
        match self.target.rest() {
            Rest::None => None,
            Rest::Until(_, until) => (until > Instant::now()).then_some(until),
            Rest::Off(_, Some(at), _) if at <= Instant::now() => {
                let clock = self.clock.clone();
                let probed = self.target.probe(move || clock().wall);
                let answer = tokio::time::timeout(ATTEMPT_WITHIN, probed).await;
                let back = matches!(answer, Ok(Ok(())));
                (!back).then(|| Instant::now() + AWAY_FOR)
            }
            Rest::Off(_, at, _) => Some(at.unwrap_or_else(|| Instant::now() + LOOK_EVERY)),
        }
    }

    /// Claims notes: what may have arrived is looked up first.
    async fn claim(
        &self,
        due: DueNotes,
        limit: u32,
    ) -> Result<(Work, Vec<ClaimedNote>), StoreError> {
        let now = (self.clock)().wall;
        let until = later(now, CLAIM_FOR);
        let ask = ClaimAsk { worker: &self.id, target: self.target.name(), now, until, limit };
        if due.to_look_up {
            return Ok((Work::LookUp, self.store.claim_ambiguous(ask).await?));
        }
        Ok((Work::Send, self.store.claim_notes(ask).await?))
    }

    async fn attempt(&self, work: Work, claimed: ClaimedNote, settler: Settler) {
        let outlet = self.target.outlet();
        let about = |now: Wall| Attempt {
            tries: claimed.tries,
            looks: claimed.looks,
            since: claimed.since,
            is_repeated: claimed.is_repeated,
            now,
            dice: rand::random(),
            look_up_after: outlet.look_up_after(),
            repeats_unclear: outlet.repeats_unclear(),
        };
        let (delivery, told) = match (note_of(&claimed), work) {
            (Err(error), _) => (
                Delivery::Dead { told: format!("the note cannot be read: {error}") },
                Told::Nothing,
            ),
            (Ok(_), _) if self.target.is_dry() => {
                (Delivery::Skipped { told: DRY_RUN.to_owned() }, Told::Nothing)
            }
            (Ok(note), Work::Send) => {
                let verdict = tokio::time::timeout(ATTEMPT_WITHIN, outlet.deliver(&note)).await;
                let late = || Verdict::Ambiguous { why: String::from("no answer in two minutes") };
                about((self.clock)().wall).delivered(verdict.unwrap_or_else(|_| late()))
            }
            (Ok(note), Work::LookUp) => {
                let found = tokio::time::timeout(ATTEMPT_WITHIN, outlet.look_up(&note)).await;
                let late = || Found::NotNow { why: String::from("no answer in two minutes") };
                about((self.clock)().wall).looked_up(found.unwrap_or_else(|_| late()))
            }
        };
        self.count(&delivery);
        if let (Delivery::Done { .. }, Some(number)) = (&delivery, client_of(&claimed)) {
            self.clients.written(self.target.name(), &number).await;
        }
        settler.settle(&claimed.id, delivery).await;
        self.target.hear(told, (self.clock)().wall, rand::random());
    }

    /// Makes sure that what an earlier life left in flight is looked up before anything is sent.
    async fn lapse_old(&self) {
        while let Err(error) = self.lapse(Lapsing::OfOthers(&self.id)).await {
            warn!(%error, target = %self.target.name(), "claims could not be looked through");
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(AWAY_FOR) => {}
            }
        }
    }

    async fn lapse(&self, of: Lapsing<'_>) -> Result<(), StoreError> {
        let look_at = later((self.clock)().wall, self.target.outlet().look_up_after());
        let notes = self.store.lapse_notes(self.target.name(), of, look_at).await?;
        if notes > 0 {
            warn!(target = %self.target.name(), notes, "notes in flight are looked up");
        }
        Ok(())
    }

    fn count(&self, delivery: &Delivery) {
        let end = match delivery {
            Delivery::Done { .. } => {
                self.target.count_sent();
                "done"
            }
            Delivery::Skipped { .. } => "skipped",
            Delivery::Retry { .. } | Delivery::Repeat { .. } => "retry",
            Delivery::Postponed { .. } => "postponed",
            Delivery::Ambiguous { .. } => "ambiguous",
            Delivery::Dead { .. } => "dead",
            Delivery::Unclear { .. } => "unclear",
        };
        let target = self.target.name().to_string();
        metrics::counter!("navbat_notes_total", "target" => target, "end" => end).increment(1);
    }
}

/// The note as an adapter takes it.
fn note_of(claimed: &ClaimedNote) -> Result<Note, serde_json::Error> {
    Ok(Note {
        id: claimed.id.clone(),
        once_key: claimed.once_key.clone(),
        body: serde_json::from_str(&claimed.body)?,
        tries: claimed.tries,
        external: claimed.external.as_deref().map(serde_json::from_str).transpose()?,
    })
}

/// Whose entry at a CRM a note may have changed.
fn client_of(claimed: &ClaimedNote) -> Option<Number> {
    let body: NoteBody = serde_json::from_str(&claimed.body).ok()?;
    let (NoteBody::Call { call } | NoteBody::CallBack { call }) = body else { return None };
    call.client.as_ref().and_then(Party::e164).cloned()
}

/// An adapter that panicked leaves its note in flight; the claim lapses, and it is looked up.
fn landed_well(landed: Result<(), tokio::task::JoinError>) {
    if let Err(error) = landed {
        error!(%error, "an attempt ended badly");
    }
}
