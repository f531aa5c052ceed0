//! What waits for the journal's writer: requests, records and chores, each with its bound.
//!
//! Askers put things in under a short lock, in the order of their calls; the writer takes as
//! much as is there for one transaction. Nothing here waits for the disk.

use std::collections::VecDeque;

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::error::JournalError;
use super::request::{NewRequest, StoredRequest, Taken};
use crate::model::{Seq, Stamped, Wall};

/// A request on its way to the inbox, with the place kept for it at the engine's door.
pub(super) struct Take {
    pub(super) request: NewRequest,
    pub(super) slot: mpsc::OwnedPermit<StoredRequest>,
    pub(super) reply: oneshot::Sender<Result<Taken, JournalError>>,
}

/// Records on their way to the journal.
pub(super) struct Append {
    pub(super) records: Vec<Stamped>,
    /// Who waits for the commit.
    pub(super) reply: Option<oneshot::Sender<Result<(), JournalError>>>,
    /// They were refused once and are late.
    pub(super) is_late: bool,
}

/// Work of the writer that is neither.
pub(super) enum Chore {
    /// Keeps the engine's whole state.
    State { seq: Seq, bytes: Vec<u8>, reply: oneshot::Sender<Result<(), JournalError>> },
    /// Notes records that were written later than a telephone could wait for them.
    Late(Stretch),
    /// Deletes some of what is old, and says how much.
    Forget { what: Old, before: Wall, reply: oneshot::Sender<Result<u64, JournalError>> },
}

/// What retention deletes from the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    Requests,
    Records,
}

/// A stretch of records that reached the disk late or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: Seq,
    pub(super) to: Seq,
    pub(super) began_at: Wall,
    pub(super) ended_at: Wall,
}

impl Stretch {
    fn of(records: &[Stamped]) -> Option<Stretch> {
        let (first, last) = (records.first()?, records.last()?);
        let (began_at, ended_at) = (first.at.wall, last.at.wall);
        Some(Stretch { from: first.seq, to: last.seq, began_at, ended_at })
    }

    fn joined(earlier: Option<Stretch>, later: Stretch) -> Stretch {
        earlier.map_or(later, |first| Stretch { to: later.to, ended_at: later.ended_at, ..first })
    }
}

/// What the writer takes for one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub(super) takes: Vec<Take>,
    pub(super) appends: Vec<Append>,
    pub(super) chores: Vec<Chore>,
    /// Records that were dropped since the last group.
    pub(super) lost: Option<Stretch>,
}

impl Group {
    /// The stretch of records in it that were refused before.
    pub(super) fn late(&self) -> Option<Stretch> {
        let late = self.appends.iter().filter(|append| append.is_late);
        late.filter_map(|append| Stretch::of(&append.records))
            .fold(None, |all, one| Some(Stretch::joined(all, one)))
    }
}

#[derive(Default)]
struct Queue {
    takes: VecDeque<Take>,
    appends: VecDeque<Append>,
    chores: VecDeque<Chore>,
    records: usize,
    last: Seq,
    lost: Option<Stretch>,
    closed: bool,
    /// Somebody waits for the next transaction.
    is_urgent: bool,
    /// When the oldest of the records for which nobody waits is to be written.
    due_at: Option<Instant>,
}

impl Queue {
    /// Whether the writer is to begin.
    fn is_due(&self, group_max: usize) -> bool {
        self.is_urgent
            || self.closed
            || self.records >= group_max
            || self.due_at.is_some_and(|at| at <= Instant::now())
    }
}

/// The waiting room of the writer.
pub(super) struct Intake {
    queue: Mutex<Queue>,
    wake: Notify,
    records_max: usize,
    group_max: usize,
}

/// Chores that may wait. They come from timers, a handful at a time.
const CHORES_MAX: usize = 32;
/// Turns the writer gives to other tasks before it takes what waits. Each costs microseconds;
/// without them a group holds about half of those who ask again and again.
const GATHER_TURNS: u32 = 4;
/// How long records for which nobody waits may wait for company. Longer saves syncs, which are
/// most of what a ringing telephone costs; a crash forgets so much of attempts, which promised
/// nothing.
const PATIENCE: Duration = Duration::from_millis(50);

impl Intake {
    pub(super) fn new(last: Seq, records_max: usize, group_max: usize) -> Intake {
        let queue = Mutex::new(Queue { last, ..Queue::default() });
        Intake { queue, wake: Notify::new(), records_max, group_max }
    }

    /// Adds a request. Fails after the close.
    pub(super) fn put_take(&self, take: Take) -> Result<(), JournalError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(JournalError::Closed);
        }
        queue.takes.push_back(take);
        queue.is_urgent = true;
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Adds records behind all that were added before; without a reply they may wait for others.
    /// Fails when they do not follow the last one, when too many wait (they are then lost, and
    /// that is recorded), and after the close.
    pub(super) fn put_records(&self, append: Append) -> Result<(), JournalError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(JournalError::Closed);
        }
        for record in &append.records {
            if record.seq <= queue.last {
                return Err(JournalError::OutOfOrder { seq: record.seq.0, last: queue.last.0 });
            }
            queue.last = record.seq;
        }
        if queue.records + append.records.len() > self.records_max {
            if let Some(stretch) = Stretch::of(&append.records) {
                queue.lost = Some(Stretch::joined(queue.lost, stretch));
            }
            queue.is_urgent = true;
            drop(queue);
            self.wake.notify_one();
            return Err(JournalError::Lost);
        }
        queue.records += append.records.len();
        let is_first = queue.due_at.is_none();
        if append.reply.is_some() {
            queue.is_urgent = true;
        } else if is_first {
            queue.due_at = Some(Instant::now() + PATIENCE);
        }
        queue.appends.push_back(append);
        let wakes = is_first || queue.is_due(self.group_max);
        drop(queue);
        if wakes {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Adds a chore. Fails when too many wait, and after the close.
    pub(super) fn put_chore(&self, chore: Chore) -> Result<(), JournalError> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(JournalError::Closed);
        }
        if queue.chores.len() >= CHORES_MAX {
            return Err(JournalError::Busy);
        }
        queue.chores.push_back(chore);
        queue.is_urgent = true;
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Puts records back in front, after the disk refused them.
    pub(super) fn put_back(&self, appends: Vec<Append>, lost: Option<Stretch>) {
        let mut queue = self.queue.lock();
        for append in appends.into_iter().rev() {
            queue.records += append.records.len();
            queue.appends.push_front(append);
        }
        if let Some(earlier) = lost {
            queue.lost = Some(queue.lost.map_or(earlier, |l| Stretch::joined(Some(earlier), l)));
        }
        queue.is_urgent = true;
    }

    /// Waits for work that is due and lets those who were just answered come again, as long as
    /// more come; `None` once the intake is closed and empty. Dropping the wait loses nothing.
    pub(super) async fn gathered(&self) -> Option<Group> {
        let mut before = 0;
        for _ in 0..GATHER_TURNS {
            let (takes, _) = self.waiting();
            if takes <= before && before > 0 {
                break;
            }
            before = takes;
            tokio::task::yield_now().await;
        }
        loop {
            let woken = self.wake.notified();
            let due_at = {
                let mut queue = self.queue.lock();
                if queue.is_due(self.group_max) {
                    let group = self.take_group(&mut queue);
                    if group.is_some() || queue.closed {
                        return group;
                    }
                }
                queue.due_at
            };
            match due_at {
                Some(at) => {
                    let _company = tokio::time::timeout_at(at, woken).await.is_ok();
                }
                None => woken.await,
            }
        }
    }

    fn take_group(&self, queue: &mut Queue) -> Option<Group> {
        let mut group = Group { lost: queue.lost.take(), ..Group::default() };
        while group.takes.len() < self.group_max
            && let Some(take) = queue.takes.pop_front()
        {
            group.takes.push(take);
        }
        let mut records = 0;
        while records < self.group_max
            && let Some(append) = queue.appends.pop_front()
        {
            records += append.records.len();
            group.appends.push(append);
        }
        queue.records = queue.records.saturating_sub(records);
        group.chores.extend(queue.chores.drain(..));
        queue.is_urgent = !(queue.takes.is_empty() && queue.appends.is_empty());
        queue.due_at = None;
        let empty = group.takes.is_empty()
            && group.appends.is_empty()
            && group.chores.is_empty()
            && group.lost.is_none();
        (!empty).then_some(group)
    }

    /// Refuses everything from here on; what waits is still written.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.wake.notify_one();
    }

    /// How many requests and how many records wait.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.takes.len(), queue.records)
    }
}
