//! Bitrix24 when three of ten exchanges fail before or after their effect, and when we are
//! started again in between: every call exactly once, no card left, no limit met.

use std::sync::Arc;

use navbat::app::demo::http::Faults;
use navbat::connect::crm::{Bitrix24, Bitrix24Rate};
use navbat::connect::deliver::{Crm, Found, Note, Outlet, PopTold, Verdict};
use navbat::model::{CallId, Period, PopState, Seed};

use super::bitrix24_portal::{BEGAN, World, answered, call_id, note, pop};

const CALLS: u64 = 120;
const FAIL: u64 = 30;
/// A note that needs more attempts at this rate of faults is stuck.
const TRIES_MAX: u64 = 200;

/// Does what the worker does with a note: attempts, looks up what is unclear, amends nothing.
/// Gives what is left to be done by a later start, if this one ends in between.
async fn bring(client: &Bitrix24, mut note: Note, ends_after: u64) -> Result<(), (Note, bool)> {
    let mut unclear = note.tries > 1;
    for attempts in 0..TRIES_MAX {
        if attempts >= ends_after {
            return Err((note, unclear));
        }
        if unclear {
            match client.look_up(&note).await {
                Found::Yes { .. } => return Ok(()),
                Found::No => unclear = false,
                Found::NotNow { .. } => continue,
                Found::Cannot => panic!("Bitrix24 can look"),
            }
        }
        let verdict = client.deliver(&note).await;
        note.tries += 1;
        match verdict {
            Verdict::Done { .. } => return Ok(()),
            Verdict::Retry { .. } => {}
            Verdict::Ambiguous { .. } => unclear = true,
            other @ (Verdict::Skipped { .. }
            | Verdict::Wait { .. }
            | Verdict::Paused { .. }
            | Verdict::Dead { .. }) => panic!("{other:?}"),
        }
    }
    panic!("{} is not brought in {TRIES_MAX} attempts", note.id);
}

/// A card with the one repetition that the live lane has.
async fn ring(client: &Bitrix24, call: CallId, operator: &str, state: PopState) -> PopTold {
    let pop = pop(call, operator, state);
    match client.pop(&pop).await {
        PopTold::Shown => PopTold::Shown,
        PopTold::NotShown { .. } => client.pop(&pop).await,
    }
}

async fn live(client: Arc<Bitrix24>, call: CallId, ends_after: u64) -> Option<(Note, bool)> {
    tokio::join!(
        ring(&client, call, "Aziza", PopState::Ringing),
        ring(&client, call, "Jasur", PopState::Ringing),
    );
    ring(&client, call, "Aziza", PopState::Talking { since: BEGAN }).await;
    ring(&client, call, "Jasur", PopState::TakenBy { operator: "Aziza".into() }).await;
    ring(&client, call, "Aziza", PopState::Over { talk: Period::secs(125) }).await;
    let mut row = answered(call);
    row.recording_url = Some(format!("https://rec.example.uz/{call}.mp3"));
    bring(&client, note(&row), ends_after).await.err()
}

async fn storm(seed: u64, restarts: bool) {
    let rate = Bitrix24Rate { per_second: 400.0, burst: 100.0 };
    let world = World::with_faults(rate, Faults::seeded(seed, 0)).await;
    let mut client = Arc::new(world.start());
    client.probe().await.unwrap();
    world.portal.tokens(|tokens| tokens.wear_out(Some(12)));
    world.portal.tokens(|tokens| tokens.expire());
    world.portal.list_late(1);
    world.faults.set_percent(FAIL);
    let mut luck = Seed::new(seed);
    let mut left: Vec<(Note, bool)> = Vec::new();
    for round in 0..CALLS / 6 {
        let calls = (0..6).map(|at| call_id(seed * 10_000 + round * 6 + at));
        let lives = calls.map(|call| {
            let ends_after = if restarts && luck.chance(30) { luck.below(3) } else { TRIES_MAX };
            tokio::spawn(live(client.clone(), call, ends_after))
        });
        for life in lives.collect::<Vec<_>>() {
            left.extend(life.await.unwrap());
        }
        if restarts && round % 5 == 4 {
            client = Arc::new(world.start());
            for (note, _) in std::mem::take(&mut left) {
                // What was under way when we ended is unclear, whatever it was.
                let note = Note { tries: note.tries.max(2), ..note };
                assert!(bring(&client, note, TRIES_MAX).await.is_ok());
            }
        }
    }
    assert!(left.is_empty());
    assert!(world.faults.count() > CALLS, "the storm was none: {}", world.faults.count());
    let (counts, tokens) =
        (world.portal.counts(), world.portal.tokens(|tokens| (tokens.exchanged, tokens.reused)));
    for at in 0..CALLS {
        let call = call_id(seed * 10_000 + at);
        assert_eq!(world.times(call), 1, "seed {seed}, call {at}");
    }
    assert_eq!(world.portal.finished().len() as u64, CALLS, "seed {seed}");
    assert!(world.portal.finished().iter().all(|call| call.record.is_some()), "seed {seed}");
    assert_eq!(counts.finished_twice, 0, "seed {seed}");
    assert_eq!(counts.limited, 0, "seed {seed}");
    assert!(tokens.0 > 5 && tokens.1 == 0, "seed {seed}: {tokens:?}");
    if !restarts {
        assert_eq!(world.portal.cards_open(), 0, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_there_exactly_once_and_no_card_is_left() {
    for seed in [1, 2] {
        storm(seed, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_there_exactly_once_over_restarts() {
    for seed in [4, 5] {
        storm(seed, true).await;
    }
}
