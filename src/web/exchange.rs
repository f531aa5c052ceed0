//! The handle by which the web asks the exchange: commands, routing questions, the present state.
//!
//! One task owns the switch, so nobody here touches it. An [`Ask`] goes over a bounded channel to
//! that task, its answer comes back when the switch gives one; the present state is a published
//! value that costs the switch nothing to read.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};

use crate::model::{Mono, Name, Party};
use crate::switch::{AskKind, Command, Refusal, Snapshot, TelephoneView, TrunkView};

/// Asks on the way at once. More would only wait longer than anybody is willing to.
const ASKS_MAX: usize = 1024;

/// How long a command may take. The switch answers after one commit; past this the disk or the
/// driver is in trouble and the person is told so.
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);

/// How long a reader waits for a present state that holds an event. The state is published every
/// 100 ms; past this the driver is in trouble, and an older state is better than none.
const STATE_PATIENCE: Duration = Duration::from_millis(500);

/// Asks the exchange; cheap to clone.
#[derive(Clone)]
pub struct Exchange {
    asks: mpsc::Sender<Ask>,
    seen: Arc<ArcSwap<Snapshot>>,
    seen_until: watch::Receiver<u64>,
    lines: Arc<ArcSwap<LinesView>>,
}

/// The other end of the handle: what the task that owns the switch works off.
pub struct Desk {
    /// What is asked, in order.
    pub asks: mpsc::Receiver<Ask>,
    seen: Arc<ArcSwap<Snapshot>>,
    seen_until: watch::Sender<u64>,
    lines: Arc<ArcSwap<LinesView>>,
}

/// One thing asked of the exchange.
#[derive(Debug)]
pub enum Ask {
    /// Somebody wants something done.
    Command {
        /// The login of who asks.
        by: Name,
        /// Whether that is somebody else than the operator concerned.
        supervisor: bool,
        /// What is wanted.
        command: Command,
        /// Where the answer goes; dropped unanswered when it cannot be given.
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// A provider wants to know whom to ring.
    Route {
        /// What the question tells.
        question: Route,
        /// Where the order of operators goes.
        reply: oneshot::Sender<Vec<Name>>,
    },
    /// Somebody wants to see the telephones of an operator.
    Telephones {
        /// Whose.
        operator: Name,
        /// Where they go.
        reply: oneshot::Sender<Vec<TelephoneView>>,
    },
}

/// A provider's question, before the exchange gives it a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The account.
    pub account: Name,
    /// The provider's call id, where the question carries one.
    pub key: Option<String>,
    /// Who calls.
    pub client: Party,
    /// Our number.
    pub line: Option<Party>,
    /// Scheme, group or queue in the provider's words.
    pub queue: Option<String>,
    /// What the answer must look like.
    pub kind: AskKind,
    /// Past this the safe answer goes out.
    pub deadline: Mono,
}

/// Why an ask was not answered with a yes.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The exchange said no, and why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The exchange is stopping, flooded or waits for its disk: try again.
    #[error("the exchange did not answer in time")]
    Unanswered,
}

/// Telephones and trunks as they were last published.
#[derive(Debug, Clone, Default)]
pub struct LinesView {
    /// Every trunk; none where no telephones are attached.
    pub trunks: Vec<TrunkView>,
    /// Legs that are open.
    pub legs: usize,
    /// Calls of the SIP stack (INVITE usages) that live.
    pub sessions: usize,
    /// Requests of either side that wait for their answer or its repetition.
    pub transactions: usize,
}

/// Makes a handle and the desk that answers it.
pub fn exchange() -> (Exchange, Desk) {
    let (sender, asks) = mpsc::channel(ASKS_MAX);
    let seen = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let (told, seen_until) = watch::channel(0);
    let lines = Arc::new(ArcSwap::from_pointee(LinesView::default()));
    let exchange = Exchange { asks: sender, seen: seen.clone(), seen_until, lines: lines.clone() };
    (exchange, Desk { asks, seen, seen_until: told, lines })
}

impl Desk {
    /// Shows a present state to everybody who asks from this moment on. `until` is the number of
    /// the last live event that it holds.
    pub fn publish(&self, snapshot: Snapshot, until: u64) {
        self.seen.store(Arc::new(snapshot));
        self.seen_until.send_replace(until);
    }
}

impl Desk {
    /// Shows telephones and trunks to everybody who asks from this moment on.
    pub fn publish_lines(&self, lines: LinesView) {
        self.lines.store(Arc::new(lines));
    }
}

impl Exchange {
    /// Telephones and trunks as they were last published.
    pub fn lines(&self) -> Arc<LinesView> {
        self.lines.load_full()
    }

    /// Has a command carried out. Fails with the exchange's refusal, or unanswered after 5 s.
    pub async fn command(
        &self,
        by: Name,
        supervisor: bool,
        command: Command,
    ) -> Result<(), AskError> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Command { by, supervisor, command, reply };
        let asked = async {
            self.asks.send(ask).await.map_err(|_| AskError::Unanswered)?;
            answer.await.map_err(|_| AskError::Unanswered)
        };
        let answered = tokio::time::timeout(COMMAND_PATIENCE, asked).await;
        Ok(answered.map_err(|_| AskError::Unanswered)???)
    }

    /// The telephones that an operator has registered. Fails unanswered after 5 s.
    pub async fn telephones(&self, operator: Name) -> Result<Vec<TelephoneView>, AskError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let ask = Ask::Telephones { operator, reply };
            self.asks.send(ask).await.map_err(|_| AskError::Unanswered)?;
            answer.await.map_err(|_| AskError::Unanswered)
        };
        let answered = tokio::time::timeout(COMMAND_PATIENCE, asked).await;
        answered.map_err(|_| AskError::Unanswered)?
    }

    /// Whom a provider should ring, in order; `None` when no answer came within `patience`.
    pub async fn route(&self, question: Route, patience: Duration) -> Option<Vec<Name>> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(Ask::Route { question, reply }).ok()?;
        tokio::time::timeout(patience, answer).await.ok()?.ok()
    }

    /// The exchange with every live event up to `seq` in it, and the number up to which it holds
    /// them: `seq`, or less when the driver does not publish in time.
    pub async fn snapshot_after(&self, seq: u64) -> (Arc<Snapshot>, u64) {
        let mut until = self.seen_until.clone();
        let held = until.wait_for(|until| *until >= seq);
        let held = tokio::time::timeout(STATE_PATIENCE, held).await.is_ok_and(|held| held.is_ok());
        let reached = if held { seq } else { *self.seen_until.borrow() };
        (self.snapshot(), reached)
    }

    /// The exchange as it was last published.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.seen.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_at(mono: u64) -> Snapshot {
        Snapshot {
            at: crate::model::Now { mono: Mono(mono), ..Default::default() },
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn a_reader_never_sees_less_than_it_has_heard() {
        let (exchange, desk) = exchange();
        desk.publish(taken_at(1), 7);
        let reading = tokio::spawn({
            let exchange = exchange.clone();
            async move { exchange.snapshot_after(8).await }
        });
        tokio::task::yield_now().await;
        desk.publish(taken_at(2), 9);
        let (seen, until) = reading.await.unwrap();
        assert_eq!((seen.at.mono, until), (Mono(2), 8));
    }

    #[tokio::test]
    async fn a_driver_that_is_gone_is_not_waited_for() {
        let (exchange, desk) = exchange();
        desk.publish(taken_at(1), 7);
        drop(desk);
        let (seen, until) = exchange.snapshot_after(8).await;
        assert_eq!((seen.at.mono, until), (Mono(1), 7));
    }
}
