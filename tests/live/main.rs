//! The real program and real telephones: sipp, baresip, linphone, and Kamailio as the carrier,
//! over loopback sockets. `tests/run` installs the peers and runs this target.

mod baresip;
mod books;
mod carrier;
mod crash;
mod exchange;
mod linphone;
mod lossy;
mod sipp;
mod stories;
mod storm;
