//! Kills and power cuts.

use std::path::Path;

use crate::child::{Said, start};
use crate::disk::{Dice, under};
use crate::ledger::Ledger;

/// Power-cut rounds of three lives each, unless `ROUNDS` says other.
const ROUNDS: u64 = 24;
/// Kills of one journal.
const KILLS: u64 = 20;

#[tokio::test]
async fn what_was_acknowledged_survives_twenty_kills_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(20);
    let mut ledger = Ledger::default();
    for kill in 0..KILLS {
        let mut child = start(folder.path(), ledger.next_first(), |_| {});
        let patience = dice.below(400);
        let mut took = 0;
        while let Some(said) = child.next() {
            took += u64::from(matches!(said, Said::Took(_)));
            ledger.hear(&said);
            if took > patience {
                child.kill();
                took = 0; // what it said before its death still counts
            }
        }
        child.bury();
        ledger.hold(folder.path(), &format!("kill {kill}")).await;
    }
    assert!(ledger.acknowledged() > 1000, "{}", ledger.acknowledged());
}

/// The disk keeps what was synced and makes no other promise: unsynced sectors are lost, kept
/// or torn, at any operation, also while the file is mended after the cut before.
#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut_that_tears_what_was_not_synced() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ROUNDS").unwrap_or(ROUNDS),
    };
    let mut acknowledged = 0;
    for seed in seeds {
        acknowledged += round(seed).await;
    }
    assert!(acknowledged > 0, "no round acknowledged anything");
}

async fn round(seed: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(seed);
    let mut ledger = Ledger::default();
    for life in 0..3 {
        // Now in the first operations, now after the log was moved into the file.
        let cut = match dice.below(3) {
            0 => 1 + dice.below(80),
            1 => 1 + dice.below(1_000),
            _ => 1 + dice.below(9_000),
        };
        live(folder.path(), &mut ledger, seed * 10 + life, cut);
        if life == 2 || dice.below(2) == 0 {
            let story = format!("SEED={seed}, life {life}, cut at operation {cut}");
            ledger.hold(folder.path(), &story).await;
        }
    }
    ledger.acknowledged()
}

/// One life that ends with a power cut at its `cut`-th operation on the disk.
fn live(directory: &Path, ledger: &mut Ledger, seed: u64, cut: u64) {
    let mut child = start(directory, ledger.next_first(), |command| {
        under(command, directory);
        command.env("FAULT_CUT", cut.to_string()).env("FAULT_SEED", seed.to_string());
    });
    while let Some(said) = child.next() {
        ledger.hear(&said);
    }
    child.bury();
}
