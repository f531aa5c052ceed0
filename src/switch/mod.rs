//! The whole exchange as one value: an input and the time go in, records and effects come out.
//!
//! `handle`, `handle_timeout`, `poll_output` and `poll_timeout` are the whole interface. After
//! each of the first two, every output is polled before the next input.
//!
//! With lines attached ([`Switch::with_lines`]) it rings, joins and ends SIP sessions itself:
//! SIP messages go in as [`Input::Sip`], bytes come out as [`Output::Send`]. Without them it says
//! what is to be rung and is told what happened.

mod allow;
mod arrivals;
mod bridge;
mod causes;
mod exchange;
mod io;
mod legs;
mod lines;
mod outside;
mod phones;
mod restart;
mod transfer;
mod trunks;
mod wiring;

pub use crate::acd::Settings;
pub use crate::acd::io::{
    Arrival, AskKind, Command, Effect, Heard, LegEvent, LegReason, Placement, Refusal, Refused,
    RouteAsk, Snapshot, Target, Ticket, Transfer, TransferProgress, TransferTo,
};
pub use exchange::{RestoreError, Switch};
pub use io::{Input, Output};
pub use phones::TelephoneView;
pub use trunks::TrunkView;
pub use wiring::{Allowed, CallerFrom, Keys, NumbersOut, PhoneSettings, TrunkSettings, Wiring};
