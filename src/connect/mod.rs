//! The outside services: providers that send calls and events, CRMs and messengers that are told.
//!
//! One file per service. Reading a request is a pure function; what waits for a socket stands in
//! the workers beside it, and every request out goes through [`http`].

pub mod crm;
pub mod deliver;
pub mod http;
pub mod notify;
pub mod provider;
