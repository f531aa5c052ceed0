//! Telling people: messengers, mail and text messages, and the rules of what they are told.
//!
//! One file per channel. A channel reaches one recipient; `fan` makes an outlet of it that
//! brings one note to each of its recipients once, whatever is repeated. `rules` decides what is
//! told to whom and when; it is a pure value like the engine.

mod bucket;
mod email;
mod eskiz;
mod fan;
mod playmobile;
mod report;
mod rules;
mod rules_say;
mod sms;
mod telegram;
mod text;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::connect::http::Http;
use crate::model::Now;

pub use email::{Email, Security};
pub use eskiz::Eskiz;
pub use fan::{OFF, off_of};
pub use playmobile::PlayMobile;
pub use report::{Fared, Report, eskiz_report, keep_reports, playmobile_report};
pub use rules::{
    Audience, Detail, Escalation, Event, Fault, Input, NewAlert, Quiet, Rule, RuleBook, Rules,
};
pub use rules_say::test_message;
pub use sms::{Gateway, Success};
pub use telegram::Telegram;

/// The event of a message that a person sends to see whether a target works. It is also tried at
/// recipients that are switched off, and switches them on again when it arrives.
pub const TEST: &str = "test";

pub use crate::connect::deliver::Shelf;

/// Reads both clocks.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What the channels over HTTP share with everybody.
#[derive(Clone)]
pub struct Means {
    /// The way out.
    pub http: Http,
    /// What outlives a restart.
    pub shelf: Arc<dyn Shelf>,
    /// The clock.
    pub clock: Clock,
}

/// Our id of a text message at a gateway: letters and digits, 18 of them, the same at every
/// repetition to the same number and different for another.
fn sms_id(piece: fan::Piece<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(piece.note.id.as_bytes());
    hash.update([0]);
    hash.update(piece.to.as_bytes());
    let hex = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("nb{hex}")
}
