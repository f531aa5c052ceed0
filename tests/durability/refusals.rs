//! A full disk, a sick disk, a file-size limit, a locked file: errors to the askers, no damage,
//! and recovery without hands.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use navbat::model::{Period, Seq};
use navbat::store::{Journal, JournalError, JournalLimits};
use sqlx::Connection;

use crate::child::{Running, Said, limits, record, request, start};
use crate::disk::under;
use crate::ledger::Ledger;

/// Reads on until so many requests were acknowledged.
fn until_took(child: &mut Running, ledger: &mut Ledger, mut count: u32) {
    while count > 0 {
        let said = child.next().expect("the child died");
        ledger.hear(&said);
        count -= u32::from(matches!(said, Said::Took(_)));
    }
}

/// Reads on until something is refused with these words.
fn until_refused(child: &mut Running, ledger: &mut Ledger, words: &str) {
    loop {
        let said = child.next().expect("the child died");
        ledger.hear(&said);
        if matches!(&said, Said::Refused(told) if told.contains(words)) {
            return;
        }
    }
}

/// Has the disk refuse while a file of this name is there, three times over.
async fn refuses(flag: &str, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join(flag);
    let mut ledger = Ledger::default();
    let mut child = start(folder.path(), 0, |command| under(command, folder.path()));
    for _ in 0..3 {
        until_took(&mut child, &mut ledger, 300);
        std::fs::write(&flag, b"").unwrap();
        until_refused(&mut child, &mut ledger, words);
        std::fs::remove_file(&flag).unwrap();
    }
    until_took(&mut child, &mut ledger, 300);
    child.kill();
    while let Some(said) = child.next() {
        ledger.hear(&said);
    }
    child.bury();
    ledger.hold(folder.path(), words).await;
    assert!(folder.path().join("reserve").exists(), "the reserve is held again");
}

#[tokio::test]
async fn a_full_disk_refuses_webhooks_harms_nothing_and_mends_itself() {
    refuses("full", "disk of the journal is full").await;
}

#[tokio::test]
async fn a_disk_that_cannot_sync_refuses_harms_nothing_and_mends_itself() {
    refuses("sick", "cannot be written").await;
}

#[tokio::test]
async fn a_limit_on_the_files_length_refuses_until_it_is_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::default();
    let mut child = start(folder.path(), 0, within_two_megabytes);
    until_refused(&mut child, &mut ledger, "");
    let lifted = Command::new("prlimit")
        .args(["--pid", &child.id().to_string(), "--fsize=unlimited"])
        .status();
    assert!(lifted.unwrap().success());
    until_took(&mut child, &mut ledger, 1000);
    child.kill();
    while let Some(said) = child.next() {
        ledger.hear(&said);
    }
    child.bury();
    ledger.hold(folder.path(), "file-size limit").await;
}

/// Runs the command in a shell that limits the length of its files and ignores the signal that
/// would end it there.
fn within_two_megabytes(command: &mut Command) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    *command = shell;
}

/// Another connection that holds the writer's place.
async fn holder(directory: &Path) -> sqlx::SqliteConnection {
    let url = format!("sqlite:{}", directory.join("journal.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("begin exclusive").execute(&mut other).await.unwrap();
    other
}

#[tokio::test]
async fn a_locked_journal_is_busy_within_a_bound_and_writes_late_what_it_could_not() {
    let folder = tempfile::tempdir().unwrap();
    let limits = JournalLimits { lock_wait: Period::millis(100), ..limits() };
    let (journal, _, _inbox) = Journal::open(folder.path(), limits).await.unwrap();
    journal.take(request(1)).await.unwrap();
    let mut other = holder(folder.path()).await;

    let bound = Duration::from_secs(2);
    let refused = tokio::time::timeout(bound, journal.take(request(2))).await.expect("in time");
    assert_eq!(refused, Err(JournalError::Busy));
    let refused = tokio::time::timeout(bound, journal.append(vec![record(1)])).await;
    assert_eq!(refused.expect("in time"), Err(JournalError::Busy));
    assert_eq!(journal.health().failing, Some(JournalError::Busy));

    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    let mut committed = journal.committed();
    tokio::time::timeout(bound, committed.wait_for(|seq| *seq == Seq(1))).await.unwrap().unwrap();
    assert!(!journal.take(request(2)).await.unwrap().duplicate, "the refusal kept nothing");
    let health = journal.health();
    assert_eq!((health.failing, health.records_late, health.gaps_lost), (None, 1, 0));
    let gaps = journal.gaps(10).await.unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].from, gaps[0].to, gaps[0].lost), (Seq(1), Seq(1), false));
    assert!(gaps[0].cause.contains("busy"), "{}", gaps[0].cause);
    journal.close().await;
}

#[tokio::test]
async fn more_records_than_memory_holds_are_a_recorded_loss() {
    let folder = tempfile::tempdir().unwrap();
    let limits = JournalLimits { lock_wait: Period::millis(50), records_max: 10, ..limits() };
    let (journal, _, _inbox) = Journal::open(folder.path(), limits).await.unwrap();
    let mut other = holder(folder.path()).await;
    assert_eq!(journal.append((1..=10).map(record).collect()).await, Err(JournalError::Busy));
    for seq in 11..=13 {
        let told = journal.append(vec![record(seq)]).await;
        assert!(matches!(told, Err(JournalError::Lost | JournalError::Busy)), "{told:?}");
    }
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    let mut committed = journal.committed();
    let bound = Duration::from_secs(5);
    tokio::time::timeout(bound, committed.wait_for(|seq| *seq >= Seq(10))).await.unwrap().unwrap();
    journal.append(vec![record(20)]).await.unwrap();
    let gaps = journal.gaps(10).await.unwrap();
    let lost: Vec<_> = gaps.iter().filter(|gap| gap.lost).collect();
    assert_eq!((lost[0].from, lost[0].to), (Seq(11), Seq(13)), "{gaps:?}");
    assert_eq!(journal.health().gaps_lost, 1);
    journal.close().await;
}
