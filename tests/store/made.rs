//! Things to store.

use navbat::model::{Mono, Now, Record, Seq, Stamped, Wall};
use navbat::store::{JournalLimits, NewRequest, Verdict};

/// 2026-03-02 10:00 in Tashkent.
pub const MORNING: Wall = Wall::from_unix(1_772_427_600);

/// Limits without the reserve, which costs a test 64 MiB.
pub fn limits() -> JournalLimits {
    JournalLimits { reserve_bytes: 0, ..JournalLimits::default() }
}

/// A request of account `sipuni-main` about call `k1`.
pub fn request(fingerprint: &str) -> NewRequest {
    NewRequest {
        account: "sipuni-main".into(),
        provider: String::from("sipuni"),
        received: MORNING,
        method: String::from("POST"),
        path: String::from("/hooks/sipuni/sipuni-main/***"),
        query: String::from("event=1"),
        headers: vec![(String::from("content-type"), String::from("application/json"))],
        body: vec![0, 159, 146, 150],
        fingerprint: Some(fingerprint.to_owned()),
        verdict: Verdict::Facts,
        kind: String::from("call"),
        keys: vec![String::from("k1")],
    }
}

/// A record of that place which says that a request was heard.
pub fn heard(seq: u64, request: u64) -> Stamped {
    let at = Now { mono: Mono(seq), wall: MORNING };
    Stamped { seq: Seq(seq), at, record: Record::Heard { request: Seq(request) } }
}
