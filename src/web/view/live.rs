//! Operators, queues and cards as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{self, By, Intent, PauseCause, PopState, Reach, WithdrawnBecause, Work};
use crate::web::sight::{Eyes, Phone, Sight, kind_word};

use super::{authority_word, direction_word, maybe_stamp, maybe_text, stamp, text};

/// An operator on the three axes.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatorView {
    /// Ours.
    pub id: u32,
    /// Unique.
    pub name: String,
    /// The login of their panel.
    pub login: Option<String>,
    /// What they chose.
    pub intent: IntentView,
    /// Since when.
    pub intent_since: String,
    /// Who chose it.
    pub intent_by: ByView,
    /// `reachable`, `unreachable` or `unknown`.
    pub reach: &'static str,
    /// Since when.
    pub reach_since: String,
    /// What they are doing.
    pub work: WorkView,
    /// Since when.
    pub work_since: String,
    /// The end of wrap-up, for the countdown.
    pub wrap_up_until: Option<String>,
    /// Queues they are a member of.
    pub queues: Vec<String>,
}

/// What an operator chose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum IntentView {
    /// Signed out of the queue.
    Offline,
    /// Takes calls.
    Ready,
    /// Away for a while.
    Break {
        /// Why.
        reason: String,
        /// When they mean to be back.
        planned_end: Option<String>,
    },
    /// Wants no calls.
    Dnd,
    /// Switched off.
    Disabled,
}

/// Who moved the intent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum ByView {
    /// The operator.
    Person,
    /// Somebody else.
    Supervisor {
        /// Their login.
        login: String,
    },
    /// The calendar, or the end of a timed pause.
    Schedule,
    /// The rule on misses in a row.
    AutoPause {
        /// `no_answer` or `unreachable`.
        cause: &'static str,
        /// How many in a row.
        misses: u32,
    },
    /// The configuration.
    Config,
}

/// What an operator is doing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum WorkView {
    /// Nothing.
    Idle,
    /// Offers on the way.
    Dialing,
    /// Rings.
    Ringing,
    /// Talks.
    Talking,
    /// Finishes up.
    WrapUp,
}

/// A queue as the board sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueView {
    /// Ours.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The strategy's name.
    pub strategy: String,
    /// Callers waiting.
    pub waiting: u32,
    /// When the one who has waited longest came.
    pub longest_since: Option<String>,
    /// Members that could take a call at once.
    pub ready: u32,
    /// Members signed in.
    pub signed_in: u32,
    /// All members.
    pub members: u32,
    /// Whether the calendar is open.
    pub open: bool,
}

/// A card.
#[derive(Debug, Serialize, ToSchema)]
pub struct PopView {
    /// The offer it is a view of.
    pub offer: u64,
    /// The call.
    pub call: String,
    /// Whose screen.
    pub operator: String,
    /// Where the offer stands.
    pub state: PopStateView,
    /// Who calls.
    pub client: Option<Phone>,
    /// Stands for the number in filters, also where the reader may see it whole: a filter by the
    /// number itself would let them guess the masked ones of other queues.
    pub client_ref: Option<String>,
    /// `number`, `guessed`, `hidden`, `unparsed` or `extension`.
    pub client_kind: Option<&'static str>,
    /// The number that was dialled.
    pub line: Option<Phone>,
    /// Our queue.
    pub queue: Option<String>,
    /// `in`, `out` or `internal`.
    pub direction: Option<&'static str>,
    /// `owned`, `advised` or `observed`.
    pub authority: &'static str,
    /// The account that brought the call.
    pub account: String,
    /// The kind of the account's provider; null for our own telephones.
    pub provider: Option<String>,
    /// When this offer was made.
    pub offered_at: String,
}

/// The life of a card.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PopStateView {
    /// The telephone rings.
    Ringing,
    /// This operator talks.
    Talking {
        /// Since when.
        since: String,
    },
    /// A colleague took it.
    TakenBy {
        /// Who.
        operator: String,
    },
    /// Rang for the whole time.
    Missed {
        /// How long it rang.
        rang_seconds: f64,
    },
    /// The caller hung up first.
    CallerGone,
    /// Taken back.
    Withdrawn {
        /// `not_ready`, `moved_on`, `removed` or `supervisor`.
        because: &'static str,
    },
    /// Refused, busy, unreachable or failed.
    Ended {
        /// The word of the offer's end.
        how: String,
    },
    /// Nothing to do: a colleague talks, or talked, with a client this operator is responsible for.
    Fyi {
        /// Who.
        operator: String,
        /// Since when.
        since: String,
        /// How long they talked; null while they do.
        talk_seconds: Option<f64>,
    },
    /// The conversation is over.
    Over {
        /// How long this operator talked.
        talk_seconds: f64,
    },
}

impl OperatorView {
    /// Shows an operator.
    pub fn of(view: &model::OperatorView) -> OperatorView {
        OperatorView {
            id: view.id.0,
            name: text(&view.name),
            login: maybe_text(view.login.as_ref()),
            intent: intent(&view.intent),
            intent_since: stamp(view.intent_since),
            intent_by: by(&view.intent_by),
            reach: match view.reach {
                Reach::Reachable => "reachable",
                Reach::Unreachable => "unreachable",
                Reach::Unknown => "unknown",
            },
            reach_since: stamp(view.reach_since),
            work: match view.work {
                Work::Idle => WorkView::Idle,
                Work::Dialing => WorkView::Dialing,
                Work::Ringing => WorkView::Ringing,
                Work::Talking => WorkView::Talking,
                Work::WrapUp { .. } => WorkView::WrapUp,
            },
            work_since: stamp(view.work_since),
            wrap_up_until: maybe_stamp(view.wrap_up_until),
            queues: view.queues.iter().map(text).collect(),
        }
    }
}

fn intent(intent: &Intent) -> IntentView {
    match intent {
        Intent::Offline => IntentView::Offline,
        Intent::Ready => IntentView::Ready,
        Intent::Break { reason, planned_end } => {
            IntentView::Break { reason: reason.clone(), planned_end: maybe_stamp(*planned_end) }
        }
        Intent::Dnd => IntentView::Dnd,
        Intent::Disabled => IntentView::Disabled,
    }
}

fn by(by: &By) -> ByView {
    match by {
        By::Person => ByView::Person,
        By::Supervisor { login } => ByView::Supervisor { login: text(login) },
        By::Schedule => ByView::Schedule,
        By::AutoPause { cause, misses } => ByView::AutoPause {
            cause: match cause {
                PauseCause::NoAnswer => "no_answer",
                PauseCause::Unreachable => "unreachable",
            },
            misses: *misses,
        },
        By::Config => ByView::Config,
    }
}

impl QueueView {
    /// Shows a queue.
    pub fn of(view: &model::QueueView) -> QueueView {
        QueueView {
            id: view.id.0,
            name: text(&view.name),
            strategy: view.strategy.clone(),
            waiting: view.waiting,
            longest_since: maybe_stamp(view.longest_since),
            ready: view.ready,
            signed_in: view.signed_in,
            members: view.members,
            open: view.open,
        }
    }
}

impl PopView {
    /// Shows a card.
    pub fn of(pop: &model::Pop, sight: Sight, eyes: &Eyes) -> PopView {
        PopView {
            offer: pop.offer.0,
            call: pop.call.to_string(),
            operator: text(&pop.operator),
            state: state(&pop.state),
            client: eyes.party(pop.client.as_ref(), sight),
            client_ref: reference(pop, sight, eyes),
            client_kind: kind_word(pop.client.as_ref()),
            line: eyes.party(pop.line.as_ref(), sight),
            queue: maybe_text(pop.queue.as_ref()),
            direction: pop.direction.map(direction_word),
            authority: authority_word(pop.authority),
            account: text(&pop.account),
            provider: eyes.kind_of(&pop.account).map(str::to_owned),
            offered_at: stamp(pop.offered_at),
        }
    }
}

fn reference(pop: &model::Pop, sight: Sight, eyes: &Eyes) -> Option<String> {
    let number = pop.client.as_ref()?.e164()?;
    (sight != Sight::None).then(|| eyes.refer(number))
}

fn state(state: &PopState) -> PopStateView {
    match state {
        PopState::Ringing => PopStateView::Ringing,
        PopState::Talking { since } => PopStateView::Talking { since: stamp(*since) },
        PopState::TakenBy { operator } => PopStateView::TakenBy { operator: text(operator) },
        PopState::Missed { rang } => PopStateView::Missed { rang_seconds: rang.as_secs() },
        PopState::CallerGone => PopStateView::CallerGone,
        PopState::Withdrawn { because } => PopStateView::Withdrawn {
            because: match because {
                WithdrawnBecause::NotReady => "not_ready",
                WithdrawnBecause::MovedOn => "moved_on",
                WithdrawnBecause::Removed => "removed",
                WithdrawnBecause::Supervisor => "supervisor",
            },
        },
        PopState::Ended { how } => PopStateView::Ended { how: how.clone() },
        PopState::Fyi { operator, since, talk } => PopStateView::Fyi {
            operator: text(operator),
            since: stamp(*since),
            talk_seconds: talk.map(|talk| talk.as_secs()),
        },
        PopState::Over { talk } => PopStateView::Over { talk_seconds: talk.as_secs() },
    }
}
