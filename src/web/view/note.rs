//! Notes of the outbox and targets as the API shows them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::connect::deliver::TargetHealth;
use crate::model::Wall;
use crate::store::{NoteCount, NoteRow, NoteState, PopToldRow};
use crate::web::sight::Sight;

use super::{hide_secrets, maybe_stamp, scrub, stamp, text};

/// A note of the outbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoteView {
    /// Ours.
    pub id: String,
    /// Target, call and action; the same at every repetition.
    pub once_key: String,
    /// The CRM or messenger.
    pub target: String,
    /// The call it tells of.
    pub call: Option<String>,
    /// `call`, `call_back`, `reached`, `event` or `message`.
    pub kind: String,
    /// Which version of the thing told.
    pub revision: u64,
    /// `pending`, `in_flight`, `ambiguous` (it may have arrived and is looked up), `done`,
    /// `skipped`, `dead` (it never will, mend it) or `unclear` (nobody can find out).
    pub state: &'static str,
    /// Attempts.
    pub tries: u64,
    /// When it is tried, or looked up, next; null when it is over.
    pub due_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was over.
    pub ended_at: Option<String>,
    /// What was said last.
    pub why: Option<String>,
}

/// A note with everything in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoteDetailView {
    /// The note.
    #[serde(flatten)]
    pub note: NoteView,
    /// What is told.
    #[schema(value_type = Object)]
    pub body: Value,
    /// What an earlier delivery left: ids at the target.
    #[schema(value_type = Object)]
    pub external: Value,
}

/// A CRM or messenger, and how it fares.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetView {
    /// Its name in the configuration.
    pub name: String,
    /// Its kind there.
    pub kind: &'static str,
    /// Whether nothing leaves.
    pub dry_run: bool,
    /// `ok`, `dry_run`, `failing`, `limited`, or what the target calls it, like `needs_reauth`.
    pub state: &'static str,
    /// What was said last that was no success.
    pub why: Option<String>,
    /// Since when it is so.
    pub since: String,
    /// When something last worked; null since the start.
    pub works_at: Option<String>,
    /// Notes that arrived since the start.
    pub sent: u64,
    /// Notes that wait.
    pub waiting: u64,
    /// Notes that never will arrive.
    pub dead: u64,
    /// Notes of which nobody can find out.
    pub unclear: u64,
    /// Since when the oldest waits.
    pub oldest_at: Option<String>,
}

/// How a call was told outside: a card at a CRM, or a note.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// `pop` or `crm`.
    pub stage: &'static str,
    /// The target.
    pub target: String,
    /// Whose card; null for notes.
    pub operator: Option<String>,
    /// The kind of the note; null for cards.
    pub note: Option<String>,
    /// The note's id; null for cards.
    pub id: Option<String>,
    /// `shown` or `not_shown` of a card; the state of a note.
    pub state: &'static str,
    /// When the card left, or the note was over.
    pub at: Option<String>,
    /// What was said last.
    pub why: Option<String>,
}

/// Text of outside as a reader may see it.
fn shown(text: &str, sight: Sight) -> String {
    let text = hide_secrets(text);
    if sight == Sight::Whole { text } else { scrub(&text, &[]) }
}

/// The note of a call that arrived first at a CRM or a receiver of events, and when. A message to
/// people is no sign that the call is on record there.
pub fn first_told(notes: &[NoteRow]) -> Option<(&NoteRow, Wall)> {
    let done = notes.iter().filter(|note| note.state == NoteState::Done && note.kind != "message");
    done.filter_map(|note| Some((note, note.ended_at?))).min_by_key(|(_, at)| *at)
}

impl NoteView {
    /// Shows a note.
    pub fn of(note: &NoteRow, sight: Sight) -> NoteView {
        NoteView {
            id: note.id.clone(),
            once_key: note.once_key.clone(),
            target: text(&note.target),
            call: note.call.map(|call| call.to_string()),
            kind: note.kind.clone(),
            revision: note.revision,
            state: note.state.word(),
            tries: note.tries,
            due_at: note.state.is_waiting().then(|| stamp(note.due_at)),
            created_at: stamp(note.created_at),
            ended_at: maybe_stamp(note.ended_at),
            why: note.told.as_deref().map(|told| shown(told, sight)),
        }
    }
}

impl NoteDetailView {
    /// Shows a note with its body.
    pub fn of(note: &NoteRow, sight: Sight) -> NoteDetailView {
        let read = |json: &str| covered(serde_json::from_str(json).unwrap_or_default(), sight);
        NoteDetailView {
            note: NoteView::of(note, sight),
            body: read(&note.body),
            external: note.external.as_deref().map_or(Value::Null, read),
        }
    }
}

/// A document with its texts covered for readers who may not see numbers; its shape stays.
fn covered(value: Value, sight: Sight) -> Value {
    match value {
        Value::String(text) => Value::String(shown(&text, sight)),
        Value::Array(items) => items.into_iter().map(|item| covered(item, sight)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, covered(value, sight))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

impl TargetView {
    /// Shows a target with the counts of its notes.
    pub fn of(health: &TargetHealth, counts: &[NoteCount], sight: Sight) -> TargetView {
        let own = || counts.iter().filter(|count| count.target == health.name);
        let of = |state| own().find(|count| count.state == state).map_or(0, |count| count.count);
        let waiting = || own().filter(|count| count.state.is_waiting());
        let oldest: Option<Wall> = waiting().map(|count| count.oldest).min();
        TargetView {
            name: text(&health.name),
            kind: health.kind,
            dry_run: health.dry_run,
            state: health.state,
            why: health.why.as_deref().map(|why| shown(why, sight)),
            since: stamp(health.since),
            works_at: maybe_stamp(health.works_at),
            sent: health.sent,
            waiting: waiting().map(|count| count.count).sum(),
            dead: of(NoteState::Dead),
            unclear: of(NoteState::Unclear),
            oldest_at: maybe_stamp(oldest),
        }
    }
}

impl DeliveryView {
    /// Shows how a card fared.
    pub fn of_pop(told: &PopToldRow, sight: Sight) -> DeliveryView {
        DeliveryView {
            stage: "pop",
            target: text(&told.target),
            operator: Some(text(&told.operator)),
            note: None,
            id: None,
            state: if told.shown { "shown" } else { "not_shown" },
            at: maybe_stamp(told.left_at),
            why: told.why.as_deref().map(|why| shown(why, sight)),
        }
    }

    /// Shows how a note fares.
    pub fn of_note(note: &NoteRow, sight: Sight) -> DeliveryView {
        DeliveryView {
            stage: "crm",
            target: text(&note.target),
            operator: None,
            note: Some(note.kind.clone()),
            id: Some(note.id.clone()),
            state: note.state.word(),
            at: maybe_stamp(note.ended_at),
            why: note.told.as_deref().map(|why| shown(why, sight)),
        }
    }
}
