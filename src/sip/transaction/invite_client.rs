//! The INVITE client transaction (RFC 3261 section 17.1.1 with RFC 6026 section 8.4).

use crate::model::Period;

use super::{GIVE_UP, Wait};

/// Where an INVITE of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteClientState {
    /// Sent, nothing heard. Timer A repeats it over UDP, timer B gives up.
    Calling,
    /// A provisional answer came.
    Proceeding,
    /// A 2xx came; more may follow from other forks (RFC 6026). Timer M ends it.
    Accepted,
    /// A refusal came and was acknowledged. Timer D catches its copies.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteClientEvent {
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// 300 to 699.
    Failure,
    /// Timer A.
    Resend,
    /// Timer B, C, D or M, whichever the state runs.
    WaitOver,
    /// The transport cannot send.
    Broken,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteClientAct {
    /// Nothing.
    Nothing,
    /// Send the request again.
    Send,
    /// Give the answer to the session.
    Pass,
    /// Acknowledge the refusal and give it to the session.
    AckAndPass,
    /// Acknowledge the refusal again.
    Ack,
    /// Tell the session that no answer came (408).
    TimedOut,
    /// Tell the session that the transport failed (503).
    Unreachable,
}

impl InviteClientState {
    /// One row of the table.
    pub fn on(self, event: InviteClientEvent) -> (InviteClientState, InviteClientAct) {
        use InviteClientAct as A;
        use InviteClientEvent as E;
        use InviteClientState as S;
        match (self, event) {
            (S::Calling, E::Provisional) => (S::Proceeding, A::Pass),
            (S::Calling, E::Success) => (S::Accepted, A::Pass),
            (S::Calling, E::Failure) => (S::Completed, A::AckAndPass),
            (S::Calling, E::Resend) => (S::Calling, A::Send),
            (S::Calling, E::WaitOver) => (S::Terminated, A::TimedOut),
            (S::Calling, E::Broken) => (S::Terminated, A::Unreachable),
            (S::Proceeding, E::Provisional) => (S::Proceeding, A::Pass),
            (S::Proceeding, E::Success) => (S::Accepted, A::Pass),
            (S::Proceeding, E::Failure) => (S::Completed, A::AckAndPass),
            (S::Proceeding, E::Resend) => (S::Proceeding, A::Nothing),
            // By itself this state lasts for ever; who waits may set it an end (timer C).
            (S::Proceeding, E::WaitOver) => (S::Terminated, A::TimedOut),
            (S::Proceeding, E::Broken) => (S::Terminated, A::Unreachable),
            (S::Accepted, E::Success) => (S::Accepted, A::Pass),
            (S::Accepted, E::Provisional | E::Failure) => (S::Accepted, A::Nothing),
            (S::Accepted, E::Resend | E::Broken) => (S::Accepted, A::Nothing),
            (S::Accepted, E::WaitOver) => (S::Terminated, A::Nothing),
            (S::Completed, E::Failure) => (S::Completed, A::Ack),
            (S::Completed, E::Provisional | E::Success) => (S::Completed, A::Nothing),
            (S::Completed, E::Resend) => (S::Completed, A::Nothing),
            // The refusal has been passed on already; only its acknowledgement was lost.
            (S::Completed, E::WaitOver | E::Broken) => (S::Terminated, A::Nothing),
            (S::Terminated, _) => (S::Terminated, A::Nothing),
        }
    }

    /// How long the state lasts by itself: timers B, M and D.
    pub fn wait(self, reliable: bool) -> Wait {
        match self {
            InviteClientState::Calling | InviteClientState::Accepted => Wait::For(GIVE_UP),
            InviteClientState::Proceeding | InviteClientState::Terminated => Wait::Never,
            InviteClientState::Completed if reliable => Wait::For(Period::ZERO),
            InviteClientState::Completed => Wait::For(GIVE_UP),
        }
    }

    /// Whether timer A runs.
    pub fn resends(self, reliable: bool) -> bool {
        self == InviteClientState::Calling && !reliable
    }
}
