//! The switch: the engine behind its door. Dialogs and media join here.

use std::sync::Arc;

use super::{Input, Output, Snapshot};
use crate::acd::{Breach, Engine, Settings};
use crate::model::{Mono, Now, Seq, Stamped};

pub use crate::acd::RestoreError;

/// The whole exchange as one value. One task owns it.
#[derive(Debug, Clone)]
pub struct Switch {
    engine: Engine,
}

impl Switch {
    /// An exchange that has seen nothing. The seed makes its ids; two with the same seed and the
    /// same inputs say the same.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Switch {
        Switch { engine: Engine::new(settings, seed) }
    }

    /// An exchange that goes on from a saved state; the records after it are then replayed.
    ///
    /// # Errors
    /// When the bytes are no state of this or an earlier version.
    pub fn restore(
        settings: Arc<Settings>,
        state: Option<&[u8]>,
        seed: u64,
    ) -> Result<Switch, RestoreError> {
        Ok(Switch { engine: Engine::restore(settings, state, seed)? })
    }

    /// Folds one record of the journal in, before any input.
    pub fn replay(&mut self, record: &Stamped) {
        self.engine.replay(record);
    }

    /// Makes every input check the whole state and stop at the first broken invariant: for tests
    /// and simulation.
    pub const fn strict(&mut self) {
        self.engine.strict();
    }

    /// Takes one input in. Every output is to be polled before the next.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.engine.handle(input, now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.engine.handle_timeout(now);
    }

    /// The next output: every record of the input, then every effect.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.engine.poll_output()
    }

    /// When `handle_timeout` wants to be called; never in the past after a drain.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.engine.poll_timeout()
    }

    /// The state as bytes, for the journal.
    pub fn state(&self) -> Vec<u8> {
        self.engine.state_bytes()
    }

    /// The exchange as screens see it.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        self.engine.snapshot(now)
    }

    /// The last stored request that was taken in whole; a restart goes on after it.
    pub const fn heard_until(&self) -> Option<Seq> {
        self.engine.heard_until()
    }

    /// Whatever must not be and is: for tests and for `doctor`. Costs as much as the state is
    /// large.
    pub fn breaches(&self) -> Vec<Breach> {
        self.engine.breaches()
    }
}
