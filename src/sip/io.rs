//! What goes into the stack and what comes out: flows, hops, packets, orders and events.
//!
//! Nothing here does anything; these are the words between `net`, `switch` and the stack.

use core::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{Mono, Name, Wall};

use super::{Message, Uri};

/// How a message travels (RFC 3261 section 18, RFC 7118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams: the only one where we repeat messages ourselves.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
    /// A WebSocket.
    Ws,
    /// A WebSocket inside TLS.
    Wss,
}

impl Transport {
    /// The name in a Via line: `UDP`, `TLS`.
    pub const fn via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The name in a `transport=` parameter; the secure ones are named by what they protect.
    pub const fn param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// Whether the transport repeats lost bytes itself, so that we must not.
    pub const fn is_reliable(self) -> bool {
        match self {
            Transport::Udp => false,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => true,
        }
    }

    /// The port where none is written (RFC 3261 section 19.1.2).
    pub const fn port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

/// Where a message came from: both ends of the way it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// How it travelled.
    pub transport: Transport,
    /// Our end: the listening address it came in at.
    pub local: SocketAddr,
    /// Their end, as the socket saw it.
    pub peer: SocketAddr,
    /// The stream it came over, never used twice; 0 for UDP.
    pub connection: u64,
}

impl Flow {
    /// The way back along the flow.
    pub fn hop(self) -> Hop {
        Hop {
            transport: self.transport,
            peer: self.peer,
            local: Some(self.local),
            connection: (self.connection != 0).then_some(self.connection),
        }
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hop {
    /// How it travels.
    pub transport: Transport,
    /// The address it goes to.
    pub peer: SocketAddr,
    /// Which listening address it leaves from; `None` leaves the choice to `net`.
    pub local: Option<SocketAddr>,
    /// Which open stream carries it; `None`, or one that is gone, opens one to `peer`.
    pub connection: Option<u64>,
}

/// One message that came in, already read.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The way it came.
    pub flow: Flow,
    /// What it says.
    pub message: Message,
    /// The bytes it had on the wire: what we answer a stranger is at most twice that.
    pub size: usize,
}

/// One message that goes out, already written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub hop: Hop,
    /// Its bytes on the wire.
    pub bytes: Bytes,
}

/// One INVITE usage, ours or theirs. Given out in order, never given twice, also not after a
/// restart (a restored session keeps its number).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// Why we cancel or end a call: told to the peer in a Reason header (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cause {
    /// `SIP ;cause=`: 200 when somebody else answered (RFC 3326 section 3.1); 0 leaves it out.
    pub sip: u16,
    /// `Q.850 ;cause=`: 16 is normal clearing, 26 answered elsewhere; 0 leaves it out.
    pub q850: u8,
    /// `;text=`: plain words, quotes and control bytes are dropped.
    pub text: String,
}

impl Cause {
    /// Nothing to tell.
    pub fn none() -> Cause {
        Cause::default()
    }

    /// Somebody else took the call: telephones then show no missed call.
    pub fn answered_elsewhere() -> Cause {
        Cause { sip: 200, q850: 26, text: String::from("Call completed elsewhere") }
    }

    /// Normal clearing.
    pub fn normal() -> Cause {
        Cause { sip: 0, q850: 16, text: String::new() }
    }
}

/// How we refuse an INVITE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refuse {
    /// 400 to 699; anything else is sent as 500.
    pub code: u16,
    /// `Retry-After` in seconds, for 480, 486, 503, 600.
    pub retry_after: Option<u32>,
    /// `Reason`, where there is more to say than the code.
    pub reason: Option<Cause>,
}

/// Whom an INVITE of ours is for.
#[derive(Debug, Clone)]
pub enum Target {
    /// One registered contact of a user.
    Device(Box<Device>),
    /// A number behind a trunk, in that trunk's own format.
    Trunk {
        /// The configured trunk.
        name: Name,
        /// The user part of the request URI.
        user: String,
    },
}

/// What the called party is told about who calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// User part of From; empty is sent as `anonymous`.
    pub user: String,
    /// Display name of From.
    pub display: String,
    /// Ask the trunk to hide the caller (RFC 3323 `Privacy: id`, RFC 3325).
    pub private: bool,
}

/// An order to call somebody.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Whom.
    pub target: Target,
    /// As whom. A registering trunk that has its own `from_user` keeps that in From and gets
    /// the caller in P-Asserted-Identity.
    pub caller: Caller,
    /// The offer; `None` asks the callee for one (then `Stack::ack` carries the answer).
    pub sdp: Option<Bytes>,
    /// The dialog of the callee that this call takes the place of (RFC 3891).
    pub replaces: Option<Replaced>,
    /// Who asked for the call (RFC 3892), for a transfer.
    pub referred_by: Option<String>,
    /// `Alert-Info`, where the switch wants a distinctive ring.
    pub alert: Option<String>,
    /// Hops the call may still take, from the leg it comes from; 70 where it begins here.
    pub hops: u8,
    /// `X-` or other plain headers for the callee's eyes: name and value, written as they are.
    pub extra: Vec<(String, String)>,
}

/// A dialog named by somebody outside it (RFC 3891), in the tags of the party who receives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Call-ID of the dialog.
    pub call_id: String,
    /// The To tag: the tag of who receives the INVITE.
    pub to_tag: String,
    /// The From tag: the tag of its peer.
    pub from_tag: String,
    /// Only when the dialog is not answered yet.
    pub early_only: bool,
}

/// One registered contact.
#[derive(Debug, Clone)]
pub struct Device {
    /// The SIP user it belongs to.
    pub user: String,
    /// The binding's key in the journal.
    pub key: String,
    /// Its Contact URI: the request URI of what is sent to it.
    pub contact: Uri,
    /// Path it registered over (RFC 3327), the nearest first; the routes of what is sent to it.
    pub path: Vec<String>,
    /// Where to send.
    pub hop: Hop,
    /// The flow its last REGISTER came over; `None` after a restart.
    pub flow: Option<Flow>,
    /// Preference in thousandths, 0 to 1000.
    pub q: u16,
    /// When the binding ends.
    pub until: Mono,
    /// What it calls itself, at most 128 bytes; empty when it does not say.
    pub user_agent: String,
    /// `+sip.instance`, where it has one (RFC 5626).
    pub instance: Option<String>,
    /// Whether it registered or answered since we started.
    pub seen: bool,
    /// Whether its own address can be reached as it is written; false behind NAT.
    pub straight: bool,
}

/// Who sent an INVITE. It was authenticated before the event came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A telephone with a user's credentials.
    Device {
        /// The SIP user.
        user: String,
        /// The operator it belongs to.
        operator: Name,
    },
    /// A trunk, known by its address and transport.
    Trunk {
        /// Its configured name.
        name: Name,
    },
}

/// A party as a header names it.
#[derive(Debug, Clone)]
pub struct PartyLine {
    /// Display name, unquoted; empty when there is none.
    pub display: String,
    /// The address.
    pub uri: Uri,
}

/// A call that came in.
#[derive(Debug, Clone)]
pub struct Invited {
    /// The session it opened.
    pub session: SessionId,
    /// Who sent it.
    pub source: Source,
    /// The way it came.
    pub flow: Flow,
    /// Its Call-ID, for logs and matching.
    pub call_id: String,
    /// The request URI.
    pub request: Uri,
    /// The To line.
    pub to: PartyLine,
    /// The From line. From a device its user is the authenticated one.
    pub from: PartyLine,
    /// P-Asserted-Identity (RFC 3325): from trunks only, else empty.
    pub asserted: Vec<PartyLine>,
    /// Remote-Party-ID: from trunks only.
    pub remote_party: Option<PartyLine>,
    /// Privacy asked for by a trunk (`id`, `user`, …).
    pub private: bool,
    /// Diversion, the last one first (RFC 5806): from trunks only.
    pub diversion: Vec<PartyLine>,
    /// History-Info entries (RFC 7044), the oldest first: from trunks only.
    pub history: Vec<PartyLine>,
    /// The offer; `None` when the caller wants ours.
    pub sdp: Option<Bytes>,
    /// Our session that this one is to take the place of (RFC 3891).
    pub replaces: Option<SessionId>,
    /// Referred-By, as it was written; from a transferred telephone.
    pub referred_by: Option<String>,
    /// Hops it may still take: one less goes into the INVITE of the other leg, so that two
    /// exchanges that send a call to each other stop.
    pub hops: u8,
}

/// Why a session ended without the switch asking for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The peer said BYE.
    Bye(Option<Cause>),
    /// Our 200 was never acknowledged (RFC 3261 section 13.3.1.4).
    NoAck,
    /// The session timer ran out (RFC 4028 section 10).
    Expired,
    /// The peer does not know the dialog (481) or gives no answer (408) inside it.
    Gone(u16),
    /// Nothing can be sent to the peer.
    Unreachable,
    /// Another session took its place (RFC 3891).
    Replaced,
}

/// What the stack tells the switch.
///
/// Each session has exactly one end: an INVITE of theirs ends by `Cancelled`, by `Ended` or by our
/// own `reject`/`bye`; one of ours by `Refused` before an answer (also after our `cancel`, which is
/// answered by exactly one `Refused`), by `Ended` or our own `bye` after it. Nothing comes after it.
#[derive(Debug, Clone)]
pub enum Event {
    /// A call came in.
    Invited(Box<Invited>),
    /// A provisional answer to an INVITE of ours, 101 to 199.
    Progress {
        /// Which.
        session: SessionId,
        /// Its code.
        code: u16,
        /// Early media: an answer, or the callee's offer where we sent none and it is reliable.
        sdp: Option<Bytes>,
    },
    /// A carrier has given no sign of life for 4 s since our INVITE, which goes on.
    Silent {
        /// Which.
        session: SessionId,
    },
    /// Our INVITE was answered. It is acknowledged unless the answer is an offer: then
    /// `Stack::ack` must follow.
    Answered {
        /// Which.
        session: SessionId,
        /// Answer, or offer where we sent none.
        sdp: Option<Bytes>,
    },
    /// Our INVITE was refused, timed out (408) or was cancelled (487).
    Refused {
        /// Which.
        session: SessionId,
        /// 300 to 699.
        code: u16,
        /// Contacts of a 3xx, best first.
        contacts: Vec<Uri>,
        /// Retry-After in seconds.
        retry_after: Option<u32>,
        /// Reason header of the refusal.
        cause: Option<Cause>,
    },
    /// The caller gave up before our final answer.
    Cancelled {
        /// Which.
        session: SessionId,
        /// Reason header of the CANCEL.
        cause: Option<Cause>,
    },
    /// The caller acknowledged our 200.
    Confirmed {
        /// Which.
        session: SessionId,
        /// The answer, where our 200 carried the offer.
        sdp: Option<Bytes>,
    },
    /// The session is over.
    Ended {
        /// Which.
        session: SessionId,
        /// Why.
        cause: Ending,
    },
    /// The peer offers a change (re-INVITE or UPDATE); `None` wants our offer.
    /// `Stack::answer_reoffer` must follow.
    Reoffered {
        /// Which.
        session: SessionId,
        /// The offer.
        sdp: Option<Bytes>,
    },
    /// The peer's answer to our `Stack::reoffer`, or the code it refused with.
    Reanswered {
        /// Which.
        session: SessionId,
        /// Answer (offer where we sent none: `Stack::ack` must follow), or the refusal.
        result: Result<Option<Bytes>, u16>,
    },
    /// The answer to an offer of the peer that we made in a 200 to its empty re-INVITE.
    Reconfirmed {
        /// Which.
        session: SessionId,
        /// The answer in its ACK.
        sdp: Option<Bytes>,
    },
    /// The peer asks us to call somebody in its place (REFER). It was accepted with 202;
    /// `Stack::referred` must tell the progress, ending with a final code.
    Referred {
        /// Which.
        session: SessionId,
        /// Whom to call.
        to: Uri,
        /// Attended: our own session whose peer takes over.
        replaces: Option<SessionId>,
        /// Referred-By, as it was written.
        by: Option<String>,
    },
    /// A user registered, refreshed or added a telephone: how many contacts it has.
    Registered {
        /// The SIP user.
        user: String,
        /// Whose it is.
        operator: Name,
        /// Contacts bound.
        devices: usize,
    },
    /// The last contact of a user is gone, by its own wish or by time.
    Unregistered {
        /// The SIP user.
        user: String,
        /// Whose it was.
        operator: Name,
    },
    /// A trunk can be used, or cannot any longer.
    Trunk {
        /// Its configured name.
        name: Name,
        /// Whether calls can go over it.
        up: bool,
        /// For people: `registered`, `403 Forbidden`, `no answer`.
        why: String,
    },
    /// A key was pressed (SIP INFO, `application/dtmf-relay` or `application/dtmf`).
    Dtmf {
        /// Which.
        session: SessionId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
}

/// What must outlive a restart; the switch writes it to the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A binding was made or renewed.
    Binding {
        /// The SIP user.
        user: String,
        /// Which of its bindings.
        key: String,
        /// For `Stack::bind`; JSON.
        state: String,
        /// When it ends by itself.
        until: Wall,
    },
    /// A binding ended.
    BindingGone {
        /// The SIP user.
        user: String,
        /// Which of its bindings.
        key: String,
    },
    /// The route, target or numbering of an answered session changed:
    /// `Stack::keep` gives the text.
    Dialog {
        /// Which.
        session: SessionId,
    },
    /// The first sign of life of an INVITE of ours came, so that it can be cancelled:
    /// `Stack::keep_invite` gives the text.
    Invite {
        /// Which.
        session: SessionId,
    },
}

/// What comes out of the stack.
#[derive(Debug, Clone)]
pub enum SipOutput {
    /// Goes out at once.
    Transmit(Transmit),
    /// A 2xx to INVITE or REGISTER: goes out after the journal's commit, at most 50 ms later.
    Promise(Transmit),
    /// For the switch.
    Event(Event),
    /// For the journal.
    Kept(Kept),
}

/// A kept text that cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    /// Not what `keep` writes.
    #[error("not a kept dialog or binding: {0}")]
    Unreadable(String),
    /// The table is full.
    #[error("no room for one more")]
    Full,
    /// A session of that number is there already.
    #[error("session {0} is running")]
    Running(u64),
}
