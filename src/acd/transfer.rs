//! Passing a party on: blind and attended transfers, and what comes back of a failed one.

use super::engine::Engine;
use super::io::{Effect, Refused, Transfer, TransferProgress};

impl Engine {
    /// A party asks that its other party be passed on.
    pub(super) fn transfer(&mut self, transfer: Transfer) {
        let progress = TransferProgress::Failed(Refused::Failed);
        self.act(Effect::Transferred { leg: transfer.leg, progress });
    }
}
