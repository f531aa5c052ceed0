//! The non-INVITE server transaction (RFC 3261 section 17.2.2 with RFC 4320).
//!
//! RFC 4320 section 4: no provisional but 100, and that not before the client's timer E has
//! grown to T2; never a 408; no final answer after 64 × T1, for the client has given up.

use crate::model::Period;

use super::{GIVE_UP, Wait};

/// Where a request of theirs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Not answered. Ends by itself once the client has given up.
    Trying,
    /// Answered by 100.
    Proceeding,
    /// Finally answered. Timer J catches copies of the request.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerEvent {
    /// The request again.
    Again,
    /// The session sends 100.
    Provisional,
    /// The session sends 200 to 699.
    Final,
    /// Timer J, or the client's timer F.
    WaitOver,
    /// The transport cannot send.
    Broken,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAct {
    /// Nothing.
    Nothing,
    /// Send the answer at hand and keep it for copies.
    Send,
    /// Send the kept answer again.
    SendAgain,
}

impl ServerState {
    /// One row of the table.
    pub fn on(self, event: ServerEvent) -> (ServerState, ServerAct) {
        use ServerAct as A;
        use ServerEvent as E;
        use ServerState as S;
        match (self, event) {
            (S::Trying, E::Again) => (S::Trying, A::Nothing),
            (S::Trying | S::Proceeding, E::Provisional) => (S::Proceeding, A::Send),
            (S::Trying | S::Proceeding, E::Final) => (S::Completed, A::Send),
            (S::Trying | S::Proceeding, E::WaitOver) => (S::Terminated, A::Nothing),
            (S::Trying | S::Proceeding, E::Broken) => (S::Terminated, A::Nothing),
            (S::Proceeding, E::Again) => (S::Proceeding, A::SendAgain),
            (S::Completed, E::Again) => (S::Completed, A::SendAgain),
            (S::Completed, E::Provisional | E::Final) => (S::Completed, A::Nothing),
            (S::Completed, E::WaitOver | E::Broken) => (S::Terminated, A::Nothing),
            (S::Terminated, _) => (S::Terminated, A::Nothing),
        }
    }

    /// How long a state lasts that was just entered. Over a stream there are no copies to catch.
    pub fn wait(self, reliable: bool) -> Wait {
        match self {
            ServerState::Trying | ServerState::Proceeding => Wait::For(GIVE_UP),
            ServerState::Completed if reliable => Wait::For(Period::ZERO),
            ServerState::Completed => Wait::For(GIVE_UP),
            ServerState::Terminated => Wait::Never,
        }
    }
}
