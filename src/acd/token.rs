//! A callback: the place in a queue of a client who gave up the telephone for it.
//!
//! It waits in no queue by itself. When its turn may come it wakes as an outbound call whose
//! wait has the place and the time of the first one, and sleeps again when that came to nothing.

use serde::{Deserialize, Serialize};

use super::state::State;
use crate::model::{CallId, Mono, Name, Now, Number, Party, QueueId, TokenId};

/// Where a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// Until its turn may come.
    Asleep(Mono),
    /// Its call waits in the queue, rings an operator or dials the client.
    Woken(CallId),
    /// The client called again and stands in its place.
    Lent(CallId),
}

/// One callback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Ours.
    pub id: TokenId,
    /// The call that it stands for.
    pub call: CallId,
    /// The account that brought that call, and dials back.
    pub account: Name,
    /// Its kind.
    pub provider: String,
    /// The number that the client had dialled.
    pub line: Option<Party>,
    /// The queue.
    pub queue: QueueId,
    /// The queue's name.
    pub queue_name: Name,
    /// Whom to call.
    pub client: Number,
    /// Whether we can dial.
    pub dials: bool,
    /// When the chain of waits began.
    pub first: Now,
    /// The caller's class.
    #[serde(default)]
    pub class: u8,
    /// When it is given up.
    pub until: Mono,
    /// Attempts that reached nobody.
    pub tries: u8,
    /// Where it stands.
    pub state: TokenState,
}

impl State {
    /// The callbacks of a client.
    pub fn tokens_of(&self, client: &Number) -> Vec<TokenId> {
        let ids = self.index.tokens.get(client);
        ids.map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    /// Whether a call stands in the place of a callback.
    pub fn is_lent(&self, call: CallId) -> bool {
        let client = self.calls.get(&call).and_then(super::call::Call::client_e164);
        client.is_some_and(|client| {
            let mut tokens = self.tokens_of(&client).into_iter();
            tokens
                .any(|id| self.tokens.get(&id).is_some_and(|it| it.state == TokenState::Lent(call)))
        })
    }
}
