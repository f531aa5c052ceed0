//! Requests of theirs that are being answered, or were a moment ago.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::Mono;

use super::invite_server::{InviteServerAct, InviteServerEvent, InviteServerState};
use super::server::{ServerAct, ServerEvent, ServerState};
use super::{T2, Wait, resend_after};
use crate::sip::io::{Flow, Hop, SessionId};
use crate::sip::timers::Due;
use crate::sip::wire::Wire;

/// Either machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    Invite(InviteServerState),
    Plain(ServerState),
}

/// One request of theirs.
#[derive(Debug)]
pub(in crate::sip) struct ServerTx {
    machine: Machine,
    key: Arc<str>,
    /// The way the request came.
    pub(in crate::sip) flow: Flow,
    /// Where its answers go.
    pub(in crate::sip) reply: Hop,
    /// The session that answers it, for CANCEL and for a refusal that is never acknowledged.
    pub(in crate::sip) session: Option<SessionId>,
    /// The last answer; empty before the first.
    last: Bytes,
    sent: u8,
    resend_at: Option<Mono>,
    wait_at: Option<Mono>,
}

/// The table.
#[derive(Debug, Default)]
pub(in crate::sip) struct Servers {
    by_key: BTreeMap<Arc<str>, u64>,
    by_id: BTreeMap<u64, ServerTx>,
    next: u64,
}

/// Whether an answer waits for the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sip) enum Leaves {
    /// It is an attempt or news.
    AtOnce,
    /// It is a promise.
    AfterCommit,
}

impl Servers {
    /// How many there are.
    pub(in crate::sip) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The one a request belongs to.
    pub(in crate::sip) fn find(&self, key: &str) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// One of them.
    pub(in crate::sip) fn get(&self, id: u64) -> Option<&ServerTx> {
        self.by_id.get(&id)
    }

    /// Remembers an INVITE.
    pub(in crate::sip) fn open_invite(&mut self, wire: &mut Wire, key: &str, way: Way) -> u64 {
        self.open(wire, key, way, Machine::Invite(InviteServerState::Proceeding))
    }

    /// Remembers any other request.
    pub(in crate::sip) fn open_plain(&mut self, wire: &mut Wire, key: &str, way: Way) -> u64 {
        self.open(wire, key, way, Machine::Plain(ServerState::Trying))
    }

    fn open(&mut self, wire: &mut Wire, key: &str, way: Way, machine: Machine) -> u64 {
        self.next += 1;
        let id = self.next;
        let key: Arc<str> = key.into();
        let mut tx = ServerTx {
            machine,
            key: key.clone(),
            flow: way.flow,
            reply: way.reply,
            session: way.session,
            last: Bytes::new(),
            sent: 0,
            resend_at: None,
            wait_at: None,
        };
        tx.arm(wire, id);
        self.by_key.insert(key, id);
        self.by_id.insert(id, tx);
        id
    }

    /// The same request came again.
    pub(in crate::sip) fn again(&mut self, wire: &mut Wire, id: u64) {
        let Some(tx) = self.by_id.get_mut(&id) else { return };
        match tx.machine {
            Machine::Invite(state) => {
                tx.step_invite(wire, id, state, InviteServerEvent::Again, None);
            }
            Machine::Plain(state) => tx.step_plain(wire, id, state, ServerEvent::Again, None),
        }
    }

    /// An ACK with the INVITE's branch came. True when it is the session's: after a 2xx, from a
    /// peer that does not give that ACK a branch of its own (RFC 6026 section 7.1).
    pub(in crate::sip) fn acknowledged(&mut self, wire: &mut Wire, id: u64) -> bool {
        let Some(tx) = self.by_id.get_mut(&id) else { return false };
        let Machine::Invite(state) = tx.machine else { return false };
        tx.step_invite(wire, id, state, InviteServerEvent::Ack, None);
        self.settle(wire, id);
        state == InviteServerState::Accepted
    }

    /// Answers it.
    pub(in crate::sip) fn answer(
        &mut self,
        wire: &mut Wire,
        id: u64,
        code: u16,
        bytes: Bytes,
        leaves: Leaves,
    ) {
        let Some(tx) = self.by_id.get_mut(&id) else { return };
        let answer = Some((bytes, leaves));
        match tx.machine {
            Machine::Invite(state) => {
                let event = match code {
                    ..=199 => InviteServerEvent::Provisional,
                    200..=299 => InviteServerEvent::Success,
                    _ => InviteServerEvent::Failure,
                };
                tx.step_invite(wire, id, state, event, answer);
            }
            Machine::Plain(state) => {
                let event = if code < 200 { ServerEvent::Provisional } else { ServerEvent::Final };
                tx.step_plain(wire, id, state, event, answer);
            }
        }
        self.settle(wire, id);
    }

    /// Timer G.
    pub(in crate::sip) fn resend(&mut self, wire: &mut Wire, id: u64) {
        let Some(tx) = self.by_id.get_mut(&id) else { return };
        tx.resend_at = None;
        if let Machine::Invite(state) = tx.machine {
            tx.step_invite(wire, id, state, InviteServerEvent::Resend, None);
        }
    }

    /// Timers H, I, J, L.
    pub(in crate::sip) fn wait_over(&mut self, wire: &mut Wire, id: u64) {
        let Some(tx) = self.by_id.get_mut(&id) else { return };
        tx.wait_at = None;
        match tx.machine {
            Machine::Invite(state) => {
                tx.step_invite(wire, id, state, InviteServerEvent::WaitOver, None);
            }
            Machine::Plain(state) => tx.step_plain(wire, id, state, ServerEvent::WaitOver, None),
        }
        self.settle(wire, id);
    }

    fn settle(&mut self, wire: &mut Wire, id: u64) {
        let over = self.by_id.get(&id).is_some_and(ServerTx::is_over);
        if over && let Some(mut tx) = self.by_id.remove(&id) {
            tx.disarm(wire, id);
            self.by_key.remove(&tx.key);
        }
    }
}

/// The way of a request and of its answers.
#[derive(Debug, Clone, Copy)]
pub(in crate::sip) struct Way {
    pub(in crate::sip) flow: Flow,
    pub(in crate::sip) reply: Hop,
    pub(in crate::sip) session: Option<SessionId>,
}

impl ServerTx {
    /// What its request is found by.
    pub(in crate::sip) fn key(&self) -> &str {
        &self.key
    }

    fn is_over(&self) -> bool {
        match self.machine {
            Machine::Invite(state) => state == InviteServerState::Terminated,
            Machine::Plain(state) => state == ServerState::Terminated,
        }
    }

    fn step_invite(
        &mut self,
        wire: &mut Wire,
        id: u64,
        state: InviteServerState,
        event: InviteServerEvent,
        answer: Option<(Bytes, Leaves)>,
    ) {
        let (next, act) = state.on(event);
        self.machine = Machine::Invite(next);
        match act {
            InviteServerAct::Send => self.send(wire, answer),
            InviteServerAct::SendAgain => self.send_again(wire),
            // A refusal that is never acknowledged hurts nobody: the session is over already.
            InviteServerAct::Nothing | InviteServerAct::Lost => {}
        }
        if next != state {
            self.arm(wire, id);
        }
        let resends = next.resends(self.reply.transport.is_reliable());
        if resends && (next != state || event == InviteServerEvent::Resend) {
            let after = resend_after(self.sent, Some(T2));
            let at = wire.now.mono + after;
            wire.timers.arm(&mut self.resend_at, Due::ServerResend(id), at);
        }
    }

    fn step_plain(
        &mut self,
        wire: &mut Wire,
        id: u64,
        state: ServerState,
        event: ServerEvent,
        answer: Option<(Bytes, Leaves)>,
    ) {
        let (next, act) = state.on(event);
        self.machine = Machine::Plain(next);
        match act {
            ServerAct::Send => self.send(wire, answer),
            ServerAct::SendAgain => self.send_again(wire),
            ServerAct::Nothing => {}
        }
        if next != state && next != ServerState::Proceeding {
            self.arm(wire, id);
        }
    }

    fn send(&mut self, wire: &mut Wire, answer: Option<(Bytes, Leaves)>) {
        let Some((bytes, leaves)) = answer else { return };
        match leaves {
            Leaves::AtOnce => wire.send(self.reply, bytes.clone()),
            Leaves::AfterCommit => wire.promise(self.reply, bytes.clone()),
        }
        self.last = bytes;
        self.sent = 1;
    }

    fn send_again(&mut self, wire: &mut Wire) {
        if !self.last.is_empty() {
            wire.send(self.reply, self.last.clone());
            self.sent = self.sent.saturating_add(1);
        }
    }

    fn arm(&mut self, wire: &mut Wire, id: u64) {
        let reliable = self.reply.transport.is_reliable();
        let (wait, resends) = match self.machine {
            Machine::Invite(state) => (state.wait(reliable), state.resends(reliable)),
            Machine::Plain(state) => (state.wait(reliable), false),
        };
        match wait {
            Wait::Never => wire.timers.disarm(&mut self.wait_at, Due::ServerWait(id)),
            Wait::For(length) => {
                let at = wire.now.mono + length;
                wire.timers.arm(&mut self.wait_at, Due::ServerWait(id), at);
            }
        }
        if !resends {
            wire.timers.disarm(&mut self.resend_at, Due::ServerResend(id));
        }
        if matches!(self.machine, Machine::Invite(InviteServerState::Accepted)) {
            self.last = Bytes::new(); // the session keeps the 2xx; copies of the INVITE are absorbed
        }
    }

    fn disarm(&mut self, wire: &mut Wire, id: u64) {
        wire.timers.disarm(&mut self.resend_at, Due::ServerResend(id));
        wire.timers.disarm(&mut self.wait_at, Due::ServerWait(id));
    }
}
