//! What a record is to those who store it: its word, whether a crash may take it, and which
//! earlier record it makes needless.

use super::Authority;
use super::record::{Record, Whole};

impl Record {
    /// Whether a crash must not forget it although nobody waits for its commit: a call that no
    /// provider will tell of again, and a client who is to be called back.
    pub const fn must_be_found(&self) -> bool {
        matches!(
            self,
            Record::CallArrived { authority: Authority::Owned, .. } | Record::TokenMade { .. }
        )
    }

    /// What it tells of as a whole, so that an earlier record of the same need not be written
    /// where this one is. The end of a leg tells nothing of how the leg was.
    pub const fn replaces(&self) -> Option<Whole> {
        if let Record::CallSaved(call) = self {
            Some(Whole::Call(call.id))
        } else if let Record::LegKept { leg, dialog } = self
            && !dialog.is_empty()
        {
            Some(Whole::Leg(*leg))
        } else {
            None
        }
    }

    /// Whether it is for the lines alone: the engine passes over it and screens show nothing of it.
    pub const fn is_of_lines(&self) -> bool {
        matches!(
            self,
            Record::LegKept { .. }
                | Record::InviteKept { .. }
                | Record::BindingKept { .. }
                | Record::BindingGone { .. }
                | Record::OutsideCounted { .. }
        )
    }

    /// The kind's word, as in the serialised form.
    pub const fn word(&self) -> &'static str {
        match self {
            Record::Heard { .. } => "heard",
            Record::OperatorNamed { .. } => "operator_named",
            Record::QueueNamed { .. } => "queue_named",
            Record::SeatsKept { .. } => "seats_kept",
            Record::DayTurned { .. } => "day_turned",
            Record::IntentSet { .. } => "intent_set",
            Record::ReachSet { .. } => "reach_set",
            Record::WrapUpStarted { .. } => "wrap_up_started",
            Record::WrapUpEnded { .. } => "wrap_up_ended",
            Record::CallArrived { .. } => "call_arrived",
            Record::CallKeyed { .. } => "call_keyed",
            Record::FactLearned { .. } => "fact_learned",
            Record::CallTold { .. } => "call_told",
            Record::CallPlaced { .. } => "call_placed",
            Record::Conversed { .. } => "conversed",
            Record::Dialled { .. } => "dialled",
            Record::CallDirected { .. } => "call_directed",
            Record::CallCarried { .. } => "call_carried",
            Record::StepTaken { .. } => "step_taken",
            Record::PartiesJoined { .. } => "parties_joined",
            Record::TalkStopped { .. } => "talk_stopped",
            Record::LegChosen { .. } => "leg_chosen",
            Record::LegDropped { .. } => "leg_dropped",
            Record::OfferedDirectly { .. } => "offered_directly",
            Record::TransferBegan { .. } => "transfer_began",
            Record::TransferOver { .. } => "transfer_over",
            Record::LegPassed { .. } => "leg_passed",
            Record::CallJudged { .. } => "call_judged",
            Record::CallEnded { .. } => "call_ended",
            Record::CallSettled { .. } => "call_settled",
            Record::CallForgotten { .. } => "call_forgotten",
            Record::ResultSet { .. } => "result_set",
            Record::LegMade { .. } => "leg_made",
            Record::LegMoved { .. } => "leg_moved",
            Record::EntryQueued { .. } => "entry_queued",
            Record::EntryTold { .. } => "entry_told",
            Record::OwnerAsked { .. } => "owner_asked",
            Record::OwnerTold { .. } => "owner_told",
            Record::OwnerInformed { .. } => "owner_informed",
            Record::StickyHeld { .. } => "sticky_held",
            Record::StickyLetGo { .. } => "sticky_let_go",
            Record::PassEnded { .. } => "pass_ended",
            Record::OverflowTaken { .. } => "overflow_taken",
            Record::ClaimMade { .. } => "claim_made",
            Record::ClaimUndone { .. } => "claim_undone",
            Record::EntryDone { .. } => "entry_done",
            Record::TokenMade { .. } => "token_made",
            Record::TokenWoken { .. } => "token_woken",
            Record::TokenSlept { .. } => "token_slept",
            Record::ClientOnLine { .. } => "client_on_line",
            Record::TokenLent { .. } => "token_lent",
            Record::TokenClosed { .. } => "token_closed",
            Record::OfferMade { .. } => "offer_made",
            Record::OfferRinging { .. } => "offer_ringing",
            Record::OfferAnswered { .. } => "offer_answered",
            Record::OfferOver { .. } => "offer_over",
            Record::TalkEnded { .. } => "talk_ended",
            Record::OfferTold(_) => "offer_told",
            Record::CallSaved(_) => "call_saved",
            Record::EpisodeSaved(_) => "episode_saved",
            Record::EpisodeForgotten { .. } => "episode_forgotten",
            Record::Decided(_) => "decided",
            Record::OperatorSaved(_) => "operator_saved",
            Record::LegKept { .. } => "leg_kept",
            Record::InviteKept { .. } => "invite_kept",
            Record::BindingKept { .. } => "binding_kept",
            Record::BindingGone { .. } => "binding_gone",
            Record::OutsideCounted { .. } => "outside_counted",
        }
    }
}
