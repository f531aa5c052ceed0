//! SIP message by message: what the wire brings, what must go out.
//!
//! No sockets and no clock: bytes in, messages or reasons out.

mod bounds;
mod differential;
mod plain;
mod round_trip;
mod torture;
