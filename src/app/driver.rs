//! The loop that drives the switch, and the journal behind it.
//!
//! One task owns the [`Switch`]; everybody else asks it by message and reads the snapshot it
//! publishes. An input goes in, every output is taken out, then comes the next input. Attempts
//! leave at once. Promises leave when the records before them are committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::clock::Clock;
use super::hearing;
use crate::connect::provider::Account;
use crate::model::{CallId, Mono, Name, Now, Number, Period, Record, Seq, Stamped, Wall};
use crate::net::{Arrived, Wires};
use crate::sip::Transmit;
use crate::store::{Commit, Journal, JournalError, StoredRequest};
use crate::switch::{
    Command, Effect, Input, Output, Refusal, RouteAsk, Settings, Switch, Ticket, Wiring,
};
use crate::web::{Ask, Desk, Hub, LinesView};

/// Records between two saved states. More make a restart slower to fold them, fewer write the
/// whole state more often than it changes.
const RECORDS_PER_STATE: u64 = 10_000;
/// Screens read a snapshot that is at most this old; a shorter time copies the state more often.
const PUBLISH_EVERY: Period = Period::millis(100);
/// The least time between two looks at what is due. Timers of one call fall due in bunches a
/// millisecond wide; a longer time wakes up for fewer of them and lets each be late by as much.
const TIMERS_APART: Period = Period::millis(5);
/// What a caller waits for leaves after this even when the disk has not answered: a routing
/// answer, or the answer to a call.
const PROMISE_WAIT_MAX: Duration = Duration::from_millis(50);
/// Messages of telephones that are taken before timers are looked at again. More saves a little
/// work per message and delays what is due by as much.
const ARRIVED_MAX: usize = 64;
/// Requests of providers that are heard after each such batch, so that a flood of one does not
/// silence the other.
const HEARD_MAX: usize = 16;
/// Warnings of a slow journal are at least this far apart; each names how many answers it is for.
const SAY_LATE_EVERY: Duration = Duration::from_secs(60);

/// Answers of the CRMs on their way here. What does not fit waits with its asker.
const OWNERS_MAX: usize = 256;

/// How soon a state that covers a hole in the journal is offered to the disk again. A hole lasts
/// as long as that fails; a shorter pause hammers a sick disk.
const HOLE_RETRY: Duration = Duration::from_secs(1);

/// A configuration that was read again.
#[derive(Debug)]
pub struct Reloaded {
    /// What the engine is told.
    pub settings: Arc<Settings>,
    /// What the readers of requests are told.
    pub accounts: Arc<Vec<Account>>,
    /// What the switch is told of telephones; `None` where none are attached.
    pub wiring: Option<Arc<Wiring>>,
    /// Told when the switch has it.
    pub done: oneshot::Sender<()>,
}

/// Everything the driver holds by its end.
pub struct Ends {
    /// The clock.
    pub clock: Clock,
    /// Where records go.
    pub journal: Journal,
    /// Where screens listen.
    pub hub: Hub,
    /// Requests that were acknowledged before the start and not heard; they come first.
    pub unheard: Vec<StoredRequest>,
    /// Committed requests of providers, in the order of the inbox.
    pub requests: mpsc::Receiver<StoredRequest>,
    /// What people and providers ask, and where screens look.
    pub desk: Desk,
    /// Configurations that were read again.
    pub reloads: mpsc::Receiver<Reloaded>,
    /// How the requests are read.
    pub accounts: Arc<Vec<Account>>,
    /// By which telephones and trunks are reached; `None`: there are none.
    pub wires: Option<Wires>,
    /// What comes in by them.
    pub arrived: Option<mpsc::Receiver<Arrived>>,
    /// Asks the CRMs who is responsible for a client.
    pub ask_owner: AskOwner,
    /// Asks the driver to save its state and return.
    pub stop: CancellationToken,
}

/// The call of a question, and who is responsible for its client.
pub type OwnerAnswer = (CallId, Option<Name>);

/// Asks who is responsible for the client of a call; the answer comes by the sender.
pub type AskOwner = Arc<dyn Fn(CallId, Number, mpsc::Sender<OwnerAnswer>) + Send + Sync>;

/// The answers that are owed.
#[derive(Default)]
struct Owed {
    last: u64,
    commands: BTreeMap<Ticket, oneshot::Sender<Result<(), Refusal>>>,
    routes: BTreeMap<Ticket, oneshot::Sender<Vec<Name>>>,
}

/// One promise, ready to be kept.
enum Promise {
    Reply(oneshot::Sender<Result<(), Refusal>>, Result<(), Refusal>),
    Route(oneshot::Sender<Vec<Name>>, Vec<Name>),
    Send(Wires, Transmit),
}

/// The switch with its ends and its place in the journal.
pub struct Driver {
    switch: Switch,
    ends: Ends,
    owed: Owed,
    owners: (mpsc::Sender<OwnerAnswer>, mpsc::Receiver<OwnerAnswer>),
    last: Seq,
    state_at: Seq,
    published_at: Now,
    /// When it was last looked at what is due.
    timed_at: Mono,
    /// Something happened that screens show.
    is_dirty: bool,
    /// Something happened on the lines, if only that a transaction ended.
    is_stirred: bool,
    /// Stretches of records that the journal lost.
    losses: watch::Receiver<u64>,
}

impl Driver {
    /// Takes a switch over: it hears of the restart and of what was unheard, and the first
    /// snapshot is out when this returns. `last` is the last record in the journal.
    pub fn begin(switch: Switch, ends: Ends, last: Seq) -> Driver {
        let mut driver = Driver {
            switch,
            owed: Owed::default(),
            owners: mpsc::channel(OWNERS_MAX),
            last,
            state_at: last,
            published_at: ends.clock.now(),
            timed_at: Mono(0),
            is_dirty: true,
            is_stirred: true,
            losses: ends.journal.losses(),
            ends,
        };
        driver.take(Input::Restarted { kept: Vec::new() });
        for request in std::mem::take(&mut driver.ends.unheard) {
            driver.heard(&request);
        }
        driver.publish();
        driver
    }

    /// Runs the switch until it is asked to stop: one input, every output, the next input. Saves
    /// the state before it returns.
    pub async fn drive(mut self) {
        self.run().await;
        self.close().await;
    }

    async fn run(&mut self) {
        let mut news = Vec::with_capacity(ARRIVED_MAX);
        loop {
            let due = self.switch.poll_timeout();
            let due = due.map(|due| due.max(self.timed_at + TIMERS_APART));
            let publish = self.is_dirty || self.is_stirred;
            let publish = publish.then_some(self.published_at.mono + PUBLISH_EVERY);
            let clock = self.ends.clock;
            tokio::select! {
                biased; // stop first, then what is due, then people, then news
                () = self.ends.stop.cancelled() => return,
                () = clock.until(due) => {
                    let now = clock.now();
                    self.timed_at = now.mono;
                    self.switch.handle_timeout(now);
                    // Transactions end without a word, and are counted all the same.
                    self.is_stirred |= self.switch.load().is_some();
                    self.drain();
                }
                () = clock.until(publish) => self.publish(),
                Ok(()) = self.losses.changed() => self.cover_hole(),
                Some(ask) = self.ends.desk.asks.recv() => self.asked(ask),
                Some((call, operator)) = self.owners.1.recv() => {
                    self.take(Input::OwnerKnown { call, operator });
                }
                Some(reloaded) = self.ends.reloads.recv() => self.reloaded(reloaded),
                () = arrive(&mut self.ends.arrived, &mut news) => self.arrived(&mut news),
                Some(request) = self.ends.requests.recv() => self.heard(&request),
                else => return,
            }
            if self.last.0.saturating_sub(self.state_at.0) >= RECORDS_PER_STATE {
                // Nobody waits for it: the next one comes long after.
                drop(self.save_state());
            }
        }
    }

    /// Takes what waits already, then writes the state down.
    async fn close(&mut self) {
        self.ends.desk.asks.close();
        while let Ok(ask) = self.ends.desk.asks.try_recv() {
            self.asked(ask);
        }
        while let Ok(request) = self.ends.requests.try_recv() {
            self.heard(&request);
        }
        self.publish();
        if let Err(error) = self.save_state().await {
            warn!(%error, "the state could not be saved");
        }
    }

    fn arrived(&mut self, news: &mut Vec<Arrived>) {
        for arrived in news.drain(..) {
            self.take(match arrived {
                Arrived::Packet(packet) => Input::Sip(*packet),
                Arrived::Undelivered(hop) => Input::Undelivered(hop),
                Arrived::TrunkHops { trunk, hops } => Input::TrunkHops { trunk, hops },
            });
        }
        for _ in 0..HEARD_MAX {
            let Ok(request) = self.ends.requests.try_recv() else { return };
            self.heard(&request);
        }
    }

    fn heard(&mut self, request: &StoredRequest) {
        let heard = hearing::heard(&self.ends.accounts, request);
        self.take(Input::Heard(heard));
    }

    fn asked(&mut self, ask: Ask) {
        let ticket = self.owed.ticket();
        match ask {
            Ask::Telephones { operator, reply } => {
                let telephones = self.switch.telephones(&operator, self.ends.clock.now());
                let _gone = reply.send(telephones).is_err();
            }
            Ask::Command { command: Command::Place { .. }, reply, .. }
                if self.ends.wires.is_none() =>
            {
                let why = String::from("no telephones are attached: [sip] listens on nothing");
                let _gone = reply.send(Err(Refusal::Conflict(why))).is_err();
            }
            Ask::Command { by, supervisor, command, reply } => {
                self.owed.commands.insert(ticket, reply);
                self.take(Input::Command { ticket, by, supervisor, command });
            }
            Ask::Route { question, reply } => {
                self.owed.routes.insert(ticket, reply);
                self.take(Input::RouteAsked(RouteAsk {
                    ticket,
                    account: question.account,
                    key: question.key,
                    client: question.client,
                    line: question.line,
                    queue: question.queue,
                    kind: question.kind,
                    deadline: question.deadline,
                }));
            }
        }
    }

    fn reloaded(&mut self, reloaded: Reloaded) {
        self.ends.accounts = reloaded.accounts;
        self.take(Input::Reload(reloaded.settings));
        if let Some(wiring) = reloaded.wiring {
            self.take(Input::Rewire(wiring));
        }
        let _gone = reloaded.done.send(()).is_err();
    }

    fn take(&mut self, input: Input) {
        self.switch.handle(input, self.ends.clock.now());
        self.drain();
    }

    /// Takes every output out: attempts leave here, promises wait for the batch.
    fn drain(&mut self) {
        let mut records = Vec::new();
        let mut promises = Vec::new();
        while let Some(output) = self.switch.poll_output() {
            self.is_stirred = true;
            self.is_dirty |= match &output {
                Output::Record(_, record) => !record.is_of_lines(),
                Output::Effect(_) => true,
                Output::Send { .. } => false,
            };
            match output {
                Output::Record(at, record) => records.push(self.stamp(at, record)),
                Output::Effect(Effect::Live(live)) => {
                    self.ends.hub.publish(live);
                }
                Output::Effect(Effect::Reply { ticket, result }) => {
                    let answer = self.owed.commands.remove(&ticket);
                    promises.extend(answer.map(|answer| Promise::Reply(answer, result)));
                }
                Output::Effect(Effect::RouteAnswer { ticket, operators }) => {
                    let answer = self.owed.routes.remove(&ticket);
                    promises.extend(answer.map(|answer| Promise::Route(answer, operators)));
                }
                Output::Effect(Effect::AskOwner { call, client, .. }) => {
                    (self.ends.ask_owner)(call, client, self.owners.0.clone());
                }
                Output::Effect(effect) => debug!(?effect, "no telephone is attached"),
                Output::Send { transmit, promise } => {
                    let Some(wires) = &self.ends.wires else { continue };
                    if promise {
                        promises.push(Promise::Send(wires.clone(), transmit));
                    } else {
                        wires.send(&transmit);
                    }
                }
            }
        }
        self.commit(records, promises);
    }

    fn stamp(&mut self, at: Now, record: Record) -> Stamped {
        self.last = Seq(self.last.0.saturating_add(1));
        Stamped { seq: self.last, at, record }
    }

    fn commit(&self, records: Vec<Stamped>, promises: Vec<Promise>) {
        if records.is_empty() {
            for promise in promises {
                promise.keep(true);
            }
            return;
        }
        if promises.is_empty() && !records.iter().any(|it| it.record.must_be_found()) {
            return self.ends.journal.append_soon(records);
        }
        let ends = |record: &Stamped| (record.seq, record.at.wall);
        let stretch = records.first().map(ends).zip(records.last().map(ends));
        let commit = self.ends.journal.append(records);
        if let Some(stretch) = stretch.filter(|_| !promises.is_empty()) {
            let journal = self.ends.journal.clone();
            tokio::spawn(keep_after(commit, promises, journal, stretch));
        }
    }

    fn publish(&mut self) {
        self.published_at = self.ends.clock.now();
        let load = self.switch.load();
        self.ends.desk.publish_lines(LinesView {
            trunks: self.switch.trunks(),
            legs: self.switch.legs_open(),
            sessions: load.map_or(0, |load| load.sessions),
            transactions: load.map_or(0, |load| load.clients.saturating_add(load.servers)),
        });
        self.is_stirred = false;
        if std::mem::take(&mut self.is_dirty) {
            let snapshot = self.switch.snapshot(self.published_at);
            self.ends.desk.publish(snapshot, self.ends.hub.last());
        }
    }

    /// Records were lost: the state, which has seen them, is saved whole, so that a restart does
    /// not fold over the hole.
    fn cover_hole(&mut self) {
        warn!(record = self.last.0, "records were lost; the whole state is saved");
        self.state_at = self.last;
        tokio::spawn(save_until_kept(self.ends.journal.clone(), self.last, self.switch.state()));
    }

    /// Writes the state down beside the loop; the returned task ends with the commit.
    fn save_state(&mut self) -> JoinHandle<()> {
        self.state_at = self.last;
        let (journal, last, state) = (self.ends.journal.clone(), self.last, self.switch.state());
        tokio::spawn(async move {
            if let Err(error) = journal.save_state(last, state).await {
                // No loss: the records since the last state are there, a start folds more.
                warn!(%error, record = last.0, "the state could not be saved");
            }
        })
    }
}

async fn save_until_kept(journal: Journal, last: Seq, state: Vec<u8>) {
    while let Err(error) = journal.save_state(last, state.clone()).await {
        if error == JournalError::Closed {
            return;
        }
        warn!(%error, record = last.0, "the state over lost records could not be saved");
        tokio::time::sleep(HOLE_RETRY).await;
    }
}

impl Owed {
    fn ticket(&mut self) -> Ticket {
        self.last = self.last.saturating_add(1);
        Ticket(self.last)
    }
}

impl Promise {
    /// Keeps it, or leaves the asker without an answer when the records are not written. An
    /// asker who has gone away is no fault.
    fn keep(self, written: bool) {
        let _gone = match self {
            Promise::Reply(answer, result) if written => answer.send(result).is_err(),
            Promise::Reply(..) => true,
            Promise::Route(answer, operators) => answer.send(operators).is_err(),
            Promise::Send(wires, transmit) => {
                wires.send(&transmit);
                false
            }
        };
    }
}

/// Takes what telephones and trunks said; for ever nothing where there are none.
async fn arrive(arrived: &mut Option<mpsc::Receiver<Arrived>>, news: &mut Vec<Arrived>) {
    let Some(inbox) = arrived else { return std::future::pending().await };
    if inbox.recv_many(news, ARRIVED_MAX).await == 0 {
        *arrived = None; // the sockets are closed
    }
}

/// Tells of answers that left before their commit, once a minute: a disk that is slow is slow for
/// every one of them.
fn say_late(routes: usize, calls: usize) {
    static SAID: parking_lot::Mutex<(Option<Instant>, u64)> = parking_lot::Mutex::new((None, 0));
    let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!("navbat_route_answers_early_total").increment(counted(routes));
    metrics::counter!("navbat_sip_answers_early_total").increment(counted(calls));
    let mut said = SAID.lock();
    said.1 = said.1.saturating_add(counted(routes)).saturating_add(counted(calls));
    if said.0.is_none_or(|at| at.elapsed() >= SAY_LATE_EVERY) {
        warn!(count = said.1, "the journal is slow: answers to callers leave before their commit");
        *said = (Some(Instant::now()), 0);
    }
}

/// A place in the journal and its moment.
type Place = (Seq, Wall);

/// Waits for the commit and keeps what was promised. Who has a caller waiting does not wait for
/// ever; that the records were late is then written beside them.
async fn keep_after(
    commit: Commit,
    promises: Vec<Promise>,
    journal: Journal,
    (first, last): (Place, Place),
) {
    let (calls, rest): (Vec<_>, Vec<_>) =
        promises.into_iter().partition(|promise| matches!(promise, Promise::Send(..)));
    let (routes, replies): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|promise| matches!(promise, Promise::Route(..)));
    let mut commit = std::pin::pin!(commit);
    let early = tokio::time::timeout(PROMISE_WAIT_MAX, &mut commit).await;
    if early.is_err() && !(routes.is_empty() && calls.is_empty()) {
        say_late(routes.len(), calls.len());
    }
    // Refused records are noted by the journal itself, once the disk takes them.
    let late = early.is_err() && !calls.is_empty();
    for promise in calls.into_iter().chain(routes) {
        promise.keep(true);
    }
    let written = match early {
        Ok(written) => written,
        Err(_slow) => commit.await,
    };
    match &written {
        Ok(()) if late => journal.was_late(first, last),
        Ok(()) => {}
        Err(error) => error!(%error, "records could not be written"),
    }
    for reply in replies {
        reply.keep(written.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acd::{OperatorSettings, ReadyRule};
    use crate::store::JournalLimits;

    fn settings() -> Arc<Settings> {
        Arc::new(Settings {
            version: String::from("v1"),
            timezone: jiff::tz::TimeZone::UTC,
            operators: vec![OperatorSettings {
                name: "Aziza".into(),
                login: None,
                aliases: Vec::new(),
                ready: ReadyRule::Always,
                calls_max: 1,
                skills: Vec::new(),
                disabled: false,
            }],
            queues: Vec::new(),
            accounts: Vec::new(),
            plans: Vec::new(),
        })
    }

    /// A journal that has room for no record loses them all; the state they led to is kept all
    /// the same, and places go on after it.
    #[tokio::test]
    async fn lost_records_are_covered_by_the_whole_state() {
        let folder = tempfile::tempdir().unwrap();
        let limits = JournalLimits { records_max: 0, reserve_bytes: 0, ..Default::default() };
        let (journal, _, requests) = Journal::open(folder.path(), limits).await.unwrap();
        let clock = Clock::after(None);
        let (_exchange, desk) = crate::web::exchange();
        let (_reloads, reloaded) = mpsc::channel(1);
        let ends = Ends {
            clock,
            journal: journal.clone(),
            hub: Hub::new(clock.now().wall),
            unheard: Vec::new(),
            requests,
            desk,
            reloads: reloaded,
            accounts: Arc::default(),
            wires: None,
            arrived: None,
            ask_owner: Arc::new(|_, _, _| {}),
            stop: CancellationToken::new(),
        };
        let driver = Driver::begin(Switch::new(settings(), 7), ends, Seq(0));
        let last = driver.last;
        assert!(last > Seq(0), "something was recorded");
        let running = tokio::spawn(driver.drive());
        let kept = async {
            while journal.health().states == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), kept).await.expect("a state is kept");
        running.abort(); // as a crash would: nothing is saved at the end
        let gone = running.await;
        assert!(gone.is_err_and(|error| error.is_cancelled()));
        journal.close().await;

        let limits = JournalLimits { reserve_bytes: 0, ..Default::default() };
        let (journal, recovered, _) = Journal::open(folder.path(), limits).await.unwrap();
        let (at, bytes) = recovered.state.expect("a state");
        assert!(at >= last);
        assert_eq!(recovered.last.map(|(place, _)| place), Some(at), "places go on after it");
        let mut switch = Switch::restore(settings(), Some(&bytes), 7).unwrap();
        let names: Vec<Name> =
            switch.snapshot(clock.now()).operators.iter().map(|it| it.name.clone()).collect();
        assert_eq!(names, ["Aziza".into()]);
        journal.close().await;
    }
}
