//! Telephones and trunks as the exchange sees them: what the stack tells becomes events of legs,
//! what the engine wants becomes orders to the stack.
//!
//! Files beside this one hold the parts: `arrivals.rs` calls that come in, `phones.rs` operators'
//! telephones, `outside.rs` numbers behind trunks, `bridge.rs` media and joining, `transfer.rs`
//! passing on, `restart.rs` what outlives a crash.

use std::collections::VecDeque;
use std::sync::Arc;

use super::allow::Ledger;
use super::causes;
use super::legs::{Kind, Leg, Legs, Stage};
use super::trunks::Trunks;
use super::wiring::Wiring;
use crate::acd::Engine;
use crate::acd::io::{Effect, Input, LegEvent, LegReason};
use crate::model::{EndedBy, LegId, Now, Reach, Record, Seed};
use crate::sip::{Cause, Ending, Event, Refuse, SessionId, Stack};

/// Legs at once. Each costs a few KiB here and up to 32 KiB in the stack; past it new calls are
/// asked to come back later.
pub const LEGS_MAX: usize = 20_000;

/// What a telephone gets that dialled what its operator may not call.
const FORBIDDEN: u16 = 403;

/// Everything between the wires and the engine that has a memory.
#[derive(Debug, Clone)]
pub struct Lines {
    /// What the site says of its telephones and trunks.
    pub wiring: Arc<Wiring>,
    /// Parties and their sessions.
    pub legs: Legs,
    /// What operators used of their outside calls.
    pub ledger: Ledger,
    /// Health and load of the trunks.
    pub trunks: Trunks,
    /// What the engine is to be told. Emptied before the next event.
    pub told: VecDeque<Input>,
    /// What the journal is to be told. Emptied with every input.
    pub records: VecDeque<Record>,
    /// Draws among trunks of one priority.
    pub seed: Seed,
}

/// The lines at work on one event: with the stack, the engine to look things up, and the time.
pub struct Board<'a> {
    /// The memory.
    pub lines: &'a mut Lines,
    /// The stack.
    pub sip: &'a mut Stack,
    /// Read only; it is told through [`Lines::told`].
    pub engine: &'a Engine,
    /// The moment.
    pub now: Now,
}

impl Lines {
    /// Lines on which nobody calls.
    pub fn new(wiring: Arc<Wiring>, seed: u64) -> Lines {
        Lines {
            wiring,
            legs: Legs::default(),
            ledger: Ledger::default(),
            trunks: Trunks::default(),
            told: VecDeque::new(),
            records: VecDeque::new(),
            seed: Seed::new(seed),
        }
    }

    /// Tells the engine what happened to a leg.
    pub fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.told.push_back(Input::Leg { leg, event });
    }

    /// Everything that must not be: between legs and sessions, and between legs and the engine.
    pub fn breaches(&self, engine: &Engine) -> Vec<String> {
        let mut found = self.legs.breaches();
        for leg in self.legs.iter().filter(|leg| leg.lives()) {
            if !engine.is_live_leg(leg.id) {
                found.push(format!("leg {} outlived its call", leg.id));
            }
        }
        for leg in engine.live_legs() {
            if !self.legs.get(leg).is_some_and(Leg::lives) {
                found.push(format!("leg {leg} has no telephone"));
            }
        }
        let counted = self.trunks.legs().chain(self.ledger.legs());
        found.extend(
            counted
                .filter(|leg| !self.legs.get(*leg).is_some_and(Leg::lives))
                .map(|leg| format!("leg {leg} is counted and gone")),
        );
        found
    }
}

impl Board<'_> {
    /// Something happened on a wire.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Invited(invited) => self.invited(*invited),
            Event::Progress { session, code, sdp } => self.progress(session, code, sdp),
            Event::Silent { session } => self.silent(session),
            Event::Answered { session, sdp } => self.answered(session, sdp),
            Event::Refused { session, code, contacts, retry_after, cause: _ } => {
                self.refused(session, code, &contacts, retry_after);
            }
            Event::Cancelled { session, cause: _ } => self.ended(session, EndedBy::Party),
            Event::Confirmed { session, sdp } => self.confirmed(session, sdp),
            Event::Ended { session, cause } => {
                if let Ending::Bye(_) = cause {
                    self.heard_by_bye(session);
                }
                self.ended(session, causes::ending(&cause));
            }
            Event::Reoffered { session, sdp } => self.reoffered(session, sdp),
            Event::Reanswered { session, result } => self.reanswered(session, result),
            Event::Reconfirmed { session, sdp } => self.reconfirmed(session, sdp),
            Event::Referred { session, to, replaces, by: _ } => {
                self.referred(session, &to, replaces);
            }
            Event::Registered { user, operator, devices: _ } => {
                let reach = Reach::Reachable;
                self.lines.told.push_back(Input::Reach { operator, reach });
                self.telephone_came(&user);
            }
            Event::Unregistered { user, operator } => {
                let reach = Reach::Unreachable;
                self.lines.told.push_back(Input::Reach { operator, reach });
                self.telephones_gone(&user);
            }
            Event::Trunk { name, up, why } => self.lines.trunks.learned(&name, up, why),
            Event::Dtmf { session, digit } => self.pressed(session, digit),
        }
    }

    /// The engine wants something; what is not for telephones is handed back.
    pub fn effect(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Dial { leg, offer: _, operator, call, with } => {
                self.dial(leg, operator, call, with);
            }
            Effect::DialOut { leg, call: _, number, with, account, by } => {
                self.dial_out(leg, number, with, account, by);
            }
            Effect::Refuse { leg, because } => {
                let denied = self.lines.legs.get(leg).is_some_and(|leg| leg.denied);
                let refuse = causes::refuse(because);
                let code = if denied { FORBIDDEN } else { refuse.code };
                self.turn_away(leg, Refuse { code, ..refuse });
            }
            Effect::Transferred { leg, progress } => self.transferred(leg, progress),
            Effect::Cancel { leg, because } | Effect::HangUp { leg, because } => {
                self.drop_leg(leg, because);
            }
            Effect::RingCaller { leg } => self.ring_caller(leg),
            // The joining says with whose words; see `bridge`.
            Effect::AnswerCaller { leg: _ } => {}
            Effect::Bridge { caller, operator } => self.bridge(caller, operator),
            // A message needs a recorder, which comes with media; nobody is kept in silence.
            Effect::TakeMessage { leg } => self.drop_leg(leg, LegReason::Over),
            Effect::AskOwner { .. }
            | Effect::RouteAnswer { .. }
            | Effect::Reply { .. }
            | Effect::Live(_) => return Some(effect),
        }
        None
    }

    /// Turns a caller away who was not answered.
    fn turn_away(&mut self, id: LegId, refuse: Refuse) {
        let waits = self.lines.legs.get(id).filter(|leg| leg.is_waiting());
        let Some(session) = waits.and_then(|leg| leg.main) else {
            self.drop_leg(id, LegReason::Over);
            return;
        };
        self.sip.reject(session, &refuse, self.now);
        self.gone(id, EndedBy::Us);
        self.lines.legs.drop_session(session);
    }

    /// Ends a leg, whatever it is in the middle of.
    pub fn drop_leg(&mut self, id: LegId, because: LegReason) {
        if self.lines.legs.get(id).is_some_and(Leg::is_waiting) {
            self.turn_away(id, causes::let_go(because));
            return;
        }
        let cause = causes::cause(because);
        let Some(leg) = self.lines.legs.get(id).filter(|leg| leg.lives()) else { return };
        let (main, others) = (leg.main, leg.live_forks().collect::<Vec<_>>());
        for session in others {
            if main == Some(session) {
                self.hang_up(session, cause.clone());
            } else {
                self.take_back(session, cause.clone());
            }
        }
        self.gone(id, EndedBy::Us);
    }

    /// Ends an answered session; nothing more is heard of it.
    pub fn hang_up(&mut self, session: SessionId, cause: Cause) {
        self.pay(session);
        self.sip.bye(session, &cause, self.now);
        self.lines.legs.drop_session(session);
    }

    /// Takes back a session that was not answered; its end is still to come.
    pub fn take_back(&mut self, session: SessionId, cause: Cause) {
        self.sip.cancel(session, &cause, self.now);
        let Some(id) = self.lines.legs.of(session) else { return };
        let fork = self.lines.legs.get_mut(id).and_then(|leg| leg.forks.get_mut(&session));
        if let Some(fork) = fork {
            fork.cancelled = true;
        }
    }

    /// Tells the engine of a leg's end, once, and lets go of everything it held.
    pub fn gone(&mut self, id: LegId, by: EndedBy) {
        self.part(id);
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.lives()) else { return };
        leg.stage = Stage::Over;
        let heir = leg.heir.take();
        self.lines.ledger.release(id);
        self.lines.trunks.release(id);
        if !self.engine.is_live_leg(id) {
            // The engine has no record of its end, so nothing else takes it out of the journal.
            let dialog = String::new();
            self.lines.records.push_back(Record::LegKept { leg: id, dialog });
        }
        self.lines.tell(id, LegEvent::Ended(by));
        self.lines.legs.sweep(id);
        if let Some((heir, _)) = heir {
            self.lines.legs.forget_heir(heir);
            self.sip.reject(heir, &Refuse { code: 481, ..Refuse::default() }, self.now);
        }
    }

    /// A session ended without our asking: the caller gave up, somebody hung up, a timer ran out.
    fn ended(&mut self, session: SessionId, by: EndedBy) {
        if self.lines.legs.forget_heir(session).is_some() {
            return; // its leg goes on as it was
        }
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get(id) else { return };
        let (is_main, lives) = (leg.main == Some(session), leg.lives());
        self.lines.legs.drop_session(session);
        if lives && is_main {
            self.gone(id, by);
        } else if lives {
            self.fork_over(id, by);
        }
    }

    /// The operator whose wishes a leg stands for.
    pub fn operator_of(&self, leg: LegId) -> Option<crate::model::Name> {
        self.lines.legs.get(leg).and_then(|leg| leg.kind.operator()).cloned()
    }

    /// Takes a new leg in with the session that called us.
    pub fn seat(&mut self, mut leg: Leg, session: SessionId, trunk: Option<crate::model::Name>) {
        leg.main = Some(session);
        leg.forks.insert(session, super::legs::Fork { device: None, trunk, cancelled: false });
        if let Kind::Caller { trunk } = &leg.kind {
            self.lines.trunks.take(trunk, leg.id);
        }
        let id = leg.id;
        self.lines.legs.add(leg);
        self.keep_invite(id, session);
    }
}
