//! The last records that were committed, so that the projector need not read them back.
//!
//! Most of the time it follows within a moment, and what it wants was in memory a moment ago:
//! reading it from the file costs a query and every letter of its JSON. Whoever is further behind
//! reads the file.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::model::{Seq, Stamped};

/// Records that are kept for the projector. More rides out a longer pause of it without reading
/// the file and costs about 2 KiB each.
const KEPT_MAX: usize = 2_000;

/// Committed records in their order, without a record missing between two of them that the file
/// holds.
#[derive(Default)]
pub(super) struct Tail(Mutex<VecDeque<Stamped>>);

impl Tail {
    /// Takes in what was committed, behind all that was before.
    pub(super) fn extend(&self, committed: impl IntoIterator<Item = Stamped>) {
        let mut kept = self.0.lock();
        kept.extend(committed);
        let over = kept.len().saturating_sub(KEPT_MAX);
        kept.drain(..over);
    }

    /// The next records after a place; they are not kept any longer. `None`: the file may hold
    /// some between that place and the first one here.
    pub(super) fn take_after(&self, place: Seq, limit: usize) -> Option<Vec<Stamped>> {
        let mut kept = self.0.lock();
        kept.front().filter(|first| first.seq.0 <= place.0.saturating_add(1))?;
        let behind = kept.partition_point(|record| record.seq <= place);
        kept.drain(..behind);
        let count = kept.len().min(limit);
        (count > 0).then(|| kept.drain(..count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Now, Record};

    fn records(from: u64, to: u64) -> Vec<Stamped> {
        let record = Record::Heard { request: Seq(0) };
        let stamped = |seq| Stamped { seq: Seq(seq), at: Now::default(), record: record.clone() };
        (from..=to).map(stamped).collect()
    }

    #[test]
    fn it_hands_out_what_follows_and_nothing_twice() {
        let tail = Tail::default();
        assert_eq!(tail.take_after(Seq(0), 10), None);
        tail.extend(records(5, 9));
        assert_eq!(tail.take_after(Seq(3), 10), None, "the file may hold the fourth");
        assert_eq!(tail.take_after(Seq(4), 2), Some(records(5, 6)));
        assert_eq!(tail.take_after(Seq(4), 2), None, "they are gone");
        assert_eq!(tail.take_after(Seq(7), 10), Some(records(8, 9)));
        assert_eq!(tail.take_after(Seq(9), 10), None);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let tail = Tail::default();
        let last = KEPT_MAX as u64 + 3;
        tail.extend(records(1, last));
        assert_eq!(tail.take_after(Seq(2), 1), None);
        assert_eq!(tail.take_after(Seq(3), 1), Some(records(4, 4)));
    }
}
