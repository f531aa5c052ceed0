//! What the children said, held against what is in the journal.

use std::collections::BTreeSet;
use std::path::Path;

use navbat::store::{Journal, Recovered};

use crate::child::{Said, limits, record, request};

/// Numbers that were asked for and numbers that were acknowledged, over many lives.
#[derive(Default)]
pub struct Ledger {
    asked: BTreeSet<u64>,
    took: BTreeSet<u64>,
    recorded: u64,
}

impl Ledger {
    pub fn hear(&mut self, said: &Said) {
        match said {
            Said::Asks(number) => drop(self.asked.insert(*number)),
            Said::Took(number) => drop(self.took.insert(*number)),
            Said::Recorded(seq) => self.recorded = self.recorded.max(*seq),
            Said::Refused(_) => {}
        }
    }

    /// Where the next life begins: a little before the last number, as a provider repeats what
    /// it got no answer to.
    pub fn next_first(&self) -> u64 {
        self.asked.last().map_or(0, |last| last.saturating_sub(20))
    }

    pub fn acknowledged(&self) -> usize {
        self.took.len()
    }

    /// Opens the journal, which checks the file, and holds the books against it.
    pub async fn hold(&self, directory: &Path, story: &str) {
        let opened = Journal::open(directory, limits()).await;
        let (journal, recovered, _inbox) = opened.unwrap_or_else(|e| panic!("{story}: {e:?}"));
        self.compare(&recovered, story);
        journal.close().await;
    }

    fn compare(&self, recovered: &Recovered, story: &str) {
        let mut kept = BTreeSet::new();
        let mut last = 0;
        for stored in &recovered.unheard {
            let text = stored.request.fingerprint.clone().unwrap();
            let number: u64 = text.parse().unwrap();
            assert!(kept.insert(number), "{story}: request {number} twice");
            assert!(self.asked.contains(&number), "{story}: request {number} from nowhere");
            assert!(stored.seq.0 > last, "{story}: the inbox is out of order");
            last = stored.seq.0;
            assert_eq!(stored.request.body, request(number).body, "{story}: {number} is torn");
        }
        let missing: Vec<_> = self.took.difference(&kept).collect();
        assert!(missing.is_empty(), "{story}: acknowledged and lost: {missing:?}");
        for (place, stamped) in (1..).zip(&recovered.records) {
            assert_eq!(*stamped, record(place), "{story}: a hole among the records");
        }
        let records = recovered.records.len() as u64;
        assert!(records >= self.recorded, "{story}: {records} of {} records", self.recorded);
    }
}
