//! The journal: order, repeats, restart, refusals.

use std::time::Duration;

use navbat::model::{LegId, Period, Record, Seq, Stamped, Wall};
use navbat::store::{Journal, JournalError, JournalLimits, StoreError, Verdict};

use crate::made::{MORNING, answered, call_id, heard, limits, record, request, saved};

#[tokio::test]
async fn requests_come_out_in_the_order_of_the_inbox_and_repeats_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, mut inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let first = journal.take(request("a")).await.unwrap();
    let again = journal.take(request("a")).await.unwrap();
    let second = journal.take(request("b")).await.unwrap();
    assert_eq!((first.seq, first.duplicate), (Seq(1), false));
    assert_eq!((again.seq, again.duplicate), (Seq(2), true));
    assert_eq!((second.seq, second.duplicate), (Seq(3), false));
    assert_eq!(inbox.recv().await.unwrap().seq, Seq(1));
    let handed = inbox.recv().await.unwrap();
    assert_eq!(handed.seq, Seq(3));
    assert_eq!(handed.request, request("b"));

    let stored = journal.requests_of_call("sipuni-main/k1", 50).await.unwrap();
    assert_eq!(stored.iter().map(|one| one.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(stored[1].duplicate_of, Some(Seq(1)));
    assert_eq!(stored[0].request.body, request("a").body);
    let counts = journal.counts_by_account(MORNING).await.unwrap();
    assert_eq!((counts[0].received, counts[0].duplicates), (3, 1));
    journal.close().await;
}

#[tokio::test]
async fn a_repeat_is_one_within_a_day_and_within_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let at = |hours: i64| Wall(MORNING.0 + 3_600_000 * hours);
    for (hours, account, duplicate) in [
        (0, "one", false),
        (0, "two", false),
        (24, "one", true),
        (25, "one", false),
        (48, "one", true),
        (49, "one", true),
        (50, "one", false),
    ] {
        let mut copy = request("same");
        (copy.received, copy.account) = (at(hours), account.into());
        let taken = journal.take(copy).await.unwrap();
        assert_eq!(taken.duplicate, duplicate, "{account} after {hours} h");
    }
    let mut without = request("x");
    without.fingerprint = None;
    assert!(!journal.take(without.clone()).await.unwrap().duplicate);
    assert!(!journal.take(without).await.unwrap().duplicate);
    journal.close().await;
}

#[tokio::test]
async fn many_at_once_are_each_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, mut inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let takes = (0..500).map(|number| {
        let journal = journal.clone();
        tokio::spawn(async move { journal.take(request(&(number / 2).to_string())).await.unwrap() })
    });
    let mut taken = Vec::new();
    for take in takes.collect::<Vec<_>>() {
        taken.push(take.await.unwrap());
    }
    assert_eq!(taken.iter().filter(|one| one.duplicate).count(), 250);
    let mut places: Vec<u64> = taken.iter().map(|one| one.seq.0).collect();
    places.sort_unstable();
    assert_eq!(places, (1..=500).collect::<Vec<_>>());
    let mut last = Seq(0);
    for _ in 0..250 {
        let next = inbox.recv().await.unwrap().seq;
        assert!(next > last);
        last = next;
    }
    journal.close().await;
}

#[tokio::test]
async fn a_restart_finds_the_state_the_records_after_it_and_what_was_unheard() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, recovered, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    assert!(recovered.state.is_none() && recovered.last.is_none());
    for name in ["a", "b", "c", "c"] {
        journal.take(request(name)).await.unwrap();
    }
    let mut undecodable = request("d");
    undecodable.verdict = Verdict::Undecodable;
    journal.take(undecodable).await.unwrap();
    journal.append(vec![heard(1, 0), heard(2, 0)]).await.unwrap();
    journal.save_state(Seq(2), vec![1, 2, 3]).await.unwrap();
    journal.append(vec![heard(3, 1)]).await.unwrap();
    journal.close().await;

    let (journal, recovered, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    assert_eq!(recovered.state, Some((Seq(2), vec![1, 2, 3])));
    assert_eq!(recovered.records, [heard(3, 1)]);
    assert_eq!(recovered.last, Some((Seq(3), heard(3, 1).at)));
    let unheard: Vec<u64> = recovered.unheard.iter().map(|one| one.seq.0).collect();
    assert_eq!(unheard, [2, 3]);
    assert_eq!(journal.take(request("e")).await.unwrap().seq, Seq(6));
    assert!(journal.take(request("b")).await.unwrap().duplicate, "known from before");
    journal.close().await;
}

#[tokio::test]
async fn records_keep_the_order_of_the_calls_and_must_rise() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let mut committed = journal.committed();
    let commits: Vec<_> =
        (0..200).map(|n| journal.append(vec![heard(2 * n + 1, 0), heard(2 * n + 2, 0)])).collect();
    for commit in commits {
        commit.await.unwrap();
    }
    assert_eq!(*committed.borrow_and_update(), Seq(400));
    let misplaced = journal.append(vec![heard(400, 0)]).await;
    assert_eq!(misplaced, Err(JournalError::OutOfOrder { seq: 400, last: 400 }));
    journal.close().await;
    assert_eq!(journal.append(vec![heard(401, 0)]).await, Err(JournalError::Closed));
    assert_eq!(journal.take(request("z")).await, Err(JournalError::Closed));
}

#[tokio::test]
async fn records_for_which_nobody_waits_go_with_the_next_or_soon_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let mut committed = journal.committed();
    let end = |seq| record(seq, 1, Record::CallForgotten { call: call_id(1) });
    journal.append_soon(vec![end(1)]);
    journal.append_soon(vec![end(2), end(3)]);
    journal.append(vec![end(4)]).await.unwrap();
    assert_eq!(*committed.borrow_and_update(), Seq(4));
    assert_eq!(journal.health().commits, 1, "all with one sync");
    journal.append_soon(vec![end(5)]);
    let soon = committed.wait_for(|last| *last == Seq(5));
    tokio::time::timeout(Duration::from_secs(10), soon).await.expect("nobody asks").unwrap();
    journal.append_soon(vec![end(6)]);
    journal.close().await;

    let (journal, recovered, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    assert_eq!(recovered.records, (1..=6).map(end).collect::<Vec<_>>());
    journal.close().await;
}

#[tokio::test]
async fn of_what_a_transaction_tells_again_only_the_last_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let call = |seq, number, revision| {
        let mut row = answered(number, 100);
        row.revision = revision;
        saved(seq, row)
    };
    let leg = |seq, dialog: &str| {
        record(seq, 1, Record::LegKept { leg: LegId(1), dialog: dialog.to_owned() })
    };
    let all: Vec<Stamped> = vec![
        call(1, 1, 1),
        leg(2, "{}"),
        call(3, 2, 1),
        leg(4, "{\"rings\":1}"),
        call(5, 1, 2),
        leg(6, ""),
        heard(7, 0),
    ];
    journal.append(all.clone()).await.unwrap();
    journal.append(vec![call(8, 1, 3)]).await.unwrap();
    journal.close().await;

    let (journal, recovered, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let mut kept: Vec<Stamped> = [2, 3, 4, 5, 6].map(|at: usize| all[at].clone()).to_vec();
    kept.push(call(8, 1, 3)); // an earlier transaction's rows stay as they are
    assert_eq!(recovered.records, kept);
    journal.close().await;
}

#[tokio::test]
async fn a_slow_engine_makes_the_journal_busy_not_full_of_requests() {
    let folder = tempfile::tempdir().unwrap();
    let limits = JournalLimits { taking_max: 2, ..limits() };
    let (journal, _, mut inbox) = Journal::open(folder.path(), limits).await.unwrap();
    journal.take(request("a")).await.unwrap();
    journal.take(request("b")).await.unwrap();
    assert_eq!(journal.take(request("c")).await, Err(JournalError::Busy));
    inbox.recv().await.unwrap();
    journal.take(request("c")).await.unwrap();
    journal.close().await;
}

#[tokio::test]
async fn a_directory_has_one_journal_and_a_damaged_or_later_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let second = Journal::open(folder.path(), limits()).await;
    assert!(matches!(second, Err(StoreError::InUse(_))));
    journal.close().await;

    let file = folder.path().join("journal.db");
    let kept = std::fs::read(&file).unwrap();
    let mut later = kept.clone();
    later[63] = 9; // the user_version of the header
    std::fs::write(&file, &later).unwrap();
    let opened = Journal::open(folder.path(), limits()).await;
    assert!(matches!(opened, Err(StoreError::UnknownVersion { found: 9, .. })));

    let mut torn = kept;
    for byte in &mut torn[8192..12288] {
        *byte = 0xa5;
    }
    std::fs::write(&file, &torn).unwrap();
    let opened = Journal::open(folder.path(), limits()).await;
    assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{:?}", opened.err());

    std::fs::write(&file, b"this is no database at all, whatever its name says").unwrap();
    let opened = Journal::open(folder.path(), limits()).await;
    assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{:?}", opened.err());
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_needed_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    for name in ["a", "b"] {
        journal.take(request(name)).await.unwrap();
    }
    journal.append((1..=1200).map(|seq| heard(seq, u64::from(seq > 600))).collect()).await.unwrap();
    let later = MORNING + Period::days(40);
    assert_eq!(journal.forget_records(later).await, Ok(0), "no state: all are needed");
    journal.save_state(Seq(1100), vec![1]).await.unwrap();
    assert_eq!(journal.forget_records(later).await, Ok(1100));
    assert_eq!(journal.forget_records(MORNING).await, Ok(0));
    assert_eq!(journal.forget_requests(later).await, Ok(1), "the second was not heard");
    let left = journal.requests_of_call("sipuni-main/k1", 9).await.unwrap();
    assert_eq!(left.iter().map(|one| one.seq.0).collect::<Vec<_>>(), [2]);
    journal.close().await;
}
