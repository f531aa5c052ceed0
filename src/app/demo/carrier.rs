//! The carrier of the demo and its clients: calls come over it to navbat's trunk, and the calls
//! of operators go out to it.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::calls::{Callee, Plan};
use super::line::{Heard, Line, NAVBAT, audio, heard};
use super::wire::Pace;
use crate::model::Name;
use crate::sip::sdp::Direction;
use crate::sip::{Caller, Cause, Event, Invite, Invited, Refuse, SessionId, Target};

/// The number that clients call.
pub const LINE: &str = "998781500006";
/// Looks again whether somebody may go, in milliseconds of the machine's clock.
const LOOK_AGAIN: u64 = 40;

/// How long the last calls may take to end, in milliseconds of the machine's clock.
const OFF_AFTER: u64 = 2_000;

/// What a client is going to do.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    GiveUp(SessionId),
    PickUp(SessionId),
    Reject(SessionId),
    HangUp(SessionId),
    /// Leaves, whoever still has to answer.
    Off,
}

/// One client in a call.
struct Client {
    plan: Plan,
    /// They called, and are not called.
    calls: bool,
    up: bool,
}

/// The carrier with everybody behind it.
pub struct Carrier {
    line: Line<Act>,
    pace: Pace,
    clients: BTreeMap<SessionId, Client>,
    leaving: bool,
}

impl Carrier {
    /// A carrier at its address.
    pub fn new(line: Line<Act>, pace: Pace) -> Carrier {
        Carrier { line, pace, clients: BTreeMap::new(), leaving: false }
    }

    /// Carries calls until it is told to leave.
    pub async fn work(mut self, mut calls: mpsc::Receiver<Plan>, leave: CancellationToken) {
        loop {
            tokio::select! {
                heard = self.line.next() => match heard {
                    Heard::Event(event) => self.hear(event),
                    Heard::Due(Act::Off) => return,
                    Heard::Due(act) => self.act(act),
                },
                Some(plan) = calls.recv() => self.call(plan),
                () = leave.cancelled(), if !self.leaving => self.leave().await,
            }
            if self.leaving && self.line.stack.load().sessions == 0 {
                return self.line.flush().await;
            }
        }
    }

    async fn leave(&mut self) {
        self.leaving = true;
        let now = self.line.now();
        for session in self.clients.keys().copied().collect::<Vec<_>>() {
            self.line.stack.bye(session, &Cause::normal(), now);
        }
        self.line.flush().await;
        self.line.plan(OFF_AFTER, Act::Off);
    }

    fn call(&mut self, plan: Plan) {
        let now = self.line.now();
        let invite = Invite {
            target: Target::Trunk { name: Name::from(NAVBAT), user: LINE.to_owned() },
            caller: Caller { user: plan.number.to_owned(), ..Caller::default() },
            sdp: Some(audio(plan.port, Direction::SendRecv)),
            replaces: None,
            referred_by: None,
            alert: None,
            hops: 70,
            extra: Vec::new(),
        };
        let session = self.line.stack.invite(invite, now);
        self.line.plan(self.pace.real(plan.patience), Act::GiveUp(session));
        self.clients.insert(session, Client { plan, calls: true, up: false });
    }

    fn hear(&mut self, event: Event) {
        let now = self.line.now();
        match event {
            Event::Invited(invited) => self.called(&invited),
            Event::Answered { session, sdp } => {
                let Some(client) = self.clients.get_mut(&session) else { return };
                client.up = true;
                let (ends, talks_for) = (client.plan.client_ends, client.plan.talks_for);
                self.listen(session, heard(sdp.as_ref()));
                if ends {
                    self.line.plan(self.pace.real(talks_for), Act::HangUp(session));
                }
            }
            Event::Confirmed { session, .. } => {
                let Some(client) = self.clients.get(&session) else { return };
                if client.plan.client_ends {
                    let talks_for = self.pace.real(client.plan.talks_for);
                    self.line.plan(talks_for, Act::HangUp(session));
                }
            }
            Event::Refused { session, .. }
            | Event::Cancelled { session, .. }
            | Event::Ended { session, .. } => self.over(session),
            Event::Reoffered { session, sdp } => {
                let offered = heard(sdp.as_ref());
                let answer = match self.clients.get(&session) {
                    Some(client) => {
                        let direction = offered.map_or(Direction::SendRecv, |it| it.1.reversed());
                        Ok(Some(audio(client.plan.port, direction)))
                    }
                    None => Err(488),
                };
                if sdp.is_some() {
                    self.listen(session, offered);
                }
                self.line.stack.answer_reoffer(session, answer, now);
            }
            Event::Reconfirmed { session, sdp } => self.listen(session, heard(sdp.as_ref())),
            Event::Trunk { up, why, .. } => {
                if !up {
                    self.line.fault(&format!("it does not reach navbat: {why}"));
                }
            }
            Event::Referred { session, .. } => self.line.stack.referred(session, 603, now),
            Event::Progress { .. }
            | Event::Silent { .. }
            | Event::Reanswered { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::Dtmf { .. } => {}
        }
    }

    /// A client who called hears somebody: it must be one of the telephones.
    fn listen(&mut self, session: SessionId, audio: Option<(u16, Direction)>) {
        let Some(client) = self.clients.get(&session).filter(|client| client.calls) else { return };
        let known = audio.is_some_and(|(port, _)| self.line.floor.hears(client.plan.port, port));
        if !known {
            self.line.fault("a client hears nobody whom we know");
        }
    }

    /// An operator calls a client.
    fn called(&mut self, invited: &Invited) {
        let (session, now) = (invited.session, self.line.now());
        let offered = heard(invited.sdp.as_ref());
        let plan = offered.and_then(|(port, _)| self.line.floor.plan(port));
        let Some(plan) = plan else {
            self.line.fault("a call that no telephone made");
            let refuse = Refuse { code: 404, ..Refuse::default() };
            return self.line.stack.reject(session, &refuse, now);
        };
        self.line.stack.ring(session, 180, None, now);
        let (after, callee) = plan.callee;
        let after = self.pace.real(after);
        match callee {
            Callee::Answers => self.line.plan(after, Act::PickUp(session)),
            Callee::Busy => self.line.plan(after, Act::Reject(session)),
            Callee::Rings => {}
        }
        self.clients.insert(session, Client { plan, calls: false, up: false });
    }

    fn act(&mut self, act: Act) {
        let now = self.line.now();
        match act {
            Act::GiveUp(session) => {
                let Some(client) = self.clients.get(&session).filter(|client| !client.up) else {
                    return;
                };
                if self.line.floor.give_up(client.plan.port) {
                    self.line.stack.cancel(session, &Cause::none(), now);
                } else {
                    self.line.plan(LOOK_AGAIN, act); // somebody is just picking up
                }
            }
            Act::PickUp(session) => {
                let Some(client) = self.clients.get_mut(&session) else { return };
                // The client stands at no telephone of ours: any number but theirs will do.
                if self.line.floor.pick_up(client.plan.port, usize::MAX) {
                    client.up = true;
                    let sdp = audio(client.plan.port, Direction::SendRecv);
                    self.line.stack.accept(session, Some(sdp), now);
                }
            }
            Act::Reject(session) => {
                if self.clients.remove(&session).is_some() {
                    let refuse = Refuse { code: 486, ..Refuse::default() };
                    self.line.stack.reject(session, &refuse, now);
                }
            }
            Act::Off => {}
            Act::HangUp(session) => {
                let Some(client) = self.clients.get(&session) else { return };
                if client.calls && !self.line.floor.is_settled(client.plan.port) {
                    return self.line.plan(LOOK_AGAIN, act); // they are being passed on
                }
                self.line.stack.bye(session, &Cause::normal(), now);
                self.over(session);
            }
        }
    }

    fn over(&mut self, session: SessionId) {
        let Some(client) = self.clients.remove(&session) else { return };
        if client.calls {
            let word = if client.up { "answered" } else { "missed" };
            self.line.floor.end(client.plan.port, word);
        }
    }
}
