//! The real program over real sockets: from a provider's webhook to a card, through crashes,
//! restarts, reloads and stops.

mod cards;
mod crash;
mod dial;
mod life;
mod making;
mod page;
mod phones;
mod rig;
mod stop;
mod telephone;
mod tls;
