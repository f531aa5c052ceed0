//! SIP message by message: what the wire brings, what must go out.
//!
//! No sockets and no clock: bytes in, messages or reasons out.

mod bounds;
mod desk;
mod device;
mod differential;
mod inside;
mod invite;
mod large;
mod machines;
mod pair;
mod plain;
mod registrar;
mod round_trip;
mod strangers;
mod torture;
mod trunk;
