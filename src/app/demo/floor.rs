//! What the stand-ins of the SIP side know together: which call is where, who has picked up, and
//! how every call went.
//!
//! Two people who act in the same instant can both be right, and navbat then has to choose. The
//! books could not be checked against that, so here nobody gives up while somebody is answering
//! them, and nobody answers who was given up on. What navbat makes of such races is proved by
//! its own tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::calls::{Plan, Way};
use super::people::TELEPHONES;

/// The first port of telephones.
const TELEPHONE_PORT: u16 = 10_000;

/// How one call went.
#[derive(Debug, Clone)]
pub struct Made {
    /// When it began, in the demo's own time.
    pub at: u64,
    /// The client, in digits.
    pub number: &'static str,
    /// Whether the client called.
    pub inbound: bool,
    /// The word of the call's disposition.
    pub disposition: &'static str,
    /// Who talked, in order.
    pub talked: Vec<usize>,
}

/// One call that is going on.
struct Live {
    plan: Plan,
    /// Telephones that have picked up and are not let go of.
    picked: BTreeSet<usize>,
    /// Whom the client hears now.
    hears: Option<usize>,
    /// Whom the client has heard, each once, in order.
    talked: Vec<usize>,
    /// The client has given up.
    gone: bool,
    /// Its telephone is passing it on.
    moving: bool,
    _running: TaskTrackerToken,
}

#[derive(Default)]
struct Known {
    calls: BTreeMap<u16, Live>,
    made: Vec<Made>,
    registered: BTreeSet<usize>,
    idle: BTreeSet<usize>,
    faults: Vec<String>,
    sent: u64,
    guests: bool,
}

/// What everybody knows; copies are the same.
#[derive(Clone, Default)]
pub struct Floor {
    known: Arc<Mutex<Known>>,
    changed: Arc<Notify>,
}

/// The audio port of a telephone.
pub fn port_of(telephone: usize) -> u16 {
    TELEPHONE_PORT + u16::try_from(telephone).unwrap_or(0)
}

/// The telephone with this audio port.
fn telephone_at(port: u16) -> Option<usize> {
    let telephone = usize::from(port.checked_sub(TELEPHONE_PORT)?);
    (telephone < TELEPHONES.len()).then_some(telephone)
}

/// The telephone beside which the visitor's own rings.
pub const VISITORS: usize = 0;

impl Floor {
    /// A floor on which a visitor's telephone may answer too, or not.
    pub fn new(guests: bool) -> Floor {
        let floor = Floor::default();
        floor.known.lock().guests = guests;
        floor
    }

    /// Whether a visitor's telephone may be there.
    pub fn has_guests(&self) -> bool {
        self.known.lock().guests
    }

    /// A call begins; its audio port names it to everybody.
    pub fn begin(&self, plan: Plan, running: TaskTrackerToken) {
        let live = Live {
            picked: BTreeSet::new(),
            hears: None,
            talked: Vec::new(),
            gone: false,
            moving: false,
            _running: running,
            plan: plan.clone(),
        };
        self.known.lock().calls.insert(plan.port, live);
    }

    /// What is planned for a call.
    pub fn plan(&self, port: u16) -> Option<Plan> {
        self.known.lock().calls.get(&port).map(|live| live.plan.clone())
    }

    /// Whether a telephone may pick up; it then has.
    pub fn pick_up(&self, port: u16, telephone: usize) -> bool {
        let mut known = self.known.lock();
        let Some(live) = known.calls.get_mut(&port).filter(|live| !live.gone) else { return false };
        live.picked.insert(telephone);
        true
    }

    /// A telephone has nothing to do with a call any more.
    pub fn let_go(&self, port: u16, telephone: usize) {
        if let Some(live) = self.known.lock().calls.get_mut(&port) {
            live.picked.remove(&telephone);
            if live.hears == Some(telephone) {
                live.moving = false;
            }
        }
    }

    /// Whether the client may give up; it then has.
    pub fn give_up(&self, port: u16) -> bool {
        let mut known = self.known.lock();
        let live = known.calls.get_mut(&port).filter(|live| live.picked.is_empty());
        live.is_some_and(|live| {
            live.gone = true;
            true
        })
    }

    /// The client hears the audio of this port. Says whether that is a telephone.
    pub fn hears(&self, port: u16, audio: u16) -> bool {
        let mut known = self.known.lock();
        let guest = known.guests.then_some(VISITORS);
        let Some(telephone) = telephone_at(audio).or(guest) else { return false };
        let Some(live) = known.calls.get_mut(&port) else { return false };
        if live.hears != Some(telephone) {
            live.moving = false;
            live.hears = Some(telephone);
        }
        if !live.talked.contains(&telephone) {
            live.talked.push(telephone);
        }
        true
    }

    /// Whether the client hears this telephone and nobody else is about to be heard.
    pub fn is_with(&self, port: u16, telephone: usize) -> bool {
        let known = self.known.lock();
        known.calls.get(&port).is_some_and(|live| live.hears == Some(telephone))
    }

    /// Whether the call stands still, so that the client may hang up.
    pub fn is_settled(&self, port: u16) -> bool {
        let known = self.known.lock();
        known.calls.get(&port).is_some_and(|live| {
            !live.moving && live.picked.iter().all(|telephone| live.hears == Some(*telephone))
        })
    }

    /// A telephone passes the client on, once in a call. Gives another that has nothing to do.
    pub fn pass_on(&self, port: u16) -> Option<usize> {
        let mut known = self.known.lock();
        let to = known
            .idle
            .iter()
            .copied()
            .find(|other| TELEPHONES.get(*other).is_some_and(|it| it.answers))?;
        let live = known.calls.get_mut(&port).filter(|live| live.talked.len() == 1)?;
        live.moving = true;
        Some(to)
    }

    /// A call is over.
    pub fn end(&self, port: u16, disposition: &'static str) {
        let mut known = self.known.lock();
        let Some(live) = known.calls.remove(&port) else { return };
        known.made.push(Made {
            at: live.plan.at,
            number: live.plan.number,
            inbound: live.plan.way == Way::In,
            disposition,
            talked: live.talked,
        });
        drop(known);
        self.changed.notify_waiters();
    }

    /// A call was not made after all.
    pub fn forget(&self, port: u16) {
        self.known.lock().calls.remove(&port);
    }

    /// A telephone has something to do, or nothing.
    pub fn set_idle(&self, telephone: usize, idle: bool) {
        put(&mut self.known.lock().idle, telephone, idle);
        self.changed.notify_waiters();
    }

    /// One that has nothing to do and answers.
    pub fn idle(&self) -> Option<usize> {
        let known = self.known.lock();
        known.idle.iter().copied().find(|at| TELEPHONES.get(*at).is_some_and(|it| it.answers))
    }

    /// A telephone is registered, or not.
    pub fn set_registered(&self, telephone: usize, registered: bool) {
        put(&mut self.known.lock().registered, telephone, registered);
        self.changed.notify_waiters();
    }

    /// Waits until every telephone is registered (or none is) and has nothing to do.
    pub async fn rest(&self, registered: bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let there = if registered { TELEPHONES.len() } else { 0 };
            if self.counts() == (there, TELEPHONES.len()) {
                return;
            }
            changed.await;
        }
    }

    /// How many telephones are registered, and how many have nothing to do.
    pub fn counts(&self) -> (usize, usize) {
        let known = self.known.lock();
        (known.registered.len(), known.idle.len())
    }

    /// One message went out.
    pub fn sent(&self) {
        self.known.lock().sent += 1;
    }

    /// How many messages the stand-ins have sent.
    pub fn messages(&self) -> u64 {
        self.known.lock().sent
    }

    /// Navbat did what it must not.
    pub fn fault(&self, what: String) {
        tracing::warn!(what, "a fault on the SIP side");
        let mut known = self.known.lock();
        if known.faults.len() < FAULTS_MAX {
            known.faults.push(what);
        }
    }

    /// Takes what was done, and what was wrong with it.
    pub fn take(&self) -> (Vec<Made>, Vec<String>) {
        let mut known = self.known.lock();
        (std::mem::take(&mut known.made), std::mem::take(&mut known.faults))
    }
}

/// Faults that are written down; the first ones tell the story.
const FAULTS_MAX: usize = 100;

fn put(set: &mut BTreeSet<usize>, one: usize, is: bool) {
    if is {
        set.insert(one);
    } else {
        set.remove(&one);
    }
}
