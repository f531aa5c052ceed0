//! The three axes of an operator: what they want, what their device says, what they are doing.

use serde::{Deserialize, Serialize};

use super::{Mono, Name, Wall};

/// What the person chose. Written only by a person, a supervisor, the schedule or auto-pause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Intent {
    /// Signed out of the queue.
    Offline,
    /// Takes calls.
    Ready,
    /// Away for a while.
    Break {
        /// Why, in the site's own words.
        reason: String,
        /// When they mean to be back; the board marks who is over it.
        planned_end: Option<Wall>,
    },
    /// Signed in, wants no calls.
    Dnd,
    /// Switched off by an administrator.
    Disabled,
}

/// Who moved the intent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum By {
    /// The operator.
    Person,
    /// Somebody else, by login.
    Supervisor {
        /// The login of who did it.
        login: Name,
    },
    /// `ready = "always"` and the calendar, or the end of a timed pause.
    Schedule,
    /// The rule on misses in a row.
    AutoPause {
        /// What was missed for.
        cause: PauseCause,
        /// How many in a row.
        misses: u32,
    },
    /// The configuration (disabled, removed).
    Config,
}

/// Why an automatic pause came: the first waits for the person, the second heals itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseCause {
    /// Rang and was not picked up.
    NoAnswer,
    /// The telephone could not be reached.
    Unreachable,
}

/// What is known of a device. Written only by registrar, probe or provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Proven: registered, or rang or answered lately.
    Reachable,
    /// Proven not to be.
    Unreachable,
    /// Nobody told us.
    Unknown,
}

/// What an operator is doing. Worked out from offers, legs and wrap-up; nobody can write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Work {
    /// Nothing.
    Idle,
    /// Offers on the way that do not ring yet.
    Dialing,
    /// A telephone of theirs rings.
    Ringing,
    /// In a conversation.
    Talking,
    /// Finishing up after one.
    WrapUp {
        /// The moment it ends by itself.
        until: Mono,
    },
}
