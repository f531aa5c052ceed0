//! Requests of ours that wait for their answers.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::{Mono, Period};

use super::client::{ClientAct, ClientEvent, ClientState};
use super::invite_client::{InviteClientAct, InviteClientEvent, InviteClientState};
use super::{T2, Wait, resend_after};
use crate::sip::compose::ack_of;
use crate::sip::io::{Flow, Hop, SessionId};
use crate::sip::message::Method;
use crate::sip::timers::Due;
use crate::sip::wire::Wire;

/// Who asked for a request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sip) enum Owner {
    /// Nobody waits: a BYE to a fork that came too late, a CANCEL.
    Nobody,
    /// A session.
    Session(SessionId),
    /// The registration or the probe of a trunk, by its place in the settings.
    Trunk(u32),
    /// The probe of a telephone, by its binding.
    Device(u64),
}

/// Either machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    Invite(InviteClientState),
    Plain(ClientState),
}

/// The acknowledgement of one 2xx, kept because the 2xx may come again.
#[derive(Debug)]
pub(in crate::sip) struct Acked {
    /// The tag of the fork that answered.
    pub(in crate::sip) tag: Box<str>,
    /// The ACK; `None` while the session still owes it (the 2xx carried an offer).
    pub(in crate::sip) bytes: Option<(Hop, Bytes)>,
}

/// One request of ours.
#[derive(Debug)]
pub(in crate::sip) struct ClientTx {
    machine: Machine,
    /// Who asked.
    pub(in crate::sip) owner: Owner,
    /// Where it went.
    pub(in crate::sip) hop: Hop,
    /// What went.
    pub(in crate::sip) bytes: Bytes,
    /// Its method, which its answers must repeat.
    pub(in crate::sip) method: Method,
    /// Its number.
    pub(in crate::sip) cseq: u32,
    /// The trunk whose challenges it may answer.
    pub(in crate::sip) trunk: Option<u32>,
    /// How often it was sent anew with credentials or other timers.
    pub(in crate::sip) tries: u8,
    /// What 2xx were acknowledged.
    pub(in crate::sip) acks: Vec<Acked>,
    /// How it would have gone, had it not been too large for a datagram.
    plain: Option<Plain>,
    sent: u8,
    resend_at: Option<Mono>,
    wait_at: Option<Mono>,
}

/// A request as a datagram.
#[derive(Debug)]
struct Plain {
    hop: Hop,
    bytes: Bytes,
}

/// What a table row means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sip) enum Told {
    /// Nothing.
    Nothing,
    /// The answer at hand is for it.
    Pass,
    /// No answer came: as if 408 had.
    TimedOut,
    /// It cannot be sent: as if 503 had come.
    Unreachable,
}

/// A request to be sent.
pub(in crate::sip) struct Opening {
    pub(in crate::sip) branch: u64,
    pub(in crate::sip) method: Method,
    pub(in crate::sip) cseq: u32,
    pub(in crate::sip) hop: Hop,
    pub(in crate::sip) bytes: Bytes,
    pub(in crate::sip) owner: Owner,
    pub(in crate::sip) trunk: Option<u32>,
    pub(in crate::sip) tries: u8,
}

/// The table, by the number in the branch.
#[derive(Debug, Default)]
pub(in crate::sip) struct Clients {
    by_branch: BTreeMap<u64, ClientTx>,
    /// Peers that take no streams, and until when that is believed.
    streamless: BTreeMap<SocketAddr, Mono>,
}

/// How long a peer that refused a stream gets large requests as datagrams. Longer keeps one that
/// was mended waiting for its streams, shorter makes calls wait for the refusal more often.
const STREAMLESS_FOR: Period = Period::hours(1);

/// Peers that are remembered so. One more is tried by a stream each time.
const STREAMLESS_MAX: usize = 1024;

impl Clients {
    /// How many there are.
    pub(in crate::sip) fn len(&self) -> usize {
        self.by_branch.len()
    }

    /// One of them.
    pub(in crate::sip) fn get(&self, branch: u64) -> Option<&ClientTx> {
        self.by_branch.get(&branch)
    }

    /// One of them.
    pub(in crate::sip) fn get_mut(&mut self, branch: u64) -> Option<&mut ClientTx> {
        self.by_branch.get_mut(&branch)
    }

    /// The branches of everything that goes to `hop` (a broken stream, a dead address).
    pub(in crate::sip) fn towards(&self, hop: &Hop) -> Vec<u64> {
        let same = |tx: &ClientTx| {
            tx.hop.transport == hop.transport
                && tx.hop.peer == hop.peer
                && (tx.hop.connection == hop.connection || tx.hop.connection.is_none())
        };
        self.by_branch.iter().filter(|(_, tx)| same(tx)).map(|(branch, _)| *branch).collect()
    }

    /// Sends a request and waits for its answer.
    pub(in crate::sip) fn open(&mut self, wire: &mut Wire, opening: Opening) {
        let machine = if opening.method == Method::Invite {
            Machine::Invite(InviteClientState::Calling)
        } else {
            Machine::Plain(ClientState::Trying)
        };
        wire.send(opening.hop, opening.bytes.clone());
        let branch = opening.branch;
        let mut tx = ClientTx::new(machine, opening);
        tx.arm(wire, branch);
        if tx.resends() {
            tx.arm_resend(wire, branch);
        }
        self.by_branch.insert(branch, tx);
    }

    /// Whether large requests go to this peer by a stream, as far as is known.
    pub(in crate::sip) fn takes_streams(&self, peer: SocketAddr, now: Mono) -> bool {
        self.streamless.get(&peer).is_none_or(|until| *until <= now)
    }

    /// Sends a request by a stream that is too large for a datagram. Where no stream comes
    /// about, it goes as one after all (RFC 3261 section 18.1.1).
    pub(in crate::sip) fn open_large(
        &mut self,
        wire: &mut Wire,
        opening: Opening,
        (hop, bytes): (Hop, Bytes),
    ) {
        let plain = Plain { hop: opening.hop, bytes: opening.bytes };
        let branch = opening.branch;
        self.open(wire, Opening { hop, bytes, ..opening });
        if let Some(tx) = self.by_branch.get_mut(&branch) {
            tx.plain = Some(plain);
        }
    }

    /// Takes an INVITE back that a process before this one sent and that was heard of: its
    /// final answer is awaited for this long.
    pub(in crate::sip) fn resume(&mut self, wire: &mut Wire, invite: Opening, after: Period) {
        let branch = invite.branch;
        let machine = Machine::Invite(InviteClientState::Proceeding);
        self.by_branch.insert(branch, ClientTx::new(machine, invite));
        self.limit(wire, branch, after);
    }

    /// An answer came; `to` is its whole To value, for the ACK of a refusal.
    pub(in crate::sip) fn answered(
        &mut self,
        wire: &mut Wire,
        branch: u64,
        code: u16,
        to: &str,
    ) -> Told {
        let Some(tx) = self.by_branch.get_mut(&branch) else { return Told::Nothing };
        let told = match tx.machine {
            Machine::Invite(state) => {
                let event = match code {
                    ..=199 => InviteClientEvent::Provisional,
                    200..=299 => InviteClientEvent::Success,
                    _ => InviteClientEvent::Failure,
                };
                tx.step_invite(wire, branch, state, event, to)
            }
            Machine::Plain(state) => {
                let event = if code < 200 { ClientEvent::Provisional } else { ClientEvent::Final };
                tx.step_plain(wire, branch, state, event)
            }
        };
        self.settle(wire, branch);
        told
    }

    /// Timer A or E.
    pub(in crate::sip) fn resend(&mut self, wire: &mut Wire, branch: u64) {
        let Some(tx) = self.by_branch.get_mut(&branch) else { return };
        tx.resend_at = None;
        let told = match tx.machine {
            Machine::Invite(state) => {
                tx.step_invite(wire, branch, state, InviteClientEvent::Resend, "")
            }
            Machine::Plain(state) => tx.step_plain(wire, branch, state, ClientEvent::Resend),
        };
        debug_assert_eq!(told, Told::Nothing, "a resend tells nobody anything");
    }

    /// Timers B, D, F, K, M. The owner is told together with the verdict.
    pub(in crate::sip) fn wait_over(&mut self, wire: &mut Wire, branch: u64) -> Option<Over> {
        let tx = self.by_branch.get_mut(&branch)?;
        tx.wait_at = None;
        let told = match tx.machine {
            Machine::Invite(state) => {
                tx.step_invite(wire, branch, state, InviteClientEvent::WaitOver, "")
            }
            Machine::Plain(state) => tx.step_plain(wire, branch, state, ClientEvent::WaitOver),
        };
        self.over(wire, branch, told)
    }

    /// The transport cannot send it.
    pub(in crate::sip) fn broken(&mut self, wire: &mut Wire, branch: u64) -> Option<Over> {
        let tx = self.by_branch.get_mut(&branch)?;
        if tx.plain.is_some() {
            let until = wire.now.mono + STREAMLESS_FOR;
            if let Some(peer) = tx.as_datagram(wire, branch) {
                self.streamless.retain(|_, until| *until > wire.now.mono);
                if self.streamless.len() < STREAMLESS_MAX {
                    self.streamless.insert(peer, until);
                }
            }
            return None; // its answer may still come, over any way
        }
        let told = match tx.machine {
            Machine::Invite(state) => {
                tx.step_invite(wire, branch, state, InviteClientEvent::Broken, "")
            }
            Machine::Plain(state) => tx.step_plain(wire, branch, state, ClientEvent::Broken),
        };
        self.over(wire, branch, told)
    }

    /// Sets an end to an INVITE that is Proceeding: timer C, which the machine itself has not.
    pub(in crate::sip) fn limit(&mut self, wire: &mut Wire, branch: u64, after: Period) {
        let Some(tx) = self.by_branch.get_mut(&branch) else { return };
        let proceeding = tx.machine == Machine::Invite(InviteClientState::Proceeding);
        if proceeding && tx.wait_at.is_none() {
            let at = wire.now.mono + after;
            wire.timers.arm(&mut tx.wait_at, Due::ClientWait(branch), at);
        }
    }

    /// Takes one out without a word: what it waited for no longer matters.
    pub(in crate::sip) fn drop(&mut self, wire: &mut Wire, branch: u64) {
        if let Some(mut tx) = self.by_branch.remove(&branch) {
            tx.disarm(wire, branch);
        }
    }

    fn over(&mut self, wire: &mut Wire, branch: u64, told: Told) -> Option<Over> {
        let tx = self.by_branch.get(&branch)?;
        let over = Over { owner: tx.owner, method: tx.method, hop: tx.hop, told };
        self.settle(wire, branch);
        Some(over)
    }

    fn settle(&mut self, wire: &mut Wire, branch: u64) {
        if self.by_branch.get(&branch).is_some_and(ClientTx::is_over) {
            self.drop(wire, branch);
        }
    }
}

/// A request that ended by time or by a broken transport.
#[derive(Debug, Clone, Copy)]
pub(in crate::sip) struct Over {
    pub(in crate::sip) owner: Owner,
    pub(in crate::sip) method: Method,
    pub(in crate::sip) hop: Hop,
    pub(in crate::sip) told: Told,
}

impl ClientTx {
    fn new(machine: Machine, opening: Opening) -> ClientTx {
        ClientTx {
            machine,
            owner: opening.owner,
            hop: opening.hop,
            bytes: opening.bytes,
            method: opening.method,
            cseq: opening.cseq,
            trunk: opening.trunk,
            tries: opening.tries,
            acks: Vec::new(),
            plain: None,
            sent: 1,
            resend_at: None,
            wait_at: None,
        }
    }

    /// Where an answer over this flow comes from: of a request that was only too large, from
    /// where it would have come otherwise.
    pub(in crate::sip) fn seen_over(&self, flow: Flow) -> Flow {
        let Some(Plain { hop, .. }) = &self.plain else { return flow };
        let local = hop.local.unwrap_or(flow.local);
        Flow { transport: hop.transport, local, peer: hop.peer, connection: 0 }
    }

    /// Sends it as a datagram, since no stream came about; gives the peer. `None` when something
    /// was heard of it already: the stream has only ended.
    fn as_datagram(&mut self, wire: &mut Wire, branch: u64) -> Option<SocketAddr> {
        let unheard = match self.machine {
            Machine::Invite(state) => state == InviteClientState::Calling,
            Machine::Plain(state) => state == ClientState::Trying,
        };
        let Plain { hop, bytes } = if unheard { self.plain.take()? } else { return None };
        wire.send(hop, bytes.clone());
        (self.hop, self.bytes, self.sent) = (hop, bytes, 1);
        self.arm(wire, branch);
        self.arm_resend(wire, branch);
        Some(self.hop.peer)
    }

    fn is_over(&self) -> bool {
        match self.machine {
            Machine::Invite(state) => state == InviteClientState::Terminated,
            Machine::Plain(state) => state == ClientState::Terminated,
        }
    }

    fn resends(&self) -> bool {
        let reliable = self.hop.transport.is_reliable();
        match self.machine {
            Machine::Invite(state) => state.resends(reliable),
            Machine::Plain(state) => state.resends(reliable),
        }
    }

    fn step_invite(
        &mut self,
        wire: &mut Wire,
        branch: u64,
        state: InviteClientState,
        event: InviteClientEvent,
        to: &str,
    ) -> Told {
        let (next, act) = state.on(event);
        self.machine = Machine::Invite(next);
        if next != state {
            self.arm(wire, branch);
        }
        match act {
            InviteClientAct::Nothing => Told::Nothing,
            InviteClientAct::Send => {
                self.send_again(wire, branch);
                Told::Nothing
            }
            InviteClientAct::Pass => Told::Pass,
            InviteClientAct::AckAndPass => {
                wire.send(self.hop, ack_of(&self.bytes, to));
                Told::Pass
            }
            InviteClientAct::Ack => {
                wire.send(self.hop, ack_of(&self.bytes, to));
                Told::Nothing
            }
            InviteClientAct::TimedOut => Told::TimedOut,
            InviteClientAct::Unreachable => Told::Unreachable,
        }
    }

    fn step_plain(
        &mut self,
        wire: &mut Wire,
        branch: u64,
        state: ClientState,
        event: ClientEvent,
    ) -> Told {
        let (next, act) = state.on(event);
        self.machine = Machine::Plain(next);
        let still = (state, next) == (ClientState::Trying, ClientState::Proceeding);
        if next != state && !still {
            self.arm(wire, branch); // timer F runs on from Trying to Proceeding
        }
        match act {
            ClientAct::Nothing => Told::Nothing,
            ClientAct::Send => {
                self.send_again(wire, branch);
                Told::Nothing
            }
            ClientAct::Pass => Told::Pass,
            ClientAct::TimedOut => Told::TimedOut,
            ClientAct::Unreachable => Told::Unreachable,
        }
    }

    fn send_again(&mut self, wire: &mut Wire, branch: u64) {
        wire.send(self.hop, self.bytes.clone());
        self.sent = self.sent.saturating_add(1);
        self.arm_resend(wire, branch);
    }

    fn arm_resend(&mut self, wire: &mut Wire, branch: u64) {
        let after = match self.machine {
            Machine::Invite(_) => resend_after(self.sent, None),
            Machine::Plain(ClientState::Proceeding) => T2,
            Machine::Plain(_) => resend_after(self.sent, Some(T2)),
        };
        let at = wire.now.mono + after;
        wire.timers.arm(&mut self.resend_at, Due::ClientResend(branch), at);
    }

    /// Sets the timers of a state that was just entered.
    fn arm(&mut self, wire: &mut Wire, branch: u64) {
        let reliable = self.hop.transport.is_reliable();
        let wait = match self.machine {
            Machine::Invite(state) => state.wait(reliable),
            Machine::Plain(state) => state.wait(reliable),
        };
        match wait {
            Wait::Never => wire.timers.disarm(&mut self.wait_at, Due::ClientWait(branch)),
            Wait::For(length) => {
                let at = wire.now.mono + length;
                wire.timers.arm(&mut self.wait_at, Due::ClientWait(branch), at);
            }
        }
        if !self.resends() {
            wire.timers.disarm(&mut self.resend_at, Due::ClientResend(branch));
        }
    }

    fn disarm(&mut self, wire: &mut Wire, branch: u64) {
        wire.timers.disarm(&mut self.resend_at, Due::ClientResend(branch));
        wire.timers.disarm(&mut self.wait_at, Due::ClientWait(branch));
    }
}
