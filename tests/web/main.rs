//! The web over real sockets: who is let in, what they see, what bad input gets.

mod docs;
mod hooks;
mod login;
mod masking;
mod once;
mod outbox;
mod raw;
mod rig;
mod scopes;
mod stream;
mod telephone;
mod visits;
