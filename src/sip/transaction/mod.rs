//! The four transaction machines of RFC 3261 section 17, as complete tables.
//!
//! Each file holds one machine: `on(state, event)` gives the next state and what to do. The
//! tables know nothing of messages, addresses or clocks; `clients.rs` and `servers.rs`
//! beside them do. INVITE
//! machines have the Accepted state of RFC 6026, so a 2xx is never lost between the layers;
//! the non-INVITE server follows RFC 4320 (no 408, no provisional but 100).

mod client;
mod clients;
mod invite_client;
mod invite_server;
mod server;
mod servers;

use crate::model::Period;

pub(super) use clients::{Acked, Clients, Opening, Over, Owner, Told};
pub(super) use servers::{Leaves, Servers, Way};

pub use client::{ClientAct, ClientEvent, ClientState};
pub use invite_client::{InviteClientAct, InviteClientEvent, InviteClientState};
pub use invite_server::{InviteServerAct, InviteServerEvent, InviteServerState};
pub use server::{ServerAct, ServerEvent, ServerState};

/// An estimate of the round trip (RFC 3261 section 17.1.1.1). Smaller repeats needlessly on
/// mobile links, larger makes every lost datagram cost the caller more silence.
pub const T1: Period = Period::millis(500);

/// The longest wait between two copies of a non-INVITE request or of an INVITE's answer.
pub const T2: Period = Period::secs(4);

/// How long a message may stay in the network.
pub const T4: Period = Period::secs(5);

/// 64 × T1: timers B, F, H, J, L and M, and D over UDP.
pub const GIVE_UP: Period = Period::millis(64 * 500);

/// The wait before the next copy: `sent` counts those already out, so 1 after the first.
/// It doubles from [`T1`] up to `ceiling` (none for an INVITE, timer A; [`T2`] for E and G).
pub fn resend_after(sent: u8, ceiling: Option<Period>) -> Period {
    let doublings = u32::from(sent.saturating_sub(1)).min(16);
    let wait = Period(T1.0.saturating_mul(1 << doublings));
    ceiling.map_or(wait, |most| wait.min(most))
}

/// Which kind of timer a state runs besides the resend timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// None.
    Never,
    /// Until the state ends by itself.
    For(Period),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_an_invite_double_without_end() {
        let waits: Vec<u64> = (1..=7).map(|sent| resend_after(sent, None).0).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000]);
    }

    #[test]
    fn copies_of_other_requests_stop_growing_at_t2() {
        let waits: Vec<u64> = (1..=6).map(|sent| resend_after(sent, Some(T2)).0).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 4000, 4000]);
    }
}
