//! Calls that operators place: dialled on their telephone, or asked for on a page.

use super::engine::Engine;
use super::io::{Effect, Placement, Refused};

impl Engine {
    /// An operator dialled something on their own telephone.
    pub(super) fn placed(&mut self, placement: Placement) {
        self.act(Effect::Refuse { leg: placement.leg, because: Refused::Failed });
    }
}
