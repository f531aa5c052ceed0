//! How SIP talks: messages, transactions, dialogs, registrar, digest, SDP.
//!
//! Pure: bytes and the time go in, bytes and events come out. What comes from the wire is read by
//! our own reader (`read`), held in rsip's types (`message`), and written by our own writer.

mod bindings;
mod compose;
mod dialog;
pub mod digest;
mod frame;
mod guard;
mod headers;
mod ids;
mod io;
mod keep;
mod lexer;
mod message;
mod multipart;
mod params;
mod read;
mod refusal;
mod registrar;
pub mod sdp;
mod session;
mod session_callee;
mod session_caller;
mod session_inside;
mod session_offer;
mod session_refer;
mod session_timer;
mod settings;
mod stack;
mod stack_receive;
mod stack_time;
mod status;
mod timers;
pub mod transaction;
mod trunk;
mod uri;
mod wire;
#[cfg(test)]
mod work;
mod write;

pub use frame::{Frame, frame};
pub use headers::{
    BadHeader, Contact, Contacts, Diversion, EventPackage, HistoryEntry, Known, NameAddr, RAck,
    Reason, Refresher, Replaces, RetryAfter, SessionExpires, SubscriptionState, Via, is_private,
    privacy,
};
pub use io::{
    Caller, Cause, Device, Ending, Event, Flow, Hop, Invite, Invited, Kept, KeptError, Packet,
    PartyLine, Refuse, Replaced, SessionId, SipOutput, Source, Target, Transmit, Transport,
};
pub use message::{Core, Message, Method, Request, Response};
pub use params::{BadParams, Params};
pub use read::{
    CONTACTS_MAX, Dropped, HEADER_BYTES_MAX, HEADERS_MAX, HOPS_MAX, MESSAGE_BYTES_MAX, ReadError,
    read,
};
pub use refusal::Refusal;
pub use settings::{Login, SessionTimers, StackLimits, StackSettings, TrunkAuth, TrunkLine, User};
pub use stack::{Load, Stack};
pub use status::reason;
pub use uri::{BadUri, Host, Scheme, Uri};
