//! Missed-call episodes as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Closing, EpisodeRow, EpisodeState, EpisodeStep, Wall};
use crate::web::sight::{Eyes, Phone, Sight};

use super::{maybe_stamp, maybe_text, seconds, stamp, text};

/// One row of the workbench.
#[derive(Debug, Serialize, ToSchema)]
pub struct EpisodeView {
    /// Ours.
    pub id: u64,
    /// The client; null for callers without a number.
    pub client: Option<Phone>,
    /// Queues of one group share episodes.
    pub group: String,
    /// The queue of the last missed call.
    pub queue: String,
    /// Missed calls folded into it.
    pub count: usize,
    /// Their ids.
    pub calls: Vec<String>,
    /// When the first was lost.
    pub first_at: String,
    /// When the last was lost.
    pub last_at: String,
    /// How long the last one waited.
    pub waited_seconds: Option<f64>,
    /// Why the last one was missed.
    pub reason: &'static str,
    /// Where it stands.
    pub state: EpisodeStateView,
    /// Who is to call back.
    pub owner: Option<String>,
    /// By when.
    pub due_at: Option<String>,
    /// Whether that is past; null on the live stream, where the page's clock decides.
    pub overdue: Option<bool>,
    /// Attempts at calling back.
    pub attempts: Vec<AttemptView>,
    /// How many of them are over and reached nobody.
    pub no_contact: usize,
    /// What was done to get somebody to call back, the latest last.
    pub steps: Vec<StepView>,
    /// When the next step is due unless somebody attempts; null where none is.
    pub step_at: Option<String>,
}

/// Where an episode stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum EpisodeStateView {
    /// Nobody's yet.
    Open,
    /// Somebody's.
    Assigned,
    /// Being called right now.
    Attempting {
        /// Who calls.
        operator: String,
        /// When the lock lapses.
        until: String,
    },
    /// Called back without reaching the client.
    NoContact,
    /// Done.
    Closed {
        /// `called_back`, `client_redialled`, `answered` (its answer was told late), `dismissed`, `expired` or `merged`.
        how: &'static str,
        /// When.
        at: String,
        /// The conversation.
        call: Option<String>,
        /// Whether a call back was in time.
        in_time: Option<bool>,
        /// Why a person closed it.
        reason: Option<String>,
        /// Who closed it.
        by: Option<String>,
    },
}

/// One step towards somebody calling back.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepView {
    /// `assigned` (by a person), `offered` (a callback whose turn came), `reminded`, `moved` (to
    /// the next owner) or `supervisor`.
    pub kind: &'static str,
    /// Whom it concerns.
    pub owner: Option<String>,
    /// When.
    pub at: String,
}

/// One attempt at calling back.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    /// The call.
    pub call: String,
    /// Who placed it.
    pub operator: Option<String>,
    /// When.
    pub at: String,
}

impl EpisodeView {
    /// Shows an episode; `now` decides whether it is overdue.
    pub fn of(row: &EpisodeRow, sight: Sight, eyes: &Eyes, now: Option<Wall>) -> EpisodeView {
        let over = matches!(row.state, EpisodeState::Closed(_));
        EpisodeView {
            id: row.id.0,
            client: row.client.as_ref().and_then(|number| eyes.phone(number, sight)),
            group: text(&row.group),
            queue: text(&row.queue),
            count: row.calls.len(),
            calls: row.calls.iter().map(ToString::to_string).collect(),
            first_at: stamp(row.first_at),
            last_at: stamp(row.last_at),
            waited_seconds: seconds(row.waited),
            reason: row.reason.word(),
            state: state(&row.state),
            owner: maybe_text(row.owner.as_ref()),
            due_at: maybe_stamp(row.due_at),
            overdue: now.map(|now| !over && row.due_at.is_some_and(|due| due < now)),
            attempts: row
                .attempts
                .iter()
                .map(|attempt| AttemptView {
                    call: attempt.call.to_string(),
                    operator: maybe_text(attempt.operator.as_ref()),
                    at: stamp(attempt.at),
                })
                .collect(),
            no_contact: row.no_contact(),
            steps: row.steps.iter().map(step).collect(),
            step_at: maybe_stamp(row.step_at.filter(|_| !over)),
        }
    }
}

fn step(step: &EpisodeStep) -> StepView {
    StepView { kind: step.kind.word(), owner: maybe_text(step.owner.as_ref()), at: stamp(step.at) }
}

fn state(state: &EpisodeState) -> EpisodeStateView {
    match state {
        EpisodeState::Open => EpisodeStateView::Open,
        EpisodeState::Assigned => EpisodeStateView::Assigned,
        EpisodeState::Attempting { operator, until } => {
            EpisodeStateView::Attempting { operator: text(operator), until: stamp(*until) }
        }
        EpisodeState::NoContact => EpisodeStateView::NoContact,
        EpisodeState::Closed(closing) => closed(closing),
    }
}

fn closed(closing: &Closing) -> EpisodeStateView {
    let (how, at) = match closing {
        Closing::CalledBack { at, .. } => ("called_back", at),
        Closing::ClientRedialled { at, .. } => ("client_redialled", at),
        Closing::Answered { at, .. } => ("answered", at),
        Closing::Dismissed { at, .. } => ("dismissed", at),
        Closing::Expired { at } => ("expired", at),
        Closing::Merged { at, .. } => ("merged", at),
    };
    let (call, in_time) = match closing {
        Closing::CalledBack { call, in_time, .. } => (Some(call.to_string()), Some(*in_time)),
        Closing::ClientRedialled { call, .. } | Closing::Answered { call, .. } => {
            (Some(call.to_string()), None)
        }
        Closing::Dismissed { .. } | Closing::Expired { .. } | Closing::Merged { .. } => {
            (None, None)
        }
    };
    let (reason, by) = match closing {
        Closing::Dismissed { reason, by, .. } => (Some(reason.clone()), Some(text(by))),
        Closing::CalledBack { .. }
        | Closing::ClientRedialled { .. }
        | Closing::Answered { .. }
        | Closing::Expired { .. }
        | Closing::Merged { .. } => (None, None),
    };
    EpisodeStateView::Closed { how, at: stamp(*at), call, in_time, reason, by }
}
