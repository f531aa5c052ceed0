//! One INVITE usage: who is at the other end, how far it has come, what is under way in it.
//!
//! The parts have files of their own: `session_caller.rs` (INVITEs of ours), `session_callee.rs`
//! (theirs), `session_offer.rs` (re-INVITE and UPDATE both ways), `session_timer.rs` (RFC 4028),
//! `session_refer.rs` (REFER), `session_inside.rs` (requests inside the dialog).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Name, Period};

use super::compose::{Block, Draft, over_tcp};
use super::dialog::Dialog;
use super::ids::{Ids, hex};
use super::io::{Cause, Ending, Event, Flow, Hop, Kept, SessionId};
use super::message::{Method, Request};
use super::settings::StackSettings;
use super::timers::{Alarm, Alarms};
use super::transaction::{Clients, Leaves, Opening, Owner, Servers};
use super::trunk::Trunk;
use super::wire::Wire;
use super::{Known, Transport, status};

/// The largest request that goes as a datagram where the way there may carry no more at once
/// (RFC 3261 section 18.1.1). Above it packets fall apart, and what a router drops of them is
/// lost whole.
const DATAGRAM_BYTES_MAX: usize = 1300;

/// What every session works with.
pub(super) struct Works {
    pub(super) settings: Arc<StackSettings>,
    pub(super) ids: Ids,
    pub(super) wire: Wire,
    pub(super) clients: Clients,
    pub(super) servers: Servers,
    /// Our tag of every dialog: the one key that requests inside a dialog are found by.
    pub(super) tags: BTreeMap<u64, SessionId>,
    pub(super) trunks: Vec<Trunk>,
}

impl Works {
    /// A branch for a request of ours; even, because its CANCEL is kept under the odd one.
    pub(super) fn branch(&mut self) -> u64 {
        self.ids.token() & !1
    }

    /// Sends a request of a session: by a stream when it is too large for a datagram and the
    /// peer's address is one that a stream can reach.
    pub(super) fn send(&mut self, opening: Opening, straight: bool) {
        match self.larger(&opening, straight) {
            Some(larger) => self.clients.open_large(&mut self.wire, opening, larger),
            None => self.clients.open(&mut self.wire, opening),
        }
    }

    /// How a request that is too large for a datagram goes instead.
    fn larger(&self, opening: &Opening, straight: bool) -> Option<(Hop, Bytes)> {
        let hop = opening.hop;
        let fits = hop.transport != Transport::Udp || opening.bytes.len() <= DATAGRAM_BYTES_MAX;
        let now = self.wire.now.mono;
        if fits || !straight || !self.clients.takes_streams(hop.peer, now) {
            return None;
        }
        let tcp = Hop { transport: Transport::Tcp, local: None, connection: None, ..hop };
        let tcp = self.settings.settled(tcp);
        let here = self.settings.written(Transport::Tcp, Some(tcp.local?));
        Some((tcp, over_tcp(&opening.bytes, &here)))
    }

    /// The trunk whose challenges requests to this peer may answer.
    pub(super) fn trunk_of(&self, peer: &Peer) -> Option<u32> {
        let Peer::Trunk(name) = peer else { return None };
        let at = self.trunks.iter().position(|trunk| trunk.name == *name)?;
        u32::try_from(at).ok()
    }

    /// Whether one more transaction fits.
    pub(super) fn has_room(&self) -> bool {
        self.clients.len() + self.servers.len() < self.settings.limits.transactions_max
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Peer {
    /// A telephone of this SIP user.
    Device(Box<str>),
    /// This trunk.
    Trunk(Name),
}

/// How far the session has come. The lines of one family cannot be reached from the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ours: no final answer. `heard` once a provisional answer came.
    Calling { heard: bool, cancel: Cancel },
    /// Ours: a 2xx with an offer came, `ack` has not been called.
    AckDue,
    /// Theirs: no final answer.
    Ringing,
    /// Theirs: 2xx wanted, held back until the PRACK of an offer or answer (RFC 3262 section 3).
    Holding,
    /// Theirs: 2xx sent, no ACK.
    Answered,
    /// Theirs: 2xx sent, no ACK, and a BYE wanted (RFC 3261 section 15 makes it wait).
    Closing,
    /// Both: confirmed.
    Talking,
    /// Both: over; it is about to be taken out of the table.
    Over,
}

/// How far a CANCEL of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    /// Not asked for.
    No,
    /// Asked for; it waits for the first provisional answer (RFC 3261 section 9.1).
    Wanted,
    /// Sent.
    Sent,
}

/// What the peer can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Able {
    pub(super) rel100: bool,
    pub(super) timer: bool,
    pub(super) update: bool,
    /// It wants every provisional answer acknowledged (Require: 100rel).
    pub(super) rel100_required: bool,
    /// It takes INFO, or does not say what it takes.
    #[serde(default)]
    pub(super) info: bool,
}

/// An early dialog of an INVITE of ours.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) tag: Box<str>,
    pub(super) target: Box<str>,
    pub(super) routes: Vec<Box<str>>,
    /// The last RSeq acknowledged; 0 before the first.
    pub(super) rseq: u32,
}

/// What we repeat until it is acknowledged.
#[derive(Debug)]
pub(super) struct Repeat {
    pub(super) bytes: Bytes,
    pub(super) hop: Hop,
    pub(super) sent: u8,
    pub(super) what: Repeated,
}

/// See [`Repeat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    /// A 2xx to the INVITE of this number; the ACK has the same.
    Success { cseq: u32 },
    /// A reliable provisional answer.
    Reliable { rseq: u32, sdp: bool },
}

/// One INVITE usage.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) peer: Peer,
    /// Whether the INVITE that opened it, and so the Call-ID, is ours.
    pub(super) ours: bool,
    pub(super) phase: Phase,
    pub(super) dialog: Dialog,
    pub(super) able: Able,
    pub(super) alarms: Alarms,
    /// The INVITE that opened it: branch of ours, or number of the server transaction.
    pub(super) invite: u64,
    /// The number of that INVITE.
    pub(super) invite_seq: u32,
    /// The last session description of ours, for refreshes.
    pub(super) sdp: Option<Bytes>,
    /// What only a session under way needs; dropped when it is confirmed.
    pub(super) opening: Option<Box<Opened>>,
    pub(super) repeat: Option<Box<Repeat>>,
    pub(super) change: super::session_offer::Change,
    pub(super) timer: super::session_timer::Clock,
    pub(super) refer: Option<super::session_refer::Refer>,
    /// We asked the peer to call somebody else, and it tells us how that goes.
    pub(super) referring: bool,
}

/// What an INVITE needs until it is confirmed.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Ours: early dialogs.
    pub(super) forks: Vec<Fork>,
    /// Ours: whether the INVITE carried an offer.
    pub(super) offered: bool,
    /// Ours: what the CANCEL tells.
    pub(super) reason: Option<String>,
    /// Ours: how often it was sent anew (credentials, timers).
    pub(super) tries: u8,
    /// Theirs: what every answer repeats.
    pub(super) echo: Block,
    /// Theirs: last provisional answer, and what waits for a PRACK.
    pub(super) told: Option<(u16, Option<Bytes>)>,
    pub(super) queue: Vec<(u16, Option<Bytes>)>,
    pub(super) held: Option<Option<Bytes>>,
    pub(super) rseq: u32,
    /// Theirs: a reliable answer has carried our description.
    pub(super) reliable_sdp: bool,
}

impl Session {
    /// The trunk this session may answer challenges of.
    pub(super) fn trunk(&self, works: &Works) -> Option<u32> {
        works.trunk_of(&self.peer)
    }

    /// Arms one of its timers.
    pub(super) fn arm(&mut self, works: &mut Works, alarm: Alarm, after: Period) {
        let now = works.wire.now.mono;
        self.alarms.arm(&mut works.wire.timers, self.id, alarm, now, after);
    }

    /// Takes one of its timers out.
    pub(super) fn disarm(&mut self, works: &mut Works, alarm: Alarm) {
        self.alarms.disarm(&mut works.wire.timers, self.id, alarm);
    }

    /// Sends a request inside the dialog and waits for its answer; gives its branch.
    pub(super) fn ask(
        &mut self,
        works: &mut Works,
        method: Method,
        owner: Owner,
        fill: impl FnOnce(Draft) -> Bytes,
    ) -> u64 {
        self.dialog.local_seq = self.dialog.local_seq.saturating_add(1);
        let cseq = self.dialog.local_seq;
        let branch = works.branch();
        let mut draft = self.dialog.request(method.as_str(), branch, cseq, &works.settings);
        agent(&mut draft, "User-Agent", &works.settings);
        let bytes = fill(draft);
        let trunk = self.trunk(works);
        let hop = self.dialog.hop;
        let opening = Opening { branch, method, cseq, hop, bytes, owner, trunk, tries: 0 };
        works.send(opening, self.dialog.straight);
        branch
    }

    /// Says BYE and is over.
    pub(super) fn hang_up(&mut self, works: &mut Works, cause: &Cause) {
        let reason = reason_of(cause);
        self.ask(works, Method::Bye, Owner::Nobody, |mut draft| {
            if let Some(reason) = &reason {
                draft.line("Reason", reason);
            }
            draft.end()
        });
        self.over(works);
    }

    /// Tells the switch why it ended and is over.
    pub(super) fn end(&mut self, works: &mut Works, cause: Ending) {
        works.wire.tell(Event::Ended { session: self.id, cause });
        self.over(works);
    }

    /// Leaves no timer and no key behind.
    pub(super) fn over(&mut self, works: &mut Works) {
        self.refuse_pending(works);
        self.alarms.clear(&mut works.wire.timers, self.id);
        if works.tags.get(&self.dialog.local_tag) == Some(&self.id) {
            works.tags.remove(&self.dialog.local_tag);
        }
        self.repeat = None;
        self.phase = Phase::Over;
    }

    /// The journal's text is out of date.
    pub(super) fn changed(&self, works: &mut Works) {
        if self.phase == Phase::Talking {
            works.wire.keep(Kept::Dialog { session: self.id });
        }
    }

    /// Repeats what is not acknowledged yet.
    pub(super) fn repeat(&mut self, works: &mut Works) {
        let Some(repeat) = &mut self.repeat else { return };
        works.wire.send(repeat.hop, repeat.bytes.clone());
        repeat.sent = repeat.sent.saturating_add(1);
        let after = match repeat.what {
            Repeated::Success { .. } => {
                super::transaction::resend_after(repeat.sent, Some(super::transaction::T2))
            }
            Repeated::Reliable { .. } => super::transaction::resend_after(repeat.sent, None),
        };
        self.arm(works, Alarm::Repeat, after);
    }

    /// Begins to repeat, and to wait for the acknowledgement.
    pub(super) fn repeat_until_heard(&mut self, works: &mut Works, repeat: Repeat) {
        self.repeat = Some(Box::new(repeat));
        self.arm(works, Alarm::Repeat, super::transaction::T1);
        self.arm(works, Alarm::Unheard, super::transaction::GIVE_UP);
    }

    /// The acknowledgement came.
    pub(super) fn heard(&mut self, works: &mut Works) {
        self.repeat = None;
        self.disarm(works, Alarm::Repeat);
        self.disarm(works, Alarm::Unheard);
    }
}

/// What every answer of ours copies from its request (RFC 3261 section 8.2.6.2).
pub(super) fn echo(request: &Request, flow: Flow, tag: Option<u64>, routes: Routes) -> Block {
    let mut block = Block::new();
    let mut via = request.via().clone();
    via.came_from(flow.peer);
    let mut text = String::with_capacity(96);
    via.write(&mut text);
    block.parts("Via", &[&text]);
    for more in request.headers(Known::Via).skip(1) {
        block.parts("Via", &[more]);
    }
    if routes == Routes::Kept {
        for route in request.headers(Known::RecordRoute) {
            block.parts("Record-Route", &[route]);
        }
    }
    block.parts("From", &[request.header(Known::From).unwrap_or_default()]);
    let to = request.header(Known::To).unwrap_or_default();
    match tag.filter(|_| request.to().tag().is_none()) {
        Some(tag) => block.parts("To", &[to, ";tag=", &hex(tag)]),
        None => block.parts("To", &[to]),
    }
    block.parts("Call-ID", &[request.call_id()]);
    let (number, method) = request.cseq();
    block.parts("CSeq", &[&number.to_string(), " ", method.as_str()]);
    block
}

/// Whether an answer opens a dialog and so keeps Record-Route (RFC 3261 section 12.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Routes {
    Kept,
    Dropped,
}

/// Begins an answer.
pub(super) fn answer(code: u16, echo: &Block, settings: &StackSettings) -> Draft {
    let mut draft = Draft::answer(code, status::reason(code));
    draft.block(echo.as_str());
    agent(&mut draft, "Server", settings);
    draft
}

fn agent(draft: &mut Draft, name: &str, settings: &StackSettings) {
    if !settings.agent.is_empty() {
        draft.line(name, &settings.agent);
    }
}

/// Where answers to a request go: back over the flow; over UDP without `rport` to the port the
/// request names (RFC 3261 section 18.2.2, RFC 3581 section 4).
pub(super) fn reply_to(request: &Request, flow: Flow) -> Hop {
    let mut hop = flow.hop();
    let via = request.via();
    if flow.transport == super::Transport::Udp && !via.params.has("rport") {
        hop.peer.set_port(via.port.unwrap_or_else(|| flow.transport.port()));
    }
    hop
}

/// The Reason value of a cause (RFC 3326); `None` when there is nothing to tell.
pub(super) fn reason_of(cause: &Cause) -> Option<String> {
    let text = cause.text.replace(['"', '\\'], "");
    let tail = if text.is_empty() { String::new() } else { format!(";text=\"{text}\"") };
    let mut values = Vec::with_capacity(2);
    if cause.sip > 0 {
        values.push(format!("SIP;cause={}{tail}", cause.sip));
    }
    if cause.q850 > 0 {
        values.push(format!("Q.850;cause={}{tail}", cause.q850));
    }
    (!values.is_empty()).then(|| values.join(", "))
}

/// The cause in the Reason lines of a message.
pub(super) fn cause_in<'a>(values: impl Iterator<Item = &'a str>) -> Option<Cause> {
    let mut cause = Cause::none();
    for reason in values.filter_map(|value| super::headers::Reason::read(value).ok()) {
        let number = reason.cause.unwrap_or(0);
        if reason.protocol.eq_ignore_ascii_case("SIP") {
            cause.sip = u16::try_from(number).unwrap_or(0);
        } else if reason.protocol.eq_ignore_ascii_case("Q.850") {
            cause.q850 = u8::try_from(number).unwrap_or(0);
        }
        if let Some(text) = reason.text {
            cause.text = text;
        }
    }
    (cause != Cause::none()).then_some(cause)
}

/// The session description a request or an answer carries.
pub(super) fn sdp_of(body: Option<&[u8]>) -> Option<Bytes> {
    body.map(Bytes::copy_from_slice)
}

/// The methods we understand.
pub(super) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, INFO, NOTIFY, REGISTER";

/// The extensions we understand.
pub(super) const SUPPORTED: &str = "100rel, timer, replaces, path, outbound";

/// Answers a server transaction without a body.
pub(super) fn refuse(works: &mut Works, tx: u64, code: u16, echo: &Block, more: &[(&str, &str)]) {
    let mut draft = answer(code, echo, &works.settings);
    for (name, value) in more {
        draft.line(name, value);
    }
    works.servers.answer(&mut works.wire, tx, code, draft.end(), Leaves::AtOnce);
}
