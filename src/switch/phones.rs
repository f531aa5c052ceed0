//! Operators' telephones: one leg rings all of them, the first that answers is the leg.

use core::net::SocketAddr;

use bytes::Bytes;

use super::bridge;
use super::causes;
use super::legs::{Fork, HOPS_MAX, Kind, Leg, Stage};
use super::lines::Board;
use crate::acd::io::{LegEvent, LegReason};
use crate::model::{CallId, EndedBy, LegId, Name, Now, OperatorId, Party, Wall};
use crate::sip::{Caller, Cause, Device, Invite, SessionId, Target, Uri};

/// Devices of one leg that are rung at once. The registrar keeps no more for a user either;
/// fewer leave a telephone on somebody's desk silent.
const DEVICES_MAX: usize = 10;

/// One registered telephone, for screens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelephoneView {
    /// The SIP user.
    pub user: String,
    /// `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub transport: &'static str,
    /// Where it is reached.
    pub address: SocketAddr,
    /// What it calls itself; empty when it does not say.
    pub user_agent: String,
    /// When its registration ends by itself.
    pub expires_at: Wall,
    /// Whether it registered or answered since the start.
    pub seen: bool,
}

impl TelephoneView {
    /// A device as it is shown at a moment.
    pub fn of(device: Device, now: Now) -> TelephoneView {
        TelephoneView {
            user: device.user,
            transport: device.hop.transport.param(),
            address: device.hop.peer,
            user_agent: device.user_agent,
            expires_at: now.wall + device.until.since(now.mono),
            seen: device.seen,
        }
    }
}

impl Board<'_> {
    /// Rings an operator on every telephone that is registered.
    pub fn dial(&mut self, id: LegId, operator: OperatorId, call: CallId, with: Option<LegId>) {
        let name = self.engine.operator_name(operator).cloned();
        let wiring = self.lines.wiring.clone();
        let phone = name.as_ref().and_then(|name| wiring.phone_of(name));
        let Some(phone) = phone else {
            self.lines.tell(id, LegEvent::Ended(EndedBy::Unreachable));
            return;
        };
        let kind = Kind::Phone { operator: phone.operator.clone(), user: phone.user.clone() };
        let shown = Caller {
            user: phone.user.clone(),
            display: phone.operator.as_str().to_owned(),
            private: false,
        };
        let mut leg = Leg::new(id, kind, with, shown);
        leg.caller = match with.and_then(|with| self.lines.legs.get(with)) {
            Some(with) => with.shown.clone(),
            None => self.engine.client_of(call).map(shown_of).unwrap_or_default(),
        };
        self.offer_from(&mut leg, with, &[]);
        self.ring_telephones(&mut leg, &phone.user);
        if leg.forks.is_empty() {
            self.lines.tell(id, LegEvent::Ended(EndedBy::Unreachable));
            return;
        }
        self.lines.legs.add(leg);
    }

    /// Rings the telephones of a user that were not rung for a leg yet, all with one offer.
    fn ring_telephones(&mut self, leg: &mut Leg, user: &str) {
        let hops = self.hops_from(leg.with);
        for device in self.sip.devices(user) {
            let key = device.key.clone();
            if leg.rung.len() >= DEVICES_MAX || leg.rung.contains(&key) {
                continue;
            }
            let invite = Invite {
                target: Target::Device(Box::new(device)),
                caller: leg.caller.clone(),
                sdp: leg.sent.clone(),
                replaces: None,
                referred_by: None,
                alert: None,
                hops,
                extra: Vec::new(),
            };
            let session = self.sip.invite(invite, self.now);
            leg.rung.insert(key.clone());
            leg.forks.insert(session, Fork { device: Some(key), trunk: None, cancelled: false });
        }
    }

    /// A telephone registered: it joins whatever rings on the others of its user. One that had
    /// its turn, and refused or was cancelled, is not rung again by its next registration.
    pub fn telephone_came(&mut self, user: &str) {
        let rings = |leg: &&Leg| {
            let ours = matches!(&leg.kind, Kind::Phone { user: it, .. } if it == user);
            ours && leg.stage == Stage::Calling && leg.live_forks().next().is_some()
        };
        let legs: Vec<Leg> = self.lines.legs.iter().filter(rings).cloned().collect();
        for mut leg in legs {
            let before = leg.forks.len();
            self.ring_telephones(&mut leg, user);
            if leg.forks.len() > before {
                self.lines.legs.add(leg);
            }
        }
    }

    /// Hops that a call may still take which a leg is behind.
    pub fn hops_from(&self, with: Option<LegId>) -> u8 {
        let behind = with.and_then(|with| self.lines.legs.get(with));
        behind.map_or(HOPS_MAX, |leg| leg.hops.saturating_sub(1))
    }

    /// A provisional answer to an INVITE of ours.
    pub fn progress(&mut self, session: SessionId, code: u16, sdp: Option<Bytes>) {
        if !matches!(code, 180 | 182 | 183) {
            return; // 181 and 199 say nothing of a person
        }
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.stage == Stage::Calling)
        else {
            return;
        };
        if leg.forks.get(&session).is_none_or(|fork| fork.cancelled) {
            return; // a telephone that was taken back already
        }
        let first = !leg.rings;
        leg.rings = true;
        if let Some(sdp) = sdp {
            self.early_media(id, sdp);
        }
        if first {
            self.lines.tell(id, LegEvent::Ringing);
        }
    }

    /// A telephone or an outside number picked up.
    pub fn answered(&mut self, session: SessionId, sdp: Option<Bytes>) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get_mut(id) else { return };
        let owed = leg.sent.is_none() && sdp.is_some();
        let late = !leg.lives()
            || leg.main.is_some()
            || leg.forks.get(&session).is_none_or(|fork| fork.cancelled);
        if late || sdp.is_none() {
            if owed {
                self.sip.ack(session, &bridge::silence(), self.now);
            }
            let elsewhere = leg_taken(self.lines.legs.get(id));
            self.sip.bye(session, &elsewhere, self.now);
            self.lines.legs.drop_session(session);
            if !late {
                self.fork_over(id, EndedBy::Failed); // an answer without media joins nobody
            }
            return;
        }
        leg.main = Some(session);
        leg.stage = Stage::Up;
        leg.owed = owed;
        leg.learn(sdp);
        let others: Vec<SessionId> = leg.live_forks().filter(|it| *it != session).collect();
        for other in others {
            self.take_back(other, Cause::answered_elsewhere());
        }
        self.keep(id);
        self.lines.tell(id, LegEvent::Answered);
    }

    /// An INVITE of ours was refused.
    pub fn refused(
        &mut self,
        session: SessionId,
        code: u16,
        contacts: &[Uri],
        retry_after: Option<u32>,
    ) {
        let Some(id) = self.lines.legs.of(session) else { return };
        let Some(leg) = self.lines.legs.get(id) else { return };
        let trunk = leg.forks.get(&session).and_then(|fork| fork.trunk.clone());
        let is_outside = matches!(leg.kind, Kind::Outside { .. });
        let counts = leg.stage == Stage::Calling
            && leg.forks.get(&session).is_some_and(|fork| !fork.cancelled);
        self.lines.legs.drop_session(session);
        if !counts {
            return;
        }
        if let Some(trunk) = trunk.filter(|_| code == 503) {
            self.lines.trunks.overloaded(&trunk, retry_after, self.now.mono);
        }
        if is_outside && causes::is_carriers_fault(code) && self.next_trunk(id) {
            return;
        }
        if (300..400).contains(&code) && !is_outside && self.redirect(id, contacts) {
            return;
        }
        if causes::is_final_for_all(code) {
            let others: Vec<SessionId> =
                self.lines.legs.get(id).map(|leg| leg.live_forks().collect()).unwrap_or_default();
            for other in others {
                self.take_back(other, causes::cause(LegReason::Withdrawn));
            }
        }
        self.fork_over(id, causes::ended_by(code));
    }

    /// One telephone of a leg gave up; the leg ends with the last of them.
    pub fn fork_over(&mut self, id: LegId, by: EndedBy) {
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| leg.stage == Stage::Calling)
        else {
            return;
        };
        let end = leg.end.filter(|end| causes::telling(*end) >= causes::telling(by)).unwrap_or(by);
        leg.end = Some(end);
        if leg.live_forks().next().is_none() {
            self.gone(id, end);
        }
    }

    /// Every telephone of a user is gone: what rings there rings in the void.
    pub fn telephones_gone(&mut self, user: &str) {
        let rings = |leg: &&Leg| {
            let ours = matches!(&leg.kind, Kind::Phone { user: it, .. } if it == user);
            ours && leg.stage == Stage::Calling
        };
        let legs: Vec<LegId> = self.lines.legs.iter().filter(rings).map(|leg| leg.id).collect();
        for id in legs {
            let Some(leg) = self.lines.legs.get(id) else { continue };
            let at_desk = |session: &SessionId| {
                leg.forks.get(session).is_some_and(|fork| fork.device.is_some())
            };
            let lost: Vec<SessionId> = leg.live_forks().filter(at_desk).collect();
            for session in lost {
                self.take_back(session, causes::cause(LegReason::Withdrawn));
            }
            self.fork_over(id, EndedBy::Unreachable);
        }
    }

    /// A telephone asks us to call elsewhere. Only outside numbers that its operator may call
    /// are followed, once for each leg; whom else to ring is the queue's decision.
    fn redirect(&mut self, id: LegId, contacts: &[Uri]) -> bool {
        let Some(leg) = self.lines.legs.get_mut(id).filter(|leg| !leg.redirected) else {
            return false;
        };
        leg.redirected = true;
        let Some(operator) = self.operator_of(id) else { return false };
        let number = contacts.iter().find_map(|contact| self.number_in(contact));
        let Some(number) = number else { return false };
        if self.allowed(&operator, &number, id).is_err() {
            return false;
        }
        let trunks =
            self.lines.trunks.choose(&self.lines.wiring, self.now.mono, &mut self.lines.seed);
        let sent = trunks.first().is_some_and(|trunk| self.call_over(id, trunk, &number));
        if !sent {
            self.lines.ledger.release(id);
        }
        sent
    }

    /// The operator of a telephone that may be rung, by what somebody dialled.
    pub fn operator_dialled(&self, dialled: &str) -> Option<Name> {
        self.lines.wiring.phone_named(dialled).map(|phone| phone.operator.clone())
    }
}

/// Why a telephone that answers too late is sent away.
fn leg_taken(leg: Option<&Leg>) -> Cause {
    match leg.map(|leg| leg.stage) {
        Some(Stage::Up | Stage::Accepted | Stage::Over) => Cause::answered_elsewhere(),
        Some(Stage::Calling) | None => Cause::normal(),
    }
}

/// How a client is shown on a telephone.
pub fn shown_of(party: &Party) -> Caller {
    let user = match party {
        Party::Number(number) | Party::Guessed(number) => number.reveal().to_owned(),
        Party::Extension(extension) => extension.clone(),
        Party::Hidden => String::new(),
        Party::Unparsed(raw) => {
            raw.0.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '+').take(32).collect()
        }
    };
    Caller { private: user.is_empty(), user, display: String::new() }
}
