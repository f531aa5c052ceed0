//! A SIP telephone of the demo and the person at it: registers, rings, is picked up after a
//! while, or is busy, or rejects; holds, passes on, hangs up; dials clients.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::calls::Plan;
use super::floor::{self, port_of};
use super::line::{DOMAIN, Heard, Line, NAVBAT, audio, heard};
use super::people::{TELEPHONES, Telephone};
use super::wire::Pace;
use crate::model::{Name, Seed};
use crate::sip::sdp::Direction;
use crate::sip::{Caller, Cause, Event, Invite, Invited, Refuse, SessionId, Source, Target, Uri};

/// Offered calls that the person rejects as busy, in a hundred.
const BUSY: u64 = 8;
/// Offered calls that the person declines, in a hundred.
const DECLINED: u64 = 4;
/// Looks again whether the client hears this telephone, in milliseconds of the machine's clock.
const LOOK_AGAIN: u64 = 40;
/// How long a telephone that is switched off waits for the answer to its last REGISTER, in
/// milliseconds of the machine's clock.
const OFF_AFTER: u64 = 5_000;
/// How long somebody who passes a client on stays, in the demo's own time.
const STAYS_FOR: u64 = 25_000;

/// What the person at the telephone is going to do.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    PickUp(SessionId),
    Reject(SessionId, u16),
    GiveUp(SessionId),
    Hold(SessionId),
    Resume(SessionId),
    PassOn(SessionId),
    HangUp(SessionId),
    /// Switches the telephone off, whoever still has to answer it.
    Off,
}

/// One call on the telephone.
#[derive(Debug, Clone)]
struct Call {
    /// The client's audio port, by which everybody knows the call.
    port: u16,
    /// Where our own audio is. Of a call that was dialled here it is the client's name for it.
    audio: u16,
    /// Dialled here.
    dialled: bool,
    up: bool,
    /// Which way our audio goes.
    direction: Direction,
}

/// A telephone with its person.
pub struct Softphone {
    line: Line<Act>,
    own: usize,
    who: Telephone,
    pace: Pace,
    seed: Seed,
    calls: BTreeMap<SessionId, Call>,
    leaving: bool,
}

impl Softphone {
    /// Sits down at the telephone `own` of [`TELEPHONES`].
    pub fn new(line: Line<Act>, own: usize, pace: Pace, seed: Seed) -> Option<Softphone> {
        let who = *TELEPHONES.get(own)?;
        line.floor.set_idle(own, true);
        Some(Softphone { line, own, who, pace, seed, calls: BTreeMap::new(), leaving: false })
    }

    /// Works until the telephone is to leave and has unregistered. `dial` are calls to make.
    pub async fn work(mut self, mut dial: mpsc::Receiver<Plan>, leave: CancellationToken) {
        loop {
            tokio::select! {
                heard = self.line.next() => match heard {
                    Heard::Event(event) => {
                        if self.hear(event) {
                            return;
                        }
                    }
                    Heard::Due(Act::Off) => return,
                    Heard::Due(act) => self.act(act),
                },
                Some(plan) = dial.recv() => self.dial(&plan),
                () = leave.cancelled(), if !self.leaving => self.leave(),
            }
        }
    }

    fn leave(&mut self) {
        self.leaving = true;
        let now = self.line.now();
        for session in self.calls.keys().copied().collect::<Vec<_>>() {
            self.line.stack.bye(session, &Cause::normal(), now);
            self.over(session);
        }
        self.line.unregister();
        self.line.plan(OFF_AFTER, Act::Off);
    }

    /// Takes news; true when the telephone is unregistered and can be switched off.
    fn hear(&mut self, event: Event) -> bool {
        let now = self.line.now();
        match event {
            Event::Invited(invited) => self.rung(&invited),
            Event::Answered { session, sdp } => self.answered(session, heard(sdp.as_ref())),
            Event::Refused { session, code, .. } => self.refused(session, code),
            Event::Confirmed { session, .. } => self.begin(session),
            Event::Cancelled { session, .. } | Event::Ended { session, .. } => self.over(session),
            Event::Reoffered { session, sdp } => {
                let answer = match self.calls.get(&session) {
                    Some(call) => {
                        let offered = heard(sdp.as_ref()).map(|(_, direction)| direction);
                        let direction = offered.map_or(call.direction, Direction::reversed);
                        Ok(Some(audio(call.audio, direction)))
                    }
                    None => Err(488),
                };
                self.line.stack.answer_reoffer(session, answer, now);
            }
            Event::Reanswered { session, result } => match result {
                Err(code) if code != 491 && self.calls.contains_key(&session) => {
                    self.line.fault(&format!("its hold was answered {code}"));
                }
                Ok(_) | Err(_) => {}
            },
            Event::Trunk { name, up, why } => {
                self.line.floor.set_registered(self.own, up && name.as_str() == NAVBAT);
                if !up {
                    self.line.fault(&format!("it is not registered: {why}"));
                }
                return self.leaving && up;
            }
            Event::Referred { session, .. } => self.line.stack.referred(session, 603, now),
            Event::Progress { .. }
            | Event::Silent { .. }
            | Event::Reconfirmed { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::Dtmf { .. } => {}
        }
        false
    }

    fn rung(&mut self, invited: &Invited) {
        let (session, now) = (invited.session, self.line.now());
        let refuse = |code| Refuse { code, ..Refuse::default() };
        if !matches!(invited.source, Source::Trunk { .. }) {
            self.line.fault("a call that is not navbat's");
        }
        let Some((port, _)) = heard(invited.sdp.as_ref()) else {
            self.line.fault("a call without an offer of audio");
            return self.line.stack.reject(session, &refuse(488), now);
        };
        if !self.calls.is_empty() || self.leaving {
            return self.line.stack.reject(session, &refuse(486), now);
        }
        let (audio, direction) = (port_of(self.own), Direction::SendRecv);
        let call = Call { port, audio, dialled: false, up: false, direction };
        self.calls.insert(session, call);
        self.line.floor.set_idle(self.own, false);
        self.line.stack.ring(session, 180, None, now);
        if !self.who.answers {
            return;
        }
        let after = self.pace.real(2_000 + self.seed.below(9_000));
        let act = match self.seed.below(100) {
            chance if chance < BUSY => Act::Reject(session, 486),
            chance if chance < BUSY + DECLINED => Act::Reject(session, 603),
            _ => Act::PickUp(session),
        };
        self.line.plan(after, act);
    }

    fn act(&mut self, act: Act) {
        let now = self.line.now();
        match act {
            Act::PickUp(session) => {
                let Some(call) = self.calls.get_mut(&session) else { return };
                if self.line.floor.pick_up(call.port, self.own) {
                    call.up = true;
                    let sdp = audio(port_of(self.own), Direction::SendRecv);
                    self.line.stack.accept(session, Some(sdp), now);
                }
            }
            Act::Reject(session, code) => {
                if self.calls.contains_key(&session) {
                    self.line.stack.reject(session, &Refuse { code, ..Refuse::default() }, now);
                    self.over(session);
                }
            }
            Act::GiveUp(session) => {
                let call = self.calls.get(&session).filter(|call| !call.up);
                if call.is_some_and(|call| self.line.floor.give_up(call.port)) {
                    self.line.stack.cancel(session, &Cause::none(), now);
                }
            }
            Act::Hold(session) => self.turn(session, Direction::SendOnly),
            Act::Resume(session) => self.turn(session, Direction::SendRecv),
            Act::PassOn(session) => self.pass_on(session),
            Act::Off => {}
            Act::HangUp(session) => {
                let Some(call) = self.calls.get(&session) else { return };
                let joined = call.dialled || self.line.floor.is_with(call.port, self.own);
                if !joined {
                    return self.line.plan(LOOK_AGAIN, act); // the caller does not hear us yet
                }
                self.line.stack.bye(session, &Cause::normal(), now);
                if call.dialled {
                    self.line.floor.end(call.port, "answered");
                }
                self.over(session);
            }
        }
    }

    /// Holds the client, or takes them back.
    fn turn(&mut self, session: SessionId, direction: Direction) {
        let now = self.line.now();
        let Some(call) = self.calls.get_mut(&session).filter(|call| call.up) else { return };
        call.direction = direction;
        let sdp = audio(call.audio, direction);
        self.line.stack.reoffer(session, Some(sdp), now);
    }

    fn pass_on(&mut self, session: SessionId) {
        let now = self.line.now();
        let Some(call) = self.calls.get(&session) else { return };
        if !self.line.floor.is_with(call.port, self.own) {
            return;
        }
        let Some(to) = self.line.floor.pass_on(call.port) else { return };
        let extension = TELEPHONES.get(to).map_or("", |one| one.owner.extension);
        match Uri::read(&format!("sip:{extension}@{DOMAIN}")) {
            Ok(to) => self.line.stack.refer(session, &to, now),
            Err(_) => self.line.fault("it cannot write the address of a colleague"),
        }
        self.line.plan(self.pace.real(STAYS_FOR), Act::HangUp(session));
    }

    /// The conversation begins.
    fn begin(&mut self, session: SessionId) {
        let Some(call) = self.calls.get(&session) else { return };
        let Some(plan) = self.line.floor.plan(call.port) else { return };
        let (dialled, talks_for) = (call.dialled, self.pace.real(plan.talks_for));
        if plan.holds {
            self.line.plan(talks_for / 4, Act::Hold(session));
            self.line.plan(talks_for / 2, Act::Resume(session));
        }
        if plan.moves && !dialled {
            self.line.plan(talks_for * 3 / 4, Act::PassOn(session));
        }
        if !plan.client_ends {
            self.line.plan(talks_for, Act::HangUp(session));
        }
    }

    fn dial(&mut self, plan: &Plan) {
        let now = self.line.now();
        if !self.calls.is_empty() || self.leaving {
            return self.line.floor.forget(plan.port);
        }
        let invite = Invite {
            target: Target::Trunk { name: Name::from(NAVBAT), user: plan.number.to_owned() },
            caller: Caller::default(),
            // The audio port is the client's name for the call: nobody else may have it.
            sdp: Some(audio(plan.port, Direction::SendRecv)),
            replaces: None,
            referred_by: None,
            alert: None,
            hops: 70,
            extra: Vec::new(),
        };
        let session = self.line.stack.invite(invite, now);
        let direction = Direction::SendRecv;
        let call = Call { port: plan.port, audio: plan.port, dialled: true, up: false, direction };
        self.calls.insert(session, call);
        self.line.floor.set_idle(self.own, false);
        self.line.plan(self.pace.real(plan.patience), Act::GiveUp(session));
    }

    /// The client of a call that was dialled here picked up.
    fn answered(&mut self, session: SessionId, audio: Option<(u16, Direction)>) {
        let Some(call) = self.calls.get_mut(&session) else { return };
        call.up = true;
        if audio.map(|(port, _)| port) != Some(call.port) {
            self.line.fault("it does not hear the client whom it called");
        }
        self.line.floor.hears(call.port, port_of(self.own));
        self.begin(session);
    }

    fn refused(&mut self, session: SessionId, code: u16) {
        let Some(call) = self.calls.get(&session) else { return };
        let word = match code {
            486 | 600 | 603 => "busy",
            487 => "cancelled",
            408 | 480 => "no_answer",
            _ => "failed",
        };
        self.line.floor.end(call.port, word);
        self.over(session);
    }

    fn over(&mut self, session: SessionId) {
        let Some(call) = self.calls.remove(&session) else { return };
        if call.dialled && call.up {
            self.line.floor.end(call.port, "answered");
        }
        self.line.floor.let_go(call.port, self.own);
        if self.calls.is_empty() {
            self.line.floor.set_idle(self.own, true);
        }
    }
}

/// The name of a telephone in faults.
pub fn name_of(own: usize) -> String {
    let owner = TELEPHONES.get(own).map_or("nobody", |one| one.owner.name);
    format!("the telephone of {owner} ({})", floor::port_of(own))
}
