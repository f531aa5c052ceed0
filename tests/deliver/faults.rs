//! Once and only once, whatever breaks: requests that fail before or after their effect, a program
//! that loses its power, a peer that is away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use navbat::connect::deliver::{DRY_RUN, Outlet};
use navbat::model::{CallRow, Name, Outcome, Period, Stamped};
use navbat::store::{ClaimAsk, NoteState, NotesAsk};

use crate::life::{Life, clock};
use crate::made::{answered, missed, saved};
use crate::peer::{Adapter, Peer};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// The record of a call that was missed or answered at this moment.
fn record(number: u64, call: CallRow) -> Stamped {
    let mut record = saved(number, call);
    record.at = clock()();
    record
}

fn lost(number: u64) -> CallRow {
    missed(u128::from(number), 0, 20, Outcome::Abandoned)
}

/// Projects calls with their notes, as the projector does.
fn project(life: &Life, calls: impl Iterator<Item = (u64, CallRow)>) {
    let records: Vec<Stamped> = calls.map(|(number, call)| record(number, call)).collect();
    for batch in records.chunks(500) {
        let notes = life.outlets.notes_of(batch);
        life.does(life.store.project(batch, &notes)).unwrap();
    }
}

fn target(adapter: Adapter) -> Vec<(Arc<dyn Outlet>, bool)> {
    vec![(Arc::new(adapter), false)]
}

/// Every key once, and the log of each call before its task.
fn once_and_in_order(peer: &Peer, calls: usize) {
    let keys = peer.keys();
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (calls * 2, calls * 2), "each entry exactly once");
    let place: BTreeMap<_, _> =
        keys.iter().enumerate().map(|(at, key)| (key.as_str(), at)).collect();
    for (key, at) in &place {
        if let Some(call) = key.strip_suffix("/task") {
            assert!(place[format!("{call}/log").as_str()] < *at, "{call}: the log comes first");
        }
    }
}

/// Of a hundred requests thirty fail, before or after their effect, and the program loses its
/// power twenty times in the middle of its work.
#[test]
fn twenty_crashes_and_lost_answers_make_each_entry_exactly_once() {
    const CALLS: u64 = 120;
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let peer = outside.block_on(Peer::start());
    peer.held.lock().faults = 30;
    for crash in 0..20_u64 {
        let life = Life::begin(folder.path(), target(Adapter::new("amo", &peer)));
        let first = crash * CALLS / 20;
        project(&life, (first..first + CALLS / 20).map(|number| (number + 1, lost(number))));
        // The power goes in the middle of requests, each time at another point of them.
        let until = peer.held.lock().requests + 3 + crash % 5;
        life.until("the peer is asked", async |_| peer.held.lock().requests >= until);
        life.kill();
    }
    peer.held.lock().faults = 10;
    let life = Life::begin(folder.path(), target(Adapter::new("amo", &peer)));
    life.until_empty();
    assert_eq!((life.count(NoteState::Dead), life.count(NoteState::Unclear)), (0, 0));
    life.stop();
    once_and_in_order(&peer, usize::try_from(CALLS).unwrap());
}

/// The last statement of a dead life may be carried out by the database after the next life has
/// looked through the claims. What it claimed is looked up soon, and not when the claim lapses.
#[test]
fn a_claim_of_a_dead_life_that_comes_late_is_looked_up_soon() {
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let peer = outside.block_on(Peer::start());
    let life = Life::begin(folder.path(), target(Adapter::new("amo", &peer)));
    project(&life, [(1, answered(1, 0))].into_iter());
    life.until_empty();
    let (amo, now) = (Name::from("amo"), clock()().wall);
    let mut notes = life.outlets.notes_of(&[record(2, answered(2, 0))]);
    notes[0].due_at = now + Period::hours(1);
    life.does(life.store.add_note(&notes[0])).unwrap();
    let (due, until) = (now + Period::hours(2), now + Period::hours(3));
    let late = ClaimAsk { worker: "a dead life", target: &amo, now: due, until, limit: 1 };
    assert_eq!(life.does(life.store.claim_notes(late)).unwrap().len(), 1);
    project(&life, [(3, answered(3, 0))].into_iter());
    life.until_empty();
    life.stop();
    assert_eq!(peer.keys().len(), 3);
}

/// A later revision changes the entry that is there, whatever became of the first request.
#[test]
fn a_later_revision_amends_the_entry_and_makes_no_second() {
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let peer = outside.block_on(Peer::start());
    peer.held.lock().faults = 30;
    let life = Life::begin(folder.path(), target(Adapter::new("amo", &peer)));
    let revised = |number: u64, revision: u32| {
        (number, CallRow { revision, ..answered(u128::from(number), 0) })
    };
    project(&life, (1..30).map(|number| revised(number, 1)));
    project(&life, (1..30).map(|number| revised(number, 2)));
    project(&life, (1..30).map(|number| revised(number, 3)));
    life.until_empty();
    life.stop();
    let held = peer.held.lock();
    assert_eq!(held.entries.len(), 29, "{:?}", held.entries);
    assert!(held.entries.iter().all(|(_, revision)| *revision == 3), "{:?}", held.entries);
}

/// A target that is away for long delays no other, and gets everything when it is back, in order.
#[test]
fn an_outage_costs_its_target_time_and_nobody_else_anything() {
    const CALLS: u64 = 2_500; // a log and a task each
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let (away, well) = outside.block_on(async { (Peer::start().await, Peer::start().await) });
    away.held.lock().down = true;
    let mut slow = Adapter::new("away", &away);
    slow.pace = (400.0, 16);
    let life =
        Life::begin(folder.path(), [target(slow), target(Adapter::new("well", &well))].concat());
    project(&life, (0..CALLS).map(|number| (number + 1, lost(number))));
    life.until("the other one gets its notes", async |_| well.keys().len() >= 5_000);
    let asked = away.held.lock().requests;
    assert!(asked < 200, "a target that is away is asked now and then: {asked}");
    let state = life.outlets.health().into_iter().find(|one| one.name == "away".into()).unwrap();
    assert_eq!(state.state, "failing", "{state:?}");
    let counts = life.does(life.store.count_notes()).unwrap();
    let waiting = counts.iter().filter(|one| one.target == "away".into());
    assert_eq!(waiting.map(|one| one.count).sum::<u64>(), 5_000, "{counts:?}");

    let back = Instant::now();
    away.held.lock().down = false;
    life.does(life.outlets.test(&"away".into())).unwrap().unwrap();
    life.until_empty();
    let rate = 5_000.0 / back.elapsed().as_secs_f64();
    assert!(rate <= 405.0, "{rate} a second is over the limit");
    once_and_in_order(&away, usize::try_from(CALLS).unwrap());
    once_and_in_order(&well, usize::try_from(CALLS).unwrap());
    life.stop();
}

/// What was cut and cannot be looked up is for a person, unless once more does no harm.
#[test]
fn what_nobody_can_look_up_is_unclear_or_repeated_once() {
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let (once, twice) = outside.block_on(async { (Peer::start().await, Peer::start().await) });
    // Half of the requests fail, so that the targets do not count as away.
    once.held.lock().faults = 50;
    twice.held.lock().faults = 50;
    let blind = |name: &str, peer: &Peer, repeats| {
        target(Adapter { looks: false, repeats, ..Adapter::new(name, peer) })
    };
    let life = Life::begin(
        folder.path(),
        [blind("once", &once, false), blind("twice", &twice, true)].concat(),
    );
    project(&life, (0..80).map(|number| (number + 1, answered(u128::from(number), 0))));
    life.until("half of the requests are cut", async |store| {
        let counts = store.count_notes().await.unwrap();
        let unclear = |name: &str| {
            let own = counts.iter().filter(|one| one.target == name.into());
            own.filter(|one| one.state == NoteState::Unclear).map(|one| one.count).sum::<u64>()
        };
        unclear("once") >= 1 && unclear("twice") >= 1
    });
    let rows = life.does(life.store.notes(&NotesAsk {
        states: vec![NoteState::Unclear],
        limit: 50,
        ..NotesAsk::default()
    }));
    for note in rows.unwrap().items {
        let sent = |peer: &Peer| peer.keys().iter().filter(|key| **key == note.once_key).count();
        assert!(sent(&once) <= 1 && sent(&twice) <= 2, "{note:?}");
    }
    life.kill();
}

/// A stop finishes what is in flight; nothing is left to be looked up.
#[test]
fn a_stop_leaves_nothing_in_flight() {
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let peer = outside.block_on(Peer::start());
    let adapter = || Adapter { pace: (100.0, 4), ..Adapter::new("amo", &peer) };
    let life = Life::begin(folder.path(), target(adapter()));
    project(&life, (0..100).map(|number| (number + 1, lost(number))));
    life.until("it is at work", async |_| peer.keys().len() >= 20);
    life.does(life.outlets.stop());
    assert_eq!((life.count(NoteState::InFlight), life.count(NoteState::Ambiguous)), (0, 0));
    assert!(life.count(NoteState::Pending) > 0, "it stopped in the middle");
    life.stop();
    let life = Life::begin(folder.path(), target(adapter()));
    life.until_empty();
    life.stop();
    once_and_in_order(&peer, 100);
}

/// In a dry run everything is listed, and not one request leaves.
#[test]
fn a_dry_run_lists_everything_and_sends_nothing() {
    let (outside, folder) = (runtime(), tempfile::tempdir().unwrap());
    let peer = outside.block_on(Peer::start());
    let adapter: Arc<dyn Outlet> = Arc::new(Adapter::new("amo", &peer));
    let life = Life::begin(folder.path(), vec![(adapter, true)]);
    project(&life, (0..20).map(|number| (number + 1, lost(number))));
    life.until_empty();
    let ask = NotesAsk { told: Some(DRY_RUN.to_owned()), limit: 50, ..NotesAsk::default() };
    let listed = life.does(life.store.notes(&ask)).unwrap().items;
    assert_eq!(listed.len(), 40);
    let task = listed.iter().find(|note| note.kind == "call_back").unwrap();
    let body = life.does(life.store.note(&task.id)).unwrap().unwrap().body;
    assert!(body.contains("\"note\":\"call_back\""), "{body}");
    assert_eq!(peer.held.lock().requests, 0);
    assert_eq!(life.outlets.health()[0].state, "dry_run");
    life.stop();
}
