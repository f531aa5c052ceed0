//! What time does: every timer of the stack, and requests that ended without an answer.

use crate::model::Now;

use super::compose::Draft;
use super::dialog::via;
use super::ids::hex;
use super::io::{Cause, Event};
use super::message::Method;
use super::session::{Cancel, Phase, Session, Works};
use super::stack::Stack;
use super::timers::{Alarm, Due};
use super::transaction::{Opening, Over, Owner, Told};

impl Stack {
    /// Does everything that is due at `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        self.works.wire.now = now;
        while let Some(due) = self.works.wire.timers.pop(now.mono) {
            self.fire(due, now);
        }
    }

    fn fire(&mut self, due: Due, now: Now) {
        let works = &mut self.works;
        match due {
            Due::ClientResend(branch) => works.clients.resend(&mut works.wire, branch),
            Due::ClientWait(branch) => {
                if let Some(over) = works.clients.wait_over(&mut works.wire, branch) {
                    self.request_over(branch, over);
                }
            }
            Due::ServerResend(id) => works.servers.resend(&mut works.wire, id),
            Due::ServerWait(id) => works.servers.wait_over(&mut works.wire, id),
            Due::Session(id, alarm) => {
                self.with(id, now, |session, works| session.alarm(works, alarm));
            }
            Due::Binding(id) => {
                let before = self.bindings.len();
                if let Some(own) = self.bindings.get_mut(id) {
                    own.slot = None;
                }
                if let Some(user) = self.unbind(id) {
                    self.tell_unbound(&user, before);
                }
            }
            Due::DeviceProbe(id) => {
                if let Some(own) = self.bindings.get_mut(id) {
                    own.probe_slot = None;
                }
                self.probe_device(id);
                self.arm_device_probe(id);
            }
            Due::Trunk(at) => {
                works.trunk_fired(at);
                works.trunk_due(at);
            }
        }
    }

    /// Only the end of the last contact is news when one ends by time.
    fn tell_unbound(&mut self, user: &str, before: usize) {
        self.tell_bindings(user, before);
    }

    /// A request of ours ended by time or by a broken transport.
    pub(super) fn request_over(&mut self, branch: u64, over: Over) {
        let code = match over.told {
            Told::TimedOut => 408,
            Told::Unreachable => 503,
            Told::Nothing | Told::Pass => return,
        };
        let now = self.works.wire.now;
        match over.owner {
            Owner::Nobody => {}
            Owner::Session(id) => {
                let trunk = self.sessions.get(&id).and_then(|own| own.trunk(&self.works));
                if let Some(own) = trunk.and_then(|at| self.works.trunks.get_mut(at as usize)) {
                    own.mark_bad(&over.hop, now.mono);
                }
                self.with(id, now, |session, works| {
                    if session.ours && session.invite == branch {
                        let cancelled = matches!(
                            session.phase,
                            Phase::Calling { cancel: Cancel::Wanted | Cancel::Sent, .. }
                        );
                        session.give_up(works, if cancelled { 487 } else { code });
                    } else {
                        session.unanswered_inside(works, code == 408);
                    }
                });
            }
            Owner::Trunk(at) => self.works.trunk_silent(at, &over.hop, over.method),
            Owner::Device(id) => self.device_silent(id),
        }
    }

    /// Asks a telephone whether it lives.
    pub(super) fn probe_device(&mut self, id: u64) {
        let branch = self.works.branch();
        let (tag, call_id) = (self.works.ids.token(), self.works.ids.token());
        let Some(own) = self.bindings.get_mut(id) else { return };
        let (target, hop, path, user) =
            (own.contact.to_text(), own.hop, own.path.clone(), own.user.clone());
        let settings = self.works.settings.clone();
        let mut draft = Draft::request("OPTIONS", &target);
        via(&mut draft, &settings, hop, branch);
        draft.count("Max-Forwards", u64::from(super::dialog::MAX_FORWARDS));
        for route in &path {
            draft.line("Route", route);
        }
        draft.parts("From", &["<sip:", &settings.domain, ">;tag=", &hex(tag)]);
        draft.parts("To", &["<sip:", &user, "@", &settings.domain, ">"]);
        draft.line("Call-ID", &hex(call_id));
        draft.line("CSeq", "1 OPTIONS");
        draft.line("Accept", super::compose::SDP);
        let opening = Opening {
            branch,
            method: Method::Options,
            cseq: 1,
            hop,
            bytes: draft.end(),
            owner: Owner::Device(id),
            trunk: None,
            tries: 0,
        };
        self.works.clients.open(&mut self.works.wire, opening);
    }

    /// Any answer says that the telephone lives.
    pub(super) fn device_answered(&mut self, id: u64) {
        let Some(own) = self.bindings.get_mut(id) else { return };
        if !std::mem::replace(&mut own.seen, true) {
            let user = own.user.to_string();
            self.tell_bindings(&user, 0);
        }
    }

    /// It does not answer. The binding stays, for the telephone may only be asleep, but nobody
    /// counts on it.
    fn device_silent(&mut self, id: u64) {
        let Some(own) = self.bindings.get_mut(id) else { return };
        let was_seen = std::mem::replace(&mut own.seen, false);
        let user = own.user.to_string();
        let alive = self.bindings.each(&user).any(|(_, own)| own.seen);
        if was_seen
            && !alive
            && let Some(known) = self.works.settings.users.get(&user)
        {
            let operator = known.operator.clone();
            self.works.wire.tell(Event::Unregistered { user, operator });
        }
    }
}

impl Session {
    /// One of its timers has fired.
    fn alarm(&mut self, works: &mut Works, alarm: Alarm) {
        self.alarms.fired(alarm);
        match alarm {
            Alarm::Repeat => self.repeat(works),
            Alarm::Unheard => self.unheard(works),
            Alarm::Silent => self.silent(works),
            Alarm::RingOver => {
                let text = String::from("No answer");
                self.cancel(works, &Cause { sip: 408, q850: 19, text });
            }
            Alarm::CancelOver => {
                works.clients.drop(&mut works.wire, self.invite);
                self.give_up(works, 487);
            }
            Alarm::StillRinging => self.still_ringing(works),
            Alarm::Refresh => self.refresh(works),
            Alarm::Expired => self.expired(works),
            Alarm::Glare => self.glare_over(works),
            Alarm::SlowAnswer => self.slow_answer(works),
        }
    }
}
