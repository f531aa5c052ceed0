//! Writes down how attempts ended, many in one transaction: a database syncs once for all that
//! ended meanwhile, so the disk does not hold a fast target to its own pace.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::Clock;
use crate::store::{Delivery, Store};

/// Ends that wait for the one that is being written. As many as notes are in flight at once.
const WAITING_MAX: usize = 64;
/// How long to wait after the database did not answer.
const AWAY_FOR: Duration = Duration::from_secs(2);

/// A note and how its attempt ended, and who waits for that to be written.
type End = ((String, Delivery), oneshot::Sender<()>);

/// The hand of whoever has an end to write down.
#[derive(Clone)]
pub struct Settler(mpsc::Sender<End>);

impl Settler {
    /// A settler for the claims of a worker; it ends when all its hands are gone.
    pub fn begin(store: Store, clock: Clock, worker: String) -> Settler {
        let (ends, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(store, clock, worker, waiting));
        Settler(ends)
    }

    /// Writes an end down; it is durable when this returns.
    pub async fn settle(&self, note: &str, delivery: Delivery) {
        let (written, done) = oneshot::channel();
        if self.0.send(((note.to_owned(), delivery), written)).await.is_ok() {
            let _gone = done.await.is_err(); // a settler that died leaves it in flight
        }
    }
}

/// What is not written down would have to be looked up, so a database that is away is waited for.
async fn write(store: Store, clock: Clock, worker: String, mut waiting: mpsc::Receiver<End>) {
    let mut news = Vec::with_capacity(WAITING_MAX);
    while waiting.recv_many(&mut news, WAITING_MAX).await > 0 {
        let (ends, written): (Vec<_>, Vec<_>) = news.drain(..).unzip();
        loop {
            match store.settle_notes(&worker, &ends, clock().wall).await {
                Ok(0) => break,
                Ok(lapsed) => {
                    warn!(lapsed, "claims lapsed before the answer; those notes are looked up");
                    break;
                }
                Err(error) => {
                    warn!(%error, "the ends of attempts cannot be written");
                    tokio::time::sleep(AWAY_FOR).await;
                }
            }
        }
        for written in written {
            let _gone = written.send(()).is_err();
        }
    }
}
