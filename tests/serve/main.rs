//! The real program over real sockets: from a provider's webhook to a card, through crashes,
//! restarts, reloads and stops.

mod alerts;
mod cards;
mod crash;
mod dial;
mod life;
mod making;
mod page;
mod phones;
mod rig;
mod stop;
mod strangers;
mod telephone;
#[expect(dead_code, reason = "shared with tests/live, which uses all of it")]
#[path = "../live/text.rs"]
mod text;
mod tls;
mod told;
