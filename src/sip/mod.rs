//! How SIP talks: messages, transactions, dialogs, registrar, digest, SDP.
//!
//! Pure: bytes and the time go in, bytes and events come out. What comes from the wire is read by
//! our own reader (`read`), held in rsip's types (`message`), and written by our own writer.

pub mod digest;
mod frame;
mod headers;
mod io;
mod lexer;
mod message;
mod params;
mod read;
mod refusal;
pub mod sdp;
mod status;
mod uri;
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
pub use status::reason;
pub use uri::{BadUri, Host, Scheme, Uri};
