//! What every part of the stack writes to: the moment, the timers, the way out.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::model::Now;

use super::io::{Event, Hop, Kept, SipOutput, Transmit};
use super::timers::Timers;

/// The moment of the input at hand, the timers it arms and the outputs it makes.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// When the input at hand came.
    pub(super) now: Now,
    /// Every deadline.
    pub(super) timers: Timers,
    /// What has not been polled.
    pub(super) out: VecDeque<SipOutput>,
}

impl Wire {
    /// Sends at once.
    pub(super) fn send(&mut self, hop: Hop, bytes: Bytes) {
        self.out.push_back(SipOutput::Transmit(Transmit { hop, bytes }));
    }

    /// Sends after the journal's commit.
    pub(super) fn promise(&mut self, hop: Hop, bytes: Bytes) {
        self.out.push_back(SipOutput::Promise(Transmit { hop, bytes }));
    }

    /// Tells the switch.
    pub(super) fn tell(&mut self, event: Event) {
        self.out.push_back(SipOutput::Event(event));
    }

    /// Asks the switch to journal.
    pub(super) fn keep(&mut self, kept: Kept) {
        self.out.push_back(SipOutput::Kept(kept));
    }
}
