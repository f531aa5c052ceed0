//! What was acknowledged is there, exactly once: after `kill -9`, after a power cut that loses
//! and tears what was not synced, on a full or sick disk, and while somebody else holds the file.
//!
//! A child process (this very program, told by its environment) journals numbered requests and
//! records and prints each number that was acknowledged. `fault.c` is the bad disk under it.
//! `SEED=…` repeats one power-cut round, `ROUNDS=…` runs more.

mod child;
mod disk;
mod ledger;
mod power;
mod refusals;
