//! What a CRM or a messenger is to be told: the body of a row in the outbox.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CallId, CallRow, Wall};

/// One thing to tell one target. A later note of the same once-only key amends the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum NoteBody {
    /// A settled call, for the log of a CRM. A later revision of the row amends the same entry.
    Call {
        /// The call as it settled.
        call: Box<CallRow>,
    },
    /// Nobody talked with this client: a task in a CRM to call back.
    CallBack {
        /// The missed call.
        call: Box<CallRow>,
    },
    /// The client of a missed call was reached: its task in a CRM is done. It only amends the note
    /// of that task.
    Reached {
        /// The missed call.
        call: CallId,
        /// When they were reached.
        at: Wall,
    },
    /// An event for an outgoing webhook.
    Event {
        /// The kind, `call.settled` and the like.
        event: String,
        /// When it happened.
        at: Wall,
        /// Flat fields by name.
        fields: Value,
    },
    /// A text for people.
    Message(Box<Message>),
}

/// A text for people, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The event of the rule that asked for it, `missed` and the like.
    pub event: String,
    /// The first line.
    pub title: String,
    /// The rest: plain text with line breaks, numbers already masked.
    pub text: String,
    /// Where to read on.
    pub link: Option<String>,
    /// The call it is about, if one.
    pub call: Option<CallId>,
}
