//! The non-INVITE client transaction (RFC 3261 section 17.1.2).

use crate::model::Period;

use super::{GIVE_UP, T4, Wait};

/// Where a request of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// Sent, nothing heard. Timer E repeats it over UDP, timer F gives up.
    Trying,
    /// A provisional answer came; timer E goes on every T2.
    Proceeding,
    /// The final answer came. Timer K catches its copies.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEvent {
    /// 100 to 199.
    Provisional,
    /// 200 to 699.
    Final,
    /// Timer E.
    Resend,
    /// Timer F or K, whichever the state runs.
    WaitOver,
    /// The transport cannot send.
    Broken,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAct {
    /// Nothing.
    Nothing,
    /// Send the request again.
    Send,
    /// Give the answer to whoever asked.
    Pass,
    /// Tell whoever asked that no answer came (408).
    TimedOut,
    /// Tell whoever asked that the transport failed (503).
    Unreachable,
}

impl ClientState {
    /// One row of the table.
    pub fn on(self, event: ClientEvent) -> (ClientState, ClientAct) {
        use ClientAct as A;
        use ClientEvent as E;
        use ClientState as S;
        match (self, event) {
            (S::Trying | S::Proceeding, E::Provisional) => (S::Proceeding, A::Nothing),
            (S::Trying | S::Proceeding, E::Final) => (S::Completed, A::Pass),
            (S::Trying, E::Resend) => (S::Trying, A::Send),
            (S::Proceeding, E::Resend) => (S::Proceeding, A::Send),
            (S::Trying | S::Proceeding, E::WaitOver) => (S::Terminated, A::TimedOut),
            (S::Trying | S::Proceeding, E::Broken) => (S::Terminated, A::Unreachable),
            (S::Completed, E::Provisional | E::Final) => (S::Completed, A::Nothing),
            (S::Completed, E::Resend | E::Broken) => (S::Completed, A::Nothing),
            (S::Completed, E::WaitOver) => (S::Terminated, A::Nothing),
            (S::Terminated, _) => (S::Terminated, A::Nothing),
        }
    }

    /// How long a state lasts that was just entered; timer F runs on from Trying to Proceeding.
    pub fn wait(self, reliable: bool) -> Wait {
        match self {
            ClientState::Trying | ClientState::Proceeding => Wait::For(GIVE_UP),
            ClientState::Completed if reliable => Wait::For(Period::ZERO),
            ClientState::Completed => Wait::For(T4),
            ClientState::Terminated => Wait::Never,
        }
    }

    /// Whether timer E runs.
    pub fn resends(self, reliable: bool) -> bool {
        matches!(self, ClientState::Trying | ClientState::Proceeding) && !reliable
    }
}
