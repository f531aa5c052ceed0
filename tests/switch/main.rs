//! The whole exchange in virtual time, message by message: real SIP bytes between scripted
//! telephones, scripted carriers and one switch.

mod basic;
mod peer;
mod text;
mod world;
