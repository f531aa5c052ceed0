//! The outside services: providers that send calls and events.
//!
//! One file per service. Reading a request is a pure function; what waits for a socket stands in
//! the workers beside it.

pub mod provider;
