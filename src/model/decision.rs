//! Why somebody was, or was not, rung: the stored answer.

use serde::{Deserialize, Serialize};

use super::{CallId, EntryId, Name, Period, QueueId, Wall};

/// One reason why an operator does not sit on the bench, or sits there and was not picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Disabled by an administrator.
    Disabled,
    /// Signed out.
    Offline,
    /// On a break.
    OnBreak,
    /// Does not want to be disturbed.
    Dnd,
    /// No device of theirs can be reached.
    Unreachable,
    /// Nobody knows whether a device can be reached; bars owned calls only.
    ReachUnknown,
    /// Already carries as many offers as they may.
    Ringing,
    /// In a conversation.
    Talking,
    /// Finishing up after one.
    WrapUp,
    /// The queue's calendar is closed.
    QueueClosed,
    /// No member of this queue.
    NotMember,
    /// A skill is missing.
    SkillMissing,
    /// Did not take this very caller a moment ago.
    BackOff,
    /// No seat or licence.
    NoSeat,
    /// Excluded for this call (its own caller, or by a rule).
    Excluded,
    /// The device is in a call outside the queue.
    OutsideCall,
    /// Their tier is not open yet.
    TierClosed,
    /// Eligible; somebody else came first.
    NotTheirTurn,
    /// Eligible; the fan-out was full.
    BeyondFanOut,
    /// Eligible; kept for another waiting caller.
    HeldForOther,
    /// The caller first waits for a responsible operator.
    StickyHold,
}

/// A set of reasons, one bit each, so that judging ten thousand operators allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ruling(pub u32);

impl Why {
    /// All of them, in the order texts list them.
    pub const ALL: [Why; 21] = [
        Why::Disabled,
        Why::Offline,
        Why::OnBreak,
        Why::Dnd,
        Why::Unreachable,
        Why::ReachUnknown,
        Why::Ringing,
        Why::Talking,
        Why::WrapUp,
        Why::QueueClosed,
        Why::NotMember,
        Why::SkillMissing,
        Why::BackOff,
        Why::NoSeat,
        Why::Excluded,
        Why::OutsideCall,
        Why::TierClosed,
        Why::NotTheirTurn,
        Why::BeyondFanOut,
        Why::HeldForOther,
        Why::StickyHold,
    ];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Ruling {
    /// Nothing against them.
    pub const ELIGIBLE: Ruling = Ruling(0);

    /// Adds a reason when `failed` holds.
    pub const fn with(self, why: Why, failed: bool) -> Ruling {
        if failed { Ruling(self.0 | why.bit()) } else { self }
    }

    /// Takes a reason away, for readers to whom it does not matter.
    pub const fn without(self, why: Why) -> Ruling {
        Ruling(self.0 & !why.bit())
    }

    /// The reasons of both.
    pub const fn and(self, other: Ruling) -> Ruling {
        Ruling(self.0 | other.0)
    }

    /// Whether a reason is among them.
    pub const fn has(self, why: Why) -> bool {
        self.0 & why.bit() != 0
    }

    /// Whether nothing stands against them.
    pub const fn is_eligible(self) -> bool {
        self.0 == 0
    }

    /// The reasons, in the order of [`Why::ALL`].
    pub fn reasons(self) -> impl Iterator<Item = Why> {
        Why::ALL.into_iter().filter(move |why| self.has(*why))
    }
}

/// One member as a decision saw them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The operator.
    pub operator: Name,
    /// Their tier, from 0.
    pub tier: u8,
    /// The strategy's key; the smallest goes first. Its unit is the strategy's.
    pub key: i64,
    /// Everything that stood against them; empty for whom the call was offered to.
    pub ruling: Ruling,
    /// Whether this round offered them the call.
    pub chosen: bool,
}

/// What makes an operator responsible for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// The owner of the client's deal or contact, as the CRM says.
    Owner,
    /// The last who talked with the client.
    #[default]
    Talked,
    /// The last who dialled the client.
    Dialled,
    /// Stands in for the responsible operator, who is away.
    Deputy,
}

impl Tie {
    /// The word used in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Tie::Owner => "owner",
            Tie::Talked => "talked",
            Tie::Dialled => "dialled",
            Tie::Deputy => "deputy",
        }
    }
}

/// Who went before the others, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// The operator.
    pub operator: Name,
    /// What makes them responsible.
    pub by: Tie,
}

/// What a step of an overflow chain did with a caller who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Hop {
    /// Every tier up to this one is open for them, whatever their time; from 0.
    TierOpened {
        /// The highest.
        tier: u8,
    },
    /// They need a skill no longer.
    SkillRelaxed {
        /// Which.
        skill: Name,
    },
    /// Members of another queue may be rung for them too; they keep their place in their own.
    QueueAdded {
        /// Ours.
        id: QueueId,
        /// Its name.
        queue: Name,
    },
    /// They wait in another queue.
    Moved {
        /// Its name.
        queue: Name,
    },
    /// A number outside is rung for them.
    DialledOut,
    /// They are called back later and keep their place.
    Callback,
    /// They are asked for a message.
    Voicemail,
    /// They are let go of with an announcement.
    Announced {
        /// The announcement's name.
        say: String,
    },
    /// They are let go of.
    Ended,
}

impl Hop {
    /// The word used in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Hop::TierOpened { .. } => "tier_opened",
            Hop::SkillRelaxed { .. } => "skill_relaxed",
            Hop::QueueAdded { .. } => "queue_added",
            Hop::Moved { .. } => "moved",
            Hop::DialledOut => "dialled_out",
            Hop::Callback => "callback",
            Hop::Voicemail => "voicemail",
            Hop::Announced { .. } => "announced",
            Hop::Ended => "ended",
        }
    }

    /// What it is about: a tier counted from 1, a skill, a queue, an announcement.
    pub fn of(&self) -> Option<String> {
        match self {
            Hop::TierOpened { tier } => Some((u16::from(*tier) + 1).to_string()),
            Hop::SkillRelaxed { skill: name }
            | Hop::QueueAdded { queue: name, .. }
            | Hop::Moved { queue: name } => Some(name.as_str().to_owned()),
            Hop::Announced { say } => Some(say.clone()),
            Hop::DialledOut | Hop::Callback | Hop::Voicemail | Hop::Ended => None,
        }
    }
}

/// One step of an overflow chain that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopTaken {
    /// Its place in the queue's `overflow`, from 0.
    pub step: u8,
    /// What it did.
    pub hop: Hop,
}

/// One round of one entry, or one step of its overflow: who was judged how, and who was picked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The call.
    pub call: CallId,
    /// The wait it is about.
    pub entry: EntryId,
    /// Where.
    pub queue: Name,
    /// From 1, per entry.
    pub round: u32,
    /// When.
    pub at: Wall,
    /// How long the caller had waited, from the first entry of the chain.
    pub waited: Period,
    /// The strategy's name in the configuration.
    pub strategy: String,
    /// Which configuration it was made with.
    pub config: String,
    /// The highest tier that was open.
    pub tier: u8,
    /// The seed of a random choice.
    pub seed: Option<u64>,
    /// The responsible operator, where the round began with one.
    #[serde(default)]
    pub first: Option<First>,
    /// The caller's class at that moment.
    #[serde(default)]
    pub class: u8,
    /// Skills that the queue needs and this caller does so no longer, by a step of the overflow.
    #[serde(default)]
    pub relaxed: Vec<Name>,
    /// The step of the overflow that was taken; such a record lists no members.
    #[serde(default)]
    pub hop: Option<HopTaken>,
    /// Whether `members` holds every member of the queue. Else: those chosen and those whose
    /// ruling changed since the last decision of this queue.
    pub whole: bool,
    /// The members.
    pub members: Vec<Pick>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OfferId, OperatorId, Record};

    #[test]
    fn records_of_the_versions_before_the_steps_told_what_they_did_are_read() {
        let read = |text: &str| serde_json::from_str::<Record>(text).unwrap();
        let taken = read(r#"{"record":"overflow_taken","entry":7,"step":1}"#);
        assert_eq!(taken, Record::OverflowTaken { entry: EntryId(7), step: 1, hop: None });
        let call = uuid::Uuid::nil();
        let made = read(&format!(
            r#"{{"record":"offer_made","offer":1,"call":"{call}","entry":7,"operator":2,
                 "leg":null,"round":1,"ring_until":null,"lease_until":9}}"#
        ));
        let Record::OfferMade { offer, operator, queue, .. } = made else { panic!("{made:?}") };
        assert_eq!((offer, operator, queue), (OfferId(1), OperatorId(2), None));
        let decided = read(&format!(
            r#"{{"record":"decided","call":"{call}","entry":7,"queue":"sales","round":1,
                 "at":0,"waited":"1s","strategy":"linear","config":"c1",
                 "tier":0,"seed":null,"whole":true,"members":[]}}"#
        ));
        let Record::Decided(decision) = decided else { panic!("{decided:?}") };
        assert_eq!((decision.hop, decision.relaxed), (None, Vec::new()));
    }
}
