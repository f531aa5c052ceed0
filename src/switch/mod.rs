//! The whole exchange as one value: an input and the time go in, records and effects come out.
//!
//! `handle`, `handle_timeout`, `poll_output` and `poll_timeout` are the whole interface. After
//! each of the first two, every output is polled before the next input.

mod exchange;

pub use crate::acd::Settings;
pub use crate::acd::io::{
    Arrival, AskKind, Command, Effect, Heard, Input, LegEvent, LegReason, Output, Placement,
    Refusal, Refused, RouteAsk, Snapshot, Target, Ticket, Transfer, TransferProgress, TransferTo,
};
pub use exchange::{RestoreError, Switch};
