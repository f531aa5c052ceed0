//! The one task that writes the journal: takes what waits, one transaction, one sync, replies.
//!
//! While one group is being synced the next one gathers, so the more askers there are the more
//! share a sync. A refused group harms nothing: requests are told so, records stay in memory and
//! go with a later group, and that they were late is written beside them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::error::JournalError;
use super::intake::{Append, Chore, Group, Take};
use super::journal::Shared;
use super::journal_file::{JournalFile, Written};
use super::request::StoredRequest;
use super::reserve::Reserve;

/// Pauses after refusals, doubling. A shorter first one hammers a sick disk, a longer last one
/// notices late that it is well again.
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_LAST: Duration = Duration::from_millis(500);
/// How often a full disk is looked at. Each look writes the reserve as far as it goes.
const RESTORE_EVERY: Duration = Duration::from_secs(2);

/// What a late stretch is noted with where the disk refused nothing.
const SLOW: &str = "the disk took longer than a telephone could wait";

pub(super) struct Writer {
    file: JournalFile,
    reserve: Reserve,
    shared: Arc<Shared>,
    pause: Duration,
    /// Why the records that wait were refused the first time.
    cause: Option<JournalError>,
}

impl Writer {
    pub(super) fn new(file: JournalFile, reserve: Reserve, shared: Arc<Shared>) -> Writer {
        Writer { file, reserve, shared, pause: RETRY_FIRST, cause: None }
    }

    /// Writes until the journal is closed and nothing waits.
    pub(super) async fn run(mut self) {
        let shared = self.shared.clone();
        let mut restore = tokio::time::interval(RESTORE_EVERY);
        restore.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut group = tokio::select! {
                group = shared.intake.gathered() => match group {
                    Some(group) => group,
                    None => break,
                },
                _ = restore.tick(), if !self.reserve.is_held() => {
                    self.restore_reserve().await;
                    continue;
                }
            };
            let chores = std::mem::take(&mut group.chores);
            if let Err(error) = self.write(group).await {
                self.recover(error).await;
            }
            for chore in chores {
                self.perform(chore).await;
            }
        }
        self.file.close().await;
    }

    async fn write(&mut self, group: Group) -> Result<(), JournalError> {
        let Group { takes, appends, lost, .. } = &group;
        let cause = || self.cause.as_ref().map_or_else(String::new, ToString::to_string);
        let mut gaps = Vec::new();
        gaps.extend(group.late().map(|late| (late, false, cause())));
        gaps.extend(lost.map(|lost| (lost, true, cause())));
        if takes.is_empty() && appends.is_empty() && gaps.is_empty() {
            return Ok(());
        }
        match self.file.write(takes, appends, &gaps).await {
            Ok(written) => {
                self.settle(group, written);
                Ok(())
            }
            Err(error) => {
                self.refuse(group, &error);
                Err(error)
            }
        }
    }

    /// Lets the promises out and hands the requests on.
    fn settle(&mut self, group: Group, written: Written) {
        let late = group.appends.iter().filter(|append| append.is_late);
        let late: usize = late.map(|append| append.records.len()).sum();
        {
            let mut health = self.shared.health.lock();
            health.commits += 1;
            health.records_late += u64::try_from(late).unwrap_or(0);
            health.gaps_lost += u64::from(group.lost.is_some());
            if health.failing.take().is_some() {
                tracing::info!("the journal is written again");
            }
        }
        if group.lost.is_some() {
            self.shared.losses.send_modify(|losses| *losses += 1);
        }
        self.pause = RETRY_FIRST;
        self.cause = None;
        for append in group.appends {
            if let Some(reply) = append.reply {
                let _ = reply.send(Ok(()));
            }
            self.shared.tail.extend(append.records);
        }
        if let Some(last) = written.last {
            self.shared.committed.send_replace(last);
        }
        for (take, (taken, first)) in group.takes.into_iter().zip(written.taken) {
            let Take { request, slot, reply } = take;
            let _ = reply.send(Ok(taken));
            if (first.is_none() || request.retold) && request.verdict.is_handed_on() {
                slot.send(StoredRequest { seq: taken.seq, duplicate_of: first, request });
            }
        }
    }

    /// Tells everybody, and keeps the records for later.
    fn refuse(&mut self, group: Group, error: &JournalError) {
        for take in group.takes {
            let _ = take.reply.send(Err(error.clone()));
        }
        let keep = |append: Append| {
            if let Some(reply) = append.reply {
                let _ = reply.send(Err(error.clone()));
            }
            Append { records: append.records, reply: None, is_late: true }
        };
        self.shared.intake.put_back(group.appends.into_iter().map(keep).collect(), group.lost);
        let first = self.shared.health.lock().failing.replace(error.clone()).is_none();
        if first {
            tracing::error!(%error, "the journal cannot be written; calls go on");
        }
        self.cause.get_or_insert_with(|| error.clone());
    }

    /// Gives the reserve up on a full disk, waits, and looks whether space has returned.
    async fn recover(&mut self, error: JournalError) {
        if error == JournalError::Full && self.reserve.is_held() {
            self.reserve.release();
            self.shared.health.lock().reserve_held = false;
        } else {
            tokio::time::sleep(self.pause).await;
            self.pause = RETRY_LAST.min(self.pause * 2);
        }
    }

    async fn restore_reserve(&mut self) {
        let mut reserve = self.reserve.clone();
        let tried = tokio::task::spawn_blocking(move || {
            reserve.restore();
            reserve
        });
        let Ok(reserve) = tried.await else { return };
        self.reserve = reserve;
        if self.reserve.is_held() {
            self.shared.health.lock().reserve_held = true;
            tracing::info!("the disk has room again; webhooks are taken");
        }
    }

    async fn perform(&mut self, chore: Chore) {
        match chore {
            Chore::State { seq, bytes, reply } => {
                let kept = self.file.keep_state(seq, bytes).await;
                self.shared.health.lock().states += u64::from(kept.is_ok());
                let _ = reply.send(kept);
            }
            Chore::Late(stretch) => {
                if let Err(error) = self.file.keep_gap(&stretch, SLOW).await {
                    tracing::warn!(%error, "a late stretch of the journal could not be noted");
                }
            }
            Chore::Forget { what, before, reply } => {
                let _ = reply.send(self.file.forget(what, before).await);
            }
        }
    }
}
