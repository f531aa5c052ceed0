//! Changes of what the pages may make: operators, queues, users. And reading the file again.
//!
//! The web does not know how a configuration is read. A [`Change`] goes over a bounded channel to
//! whoever owns the configuration, which carries out one after the other: it is checked together
//! with the file, kept, and in use when the answer comes.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

/// Changes on their way at once. People make them one by one; more would only wait longer.
const WAITING_MAX: usize = 16;

/// How long a change may take: reading the file, one commit, telling the exchange.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be made in the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// `[[operator]]`.
    Operator,
    /// `[queue.NAME]`.
    Queue,
    /// `[[user]]`.
    User,
}

impl Sort {
    /// The section in the file and the kind in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Sort::Operator => "operator",
            Sort::Queue => "queue",
            Sort::User => "user",
        }
    }
}

/// An operator or a queue as it is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// What it is.
    pub sort: Sort,
    /// Its name.
    pub name: String,
    /// Where it stands in the file; `None`: made in the pages.
    pub file: Option<String>,
    /// Every key of its section with the value that holds, secrets left out.
    pub keys: Map<String, Value>,
}

/// Something to change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Make a thing.
    Make {
        /// What.
        sort: Sort,
        /// Its name.
        name: String,
        /// The keys of its section.
        keys: Map<String, Value>,
    },
    /// Give a thing other keys, all of them.
    Put {
        /// What.
        sort: Sort,
        /// Which.
        name: String,
        /// The keys of its section.
        keys: Map<String, Value>,
    },
    /// Switch an operator or a user off or on; the other keys stay.
    Disable {
        /// What.
        sort: Sort,
        /// Which.
        name: String,
        /// Off.
        disabled: bool,
    },
    /// Take a thing away.
    Remove {
        /// What.
        sort: Sort,
        /// Which.
        name: String,
    },
    /// Read the file again.
    Reload,
}

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changed {
    /// What differs from before, a line each.
    pub changed: Vec<String>,
    /// What somebody should look at in the thing that was changed.
    pub warnings: Vec<FieldText>,
    /// Keys of the file that differ and hold only after a restart.
    pub restart: Vec<String>,
}

/// One field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldText {
    /// The way to the value, like `tiers[0].members[1]`; empty: the thing itself.
    pub field: String,
    /// A word for programs.
    pub code: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Why a change was not made; nothing differs from before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such thing.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The name is taken, the thing stands in the file, somebody else names it.
    #[error("{0}")]
    Conflict(String),
    /// The keys do not fit.
    #[error("{}", lines(.0))]
    Fields(Vec<FieldText>),
    /// The database does not answer, or the server is stopping.
    #[error("storage does not answer; try again in a moment")]
    Unavailable,
}

fn lines(fields: &[FieldText]) -> String {
    let line = |text: &FieldText| match text.field.as_str() {
        "" => text.message.clone(),
        field => format!("{field}: {}", text.message),
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A change with the place for its answer.
pub struct Asked {
    /// What to change.
    pub change: Change,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Changed, ChangeError>>,
}

/// Asks whoever owns the configuration; cheap to clone.
#[derive(Clone)]
pub struct Changes(mpsc::Sender<Asked>);

/// Makes a handle and the end at which changes are carried out, in order.
pub fn changes() -> (Changes, mpsc::Receiver<Asked>) {
    let (sender, asked) = mpsc::channel(WAITING_MAX);
    (Changes(sender), asked)
}

impl Changes {
    /// Has a change made. It is in use when this returns.
    pub async fn make(&self, change: Change) -> Result<Changed, ChangeError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.0.send(Asked { change, reply }).await.ok()?;
            answer.await.ok()
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        answered.ok().flatten().ok_or(ChangeError::Unavailable)?
    }
}

/// Things by name; shared because a site is copied whole at each change.
pub type Things = Arc<Vec<Thing>>;
