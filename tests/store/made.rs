//! Things to store.

use navbat::model::{
    Authority, By, CallId, CallRow, Decision, Direction, Disposition, EntryId, EntryRow, EpisodeId,
    EpisodeRow, EpisodeState, Intent, Mono, Name, Now, Number, OfferEnd, OfferId, OfferRow,
    OperatorId, OperatorView, Outcome, Party, Period, Pick, Reach, Record, Ruling, Seq, Stage,
    StageName, Stamped, TalkRow, Wall, Work,
};
use navbat::store::{JournalLimits, NewRequest, NotesOf, Verdict};

/// 2026-03-02 10:00 in Tashkent.
pub const MORNING: Wall = Wall::from_unix(1_772_427_600);

/// Limits without the reserve, which costs a test 64 MiB.
pub fn limits() -> JournalLimits {
    JournalLimits { reserve_bytes: 0, ..JournalLimits::default() }
}

/// Of a site without targets.
pub fn no_notes() -> NotesOf {
    std::sync::Arc::new(|_| Vec::new())
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
        retold: false,
    }
}

/// So many seconds into the morning.
pub fn at(seconds: u64) -> Wall {
    MORNING + Period::secs(seconds)
}

/// A record of that place, at that second of the morning.
pub fn record(seq: u64, seconds: u64, record: Record) -> Stamped {
    Stamped { seq: Seq(seq), at: Now { mono: Mono(seconds * 1000), wall: at(seconds) }, record }
}

/// The number of a client.
pub fn client(digit: u8) -> Number {
    Number::new(&format!("+99890123456{digit}")).unwrap()
}

/// Call number `number`, begun at that second, of queue `sales`, over and answered by Aziza
/// after 8 s of ringing her and Bobur.
pub fn answered(number: u128, seconds: u64) -> CallRow {
    let id = call_id(number);
    let offer = |place: u64, operator: &str, end| OfferRow {
        id: OfferId(place),
        entry: Some(EntryId(1)),
        operator: operator.into(),
        offered_at: at(seconds + 1),
        ringing_at: Some(at(seconds + 2)),
        answered_at: (end == OfferEnd::Won).then(|| at(seconds + 8)),
        over_at: Some(at(seconds + 8)),
        end: Some(end),
        counts_as_miss: false,
    };
    CallRow {
        id,
        call_key: format!("sipuni-main/k{number}"),
        provider: String::from("sipuni"),
        account: "sipuni-main".into(),
        authority: Authority::Observed,
        direction: Some(Direction::In),
        client: Some(Party::Number(client(1))),
        line: Some(Party::Number(Number::new("+998712000001").unwrap())),
        queue: Some("sales".into()),
        rung: vec!["Aziza".into(), "Bobur".into()],
        answered_by: Some("Aziza".into()),
        handled_by: vec!["Aziza".into()],
        placed_by: None,
        missed: false,
        talk: Some(Period::secs(40)),
        ring: Some(Period::secs(7)),
        wait: Some(Period::secs(8)),
        disposition: Disposition::Answered,
        outcome: Some(Outcome::Answered),
        recording_url: None,
        started_at: at(seconds),
        ended_at: Some(at(seconds + 48)),
        settled: true,
        result: None,
        revision: 3,
        entries: vec![entry("sales", seconds, 8, Outcome::Answered)],
        offers: vec![offer(1, "Aziza", OfferEnd::Won), offer(2, "Bobur", OfferEnd::Lost)],
        talks: vec![TalkRow {
            operator: "Aziza".into(),
            from: at(seconds + 8),
            to: Some(at(seconds + 48)),
            held: Period::ZERO,
        }],
        stages: vec![Stage { stage: StageName::Journal, at: at(seconds) }],
    }
}

/// A wait that ended.
pub fn entry(queue: &str, seconds: u64, waited: u64, outcome: Outcome) -> EntryRow {
    EntryRow {
        id: EntryId(1),
        queue: queue.into(),
        enqueued_at: at(seconds),
        done_at: Some(at(seconds + waited)),
        outcome: Some(outcome),
        wait: Some(Period::secs(waited)),
    }
}

/// Call number `number` that nobody took: Aziza did not pick up.
pub fn missed(number: u128, seconds: u64, waited: u64, outcome: Outcome) -> CallRow {
    let mut call = answered(number, seconds);
    call.entries = vec![entry("sales", seconds, waited, outcome)];
    call.offers.truncate(1);
    call.offers[0].end = Some(OfferEnd::NoAnswer);
    call.offers[0].counts_as_miss = true;
    call.offers[0].answered_at = None;
    call.talks = Vec::new();
    call.talk = None;
    call.missed = true;
    (call.answered_by, call.handled_by) = (None, Vec::new());
    (call.disposition, call.outcome) = (Disposition::Missed, Some(outcome));
    call
}

/// The record that saves a call.
pub fn saved(seq: u64, call: CallRow) -> Stamped {
    record(seq, 0, Record::CallSaved(Box::new(call)))
}

/// An episode of one missed call.
pub fn episode(id: u64, seconds: u64, state: EpisodeState) -> EpisodeRow {
    EpisodeRow {
        id: EpisodeId(id),
        client: Some(client(u8::try_from(id % 10).unwrap())),
        group: "sales".into(),
        queue: "sales".into(),
        calls: vec![call_id(u128::from(id))],
        first_at: at(seconds),
        last_at: at(seconds),
        waited: Some(Period::secs(30)),
        reason: Outcome::Abandoned,
        state,
        owner: None,
        due_at: Some(at(seconds + 900)),
        attempts: Vec::new(),
        steps: Vec::new(),
        step_at: None,
        revision: 1,
    }
}

/// A round about a call with these members.
pub fn decided(call: u128, round: u32, seconds: u64, members: &[(&str, Ruling, bool)]) -> Decision {
    let pick = |(operator, ruling, chosen): &(&str, Ruling, bool)| Pick {
        operator: Name::from(*operator),
        tier: 0,
        key: -5,
        ruling: *ruling,
        chosen: *chosen,
    };
    Decision {
        call: call_id(call),
        entry: EntryId(1),
        queue: "sales".into(),
        round,
        at: at(seconds),
        waited: Period::secs(1),
        strategy: String::from("parallel"),
        config: String::from("c1"),
        tier: 0,
        seed: Some(u64::MAX),
        first: None,
        class: 0,
        relaxed: Vec::new(),
        hop: None,
        whole: true,
        members: members.iter().map(pick).collect(),
    }
}

/// An operator who chose something.
pub fn operator(name: &str, intent: Intent, seconds: u64) -> OperatorView {
    OperatorView {
        id: OperatorId(1),
        name: name.into(),
        login: None,
        intent,
        intent_since: at(seconds),
        intent_by: By::Person,
        reach: Reach::Unknown,
        reach_since: at(seconds),
        work: Work::Idle,
        work_since: at(seconds),
        wrap_up_until: None,
        queues: vec!["sales".into()],
    }
}

/// A record of that place which says that a request was heard.
pub fn heard(seq: u64, request: u64) -> Stamped {
    let at = Now { mono: Mono(seq), wall: MORNING };
    Stamped { seq: Seq(seq), at, record: Record::Heard { request: Seq(request) } }
}

/// The id of call number `number`.
pub fn call_id(number: u128) -> CallId {
    CallId(uuid::Uuid::from_u128(number))
}
