//! The real program and real telephones: sipp, baresip, linphone, and Kamailio as the carrier,
//! over loopback sockets; for the storms telephones and callers of our own as well, which count
//! more strictly. `tests/run` installs the peers and runs this target.

mod baresip;
mod books;
mod callers;
mod carrier;
mod crash;
mod exchange;
mod ledger;
mod linphone;
mod lossy;
mod sipp;
mod sipp_storm;
mod stories;
mod storm;
mod telephone;
mod text;
mod wire;
