//! The sockets under SIP, with real packets on loopback: every transport, peers that are slow,
//! broken or hostile, too many of them, and the names of carriers against a name server that
//! stands in the test.

mod dns;
mod hostile;
mod overload;
mod rig;
mod streams;
mod udp;
mod zone;
