//! The whole exchange in virtual time, message by message: real SIP bytes between scripted
//! telephones, scripted carriers and one switch.

mod arrivals;
mod basic;
mod crowd;
mod kills;
mod media;
mod passing;
mod peer;
mod races;
mod sim;
mod text;
mod world;
