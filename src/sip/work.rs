//! Counts hashes, so that a test can hold the work for one name against that for another: the
//! time of a run would tell the same, but not on a machine that has other work.

use core::cell::Cell;

thread_local! {
    static HASHES: Cell<u32> = const { Cell::new(0) };
}

/// One hash was made.
pub(super) fn done() {
    HASHES.set(HASHES.get() + 1);
}

/// Hashes since the last question, on this thread.
pub(super) fn taken() -> u32 {
    HASHES.replace(0)
}
