//! The INVITE server transaction (RFC 3261 section 17.2.1 with RFC 6026 section 8.5).

use crate::model::Period;

use super::{GIVE_UP, T4, Wait};

/// Where an INVITE of theirs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteServerState {
    /// Not finally answered.
    Proceeding,
    /// Answered by a 2xx, which the session repeats until the ACK (RFC 6026). Timer L ends it.
    Accepted,
    /// Refused, not acknowledged. Timer G repeats the refusal over UDP, timer H gives up.
    Completed,
    /// Refused and acknowledged. Timer I catches copies of the ACK.
    Confirmed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteServerEvent {
    /// The INVITE again.
    Again,
    /// The session sends 101 to 199.
    Provisional,
    /// The session sends 200 to 299.
    Success,
    /// The session sends 300 to 699.
    Failure,
    /// An ACK with this transaction's branch.
    Ack,
    /// Timer G.
    Resend,
    /// Timer H, I or L, whichever the state runs.
    WaitOver,
    /// The transport cannot send.
    Broken,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteServerAct {
    /// Nothing.
    Nothing,
    /// Send the answer at hand and keep it for copies.
    Send,
    /// Send the kept answer again.
    SendAgain,
    /// Tell the session that its refusal was never acknowledged, or cannot be sent.
    Lost,
}

impl InviteServerState {
    /// One row of the table.
    pub fn on(self, event: InviteServerEvent) -> (InviteServerState, InviteServerAct) {
        use InviteServerAct as A;
        use InviteServerEvent as E;
        use InviteServerState as S;
        match (self, event) {
            (S::Proceeding, E::Again) => (S::Proceeding, A::SendAgain),
            (S::Proceeding, E::Provisional) => (S::Proceeding, A::Send),
            (S::Proceeding, E::Success) => (S::Accepted, A::Send),
            (S::Proceeding, E::Failure) => (S::Completed, A::Send),
            (S::Proceeding, E::Ack | E::Resend | E::WaitOver) => (S::Proceeding, A::Nothing),
            (S::Proceeding, E::Broken) => (S::Terminated, A::Lost),
            // Copies of the INVITE are absorbed: the session repeats the 2xx by its own timer.
            (S::Accepted, E::Again | E::Ack) => (S::Accepted, A::Nothing),
            (S::Accepted, E::Success) => (S::Accepted, A::Send),
            (S::Accepted, E::Provisional | E::Failure) => (S::Accepted, A::Nothing),
            (S::Accepted, E::Resend | E::Broken) => (S::Accepted, A::Nothing),
            (S::Accepted, E::WaitOver) => (S::Terminated, A::Nothing),
            (S::Completed, E::Again | E::Resend) => (S::Completed, A::SendAgain),
            (S::Completed, E::Ack) => (S::Confirmed, A::Nothing),
            (S::Completed, E::Provisional | E::Success) => (S::Completed, A::Nothing),
            (S::Completed, E::Failure) => (S::Completed, A::Nothing),
            (S::Completed, E::WaitOver | E::Broken) => (S::Terminated, A::Lost),
            (S::Confirmed, E::Again | E::Ack | E::Resend) => (S::Confirmed, A::Nothing),
            (S::Confirmed, E::Provisional | E::Success) => (S::Confirmed, A::Nothing),
            (S::Confirmed, E::Failure | E::Broken) => (S::Confirmed, A::Nothing),
            (S::Confirmed, E::WaitOver) => (S::Terminated, A::Nothing),
            (S::Terminated, _) => (S::Terminated, A::Nothing),
        }
    }

    /// How long the state lasts by itself: timers L, H and I.
    pub fn wait(self, reliable: bool) -> Wait {
        match self {
            InviteServerState::Proceeding | InviteServerState::Terminated => Wait::Never,
            InviteServerState::Accepted | InviteServerState::Completed => Wait::For(GIVE_UP),
            InviteServerState::Confirmed if reliable => Wait::For(Period::ZERO),
            InviteServerState::Confirmed => Wait::For(T4),
        }
    }

    /// Whether timer G runs.
    pub fn resends(self, reliable: bool) -> bool {
        self == InviteServerState::Completed && !reliable
    }
}
