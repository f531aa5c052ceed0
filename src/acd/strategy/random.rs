//! By lot. The lot is drawn from the queue, the entry and the round, so a record of the choice
//! can be checked and two nodes choose alike.

use super::Score;
use crate::model::{EntryId, Name, Seed};

pub(super) const fn score() -> Score {
    Score::fixed(0)
}

/// The seed of one choice.
pub fn lot(queue: &Name, entry: EntryId, round: u32) -> u64 {
    Seed::of(&format!("{queue}/{entry}/{round}")).next_u64()
}
