//! How much the journal writes: `cargo bench --bench store`.
//!
//! Each figure stands beside a floor measured in the same run on the same disk. Records: against
//! a bare SQLite connection that inserts the finished rows in groups of the same size; gate: at
//! least half. Durable requests: 64 askers at once against the same work with one commit per
//! event; gate: at least 20 times; beside it a bare insert with a commit each, which does less.
//! `FOLDER=…` says which disk, `TIMES=…` repeats (the best run counts).

use std::path::Path;
use std::time::{Duration, Instant};

use navbat::model::{
    Authority, CallId, CallRow, Decision, Direction, Disposition, EntryId, EntryRow, Mono, Name,
    Now, Number, OfferId, OfferRow, Outcome, Party, Period, Pick, Record, Ruling, Seed, Seq,
    Stamped, Wall,
};
use navbat::store::{Journal, JournalLimits, NewRequest, Verdict};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

/// Records of one run.
const RECORDS: u64 = 20_000;
/// Records that the engine emits for one input.
const PER_INPUT: usize = 5;
/// Requests of one run.
const REQUESTS: u64 = 12_800;
/// Askers at once.
const ASKERS: u64 = 64;
/// Events of the run with a commit each.
const SINGLES: u64 = 640;
/// The floor's insert, of as many rows as the journal's.
const ROWS: usize = 64;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let records_hold = records().await;
        let requests_hold = requests().await;
        if !(records_hold && requests_hold) {
            std::process::exit(1);
        }
    });
}

fn folder() -> tempfile::TempDir {
    let place = std::env::var("FOLDER").unwrap_or_else(|_| String::from("target"));
    tempfile::tempdir_in(&place).or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn times() -> u32 {
    std::env::var("TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

fn limits() -> JournalLimits {
    JournalLimits { reserve_bytes: 0, ..JournalLimits::default() }
}

async fn records() -> bool {
    let all: Vec<Stamped> = (1..=RECORDS).map(record).collect();
    let bytes: usize = all.iter().map(|one| text(&one.record).len()).sum();
    println!("records of {} bytes, groups of {}", bytes as u64 / RECORDS, limits().group_max);
    let (mut ours, mut floor) = (0.0_f64, 0.0_f64);
    for _ in 0..times() {
        floor = floor.max(rate(RECORDS, raw_groups(&all).await));
        ours = ours.max(rate(RECORDS, journal_records(all.clone()).await));
    }
    let share = ours / floor;
    println!("  raw grouped SQLite   {floor:>9.0} records/s");
    println!("  journal              {ours:>9.0} records/s   {share:.2} of it (gate 0.50)");
    share >= 0.5
}

async fn journal_records(all: Vec<Stamped>) -> Duration {
    let folder = folder();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.expect("a journal");
    let began = Instant::now();
    let commits: Vec<_> =
        all.chunks(PER_INPUT).map(|input| journal.append(input.to_vec())).collect();
    for commit in commits {
        commit.await.expect("a commit");
    }
    let took = began.elapsed();
    journal.close().await;
    took
}

async fn raw_groups(all: &[Stamped]) -> Duration {
    let folder = folder();
    let mut db = raw(folder.path()).await;
    let create = "create table record (seq integer primary key, mono integer not null,
        wall integer not null, kind text not null, body text not null)";
    sqlx::raw_sql(create).execute(&mut db).await.expect("a table");
    let rows: Vec<_> = all.iter().map(|one| (one, text(&one.record))).collect();
    let began = Instant::now();
    for group in rows.chunks(limits().group_max) {
        sqlx::raw_sql("begin immediate").execute(&mut db).await.expect("a transaction");
        for chunk in group.chunks(ROWS) {
            let values = vec!["(?,?,?,?,?)"; chunk.len()].join(",");
            let sql = format!("insert into record (seq, mono, wall, kind, body) values {values}");
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (one, body) in chunk {
                let (seq, mono) = (one.seq.0 as i64, one.at.mono.0 as i64);
                query = query.bind(seq).bind(mono).bind(one.at.wall.0);
                query = query.bind(one.record.word()).bind(body.as_str());
            }
            query.execute(&mut db).await.expect("rows");
        }
        sqlx::raw_sql("commit").execute(&mut db).await.expect("a commit");
    }
    let took = began.elapsed();
    db.close().await.expect("a close");
    took
}

async fn requests() -> bool {
    let (mut bare, mut single, mut ours, mut late) = (0.0_f64, 0.0_f64, 0.0_f64, Vec::new());
    for _ in 0..times() {
        bare = bare.max(rate(SINGLES, raw_singles().await));
        single = single.max(rate(SINGLES, journal_requests(SINGLES, 1).await.0));
        let (took, waits) = journal_requests(REQUESTS, limits().group_max).await;
        let rate = rate(REQUESTS, took);
        if rate > ours {
            (ours, late) = (rate, waits);
        }
    }
    late.sort_unstable();
    let last = late.len().saturating_sub(1);
    let at = |percent: usize| late.get(last * percent / 100).copied().unwrap_or_default();
    let more = ours / single;
    println!("durable requests, {ASKERS} askers at once");
    println!("  bare, a commit each  {bare:>9.0} requests/s");
    println!("  one commit per event {single:>9.0} requests/s");
    println!("  journal              {ours:>9.0} requests/s   {more:.1} times it (gate 20)");
    println!("  wait for the commit  p50 {:?}, p99 {:?}, longest {:?}", at(50), at(99), at(100));
    more >= 20.0
}

async fn journal_requests(count: u64, group_max: usize) -> (Duration, Vec<Duration>) {
    let folder = folder();
    let limits = JournalLimits { group_max, ..limits() };
    let (journal, _, mut inbox) = Journal::open(folder.path(), limits).await.expect("a journal");
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
    let began = Instant::now();
    let askers: Vec<_> = (0..ASKERS)
        .map(|asker| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                for number in 0..count / ASKERS {
                    let asked = Instant::now();
                    journal.take(request(number * ASKERS + asker)).await.expect("taken");
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for asker in askers {
        waits.extend(asker.await.expect("an asker"));
    }
    let took = began.elapsed();
    journal.close().await;
    (took, waits)
}

async fn raw_singles() -> Duration {
    let folder = folder();
    let mut db = raw(folder.path()).await;
    let create = "create table inbox (seq integer primary key, account text, received integer,
        headers text, body blob, fingerprint text)";
    sqlx::raw_sql(create).execute(&mut db).await.expect("a table");
    let began = Instant::now();
    for number in 0..SINGLES {
        let request = request(number);
        let sql = "insert into inbox (account, received, headers, body, fingerprint)
            values (?,?,?,?,?)";
        let headers = serde_json::to_string(&request.headers).expect("text");
        sqlx::query(sql)
            .bind(request.account.as_str())
            .bind(request.received.0)
            .bind(headers)
            .bind(request.body)
            .bind(request.fingerprint)
            .execute(&mut db)
            .await
            .expect("a row");
    }
    let took = began.elapsed();
    db.close().await.expect("a close");
    took
}

async fn raw(folder: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(folder.join("raw.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "4000")
        .disable_statement_logging()
        .connect()
        .await
        .expect("a database")
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn text(record: &Record) -> String {
    serde_json::to_string(record).expect("text")
}

fn request(number: u64) -> NewRequest {
    let json = "application/json";
    NewRequest {
        account: "sipuni-main".into(),
        provider: String::from("sipuni"),
        received: Wall(1_772_427_600_000),
        method: String::from("POST"),
        path: String::from("/hooks/sipuni/sipuni-main/***"),
        query: String::new(),
        headers: vec![(String::from("content-type"), String::from(json))],
        body: format!("{{\"event\":1,\"call_id\":\"{number}\",\"pad\":\"{:300}\"}}", "").into(),
        fingerprint: Some(format!("{:032x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        verdict: Verdict::Facts,
        kind: String::from("call"),
        keys: vec![format!("1772427600.{}", number / 6)],
        retold: false,
    }
}

/// What a day writes: of five records two are calls, one is a round, two are short.
fn record(seq: u64) -> Stamped {
    let at = Now { mono: Mono(seq), wall: Wall(1_772_427_600_000) };
    let record = match seq % 5 {
        0 | 1 => Record::CallSaved(Box::new(call(at.wall, seq))),
        2 => Record::Decided(Box::new(decision(at.wall, seq))),
        _ => Record::Heard { request: Seq(seq) },
    };
    Stamped { seq: Seq(seq), at, record }
}

fn operators() -> Vec<Name> {
    ["Aziza", "Bobur", "Dilnoza", "Sardor", "Jasur"].map(Name::from).to_vec()
}

fn call(at: Wall, number: u64) -> CallRow {
    let client = Number::new("+998901234567").ok().map(Party::Number);
    let offer = |(place, operator): (u64, Name)| OfferRow {
        id: OfferId(number * 10 + place),
        entry: Some(EntryId(number)),
        operator,
        offered_at: at,
        ringing_at: Some(at),
        answered_at: None,
        over_at: None,
        end: None,
        counts_as_miss: false,
    };
    CallRow {
        id: id(at, number),
        call_key: format!("sipuni-main/{number}"),
        provider: String::from("sipuni"),
        account: "sipuni-main".into(),
        authority: Authority::Observed,
        direction: Some(Direction::In),
        line: client.clone(),
        client,
        queue: Some("sales".into()),
        rung: operators(),
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
        started_at: at,
        ended_at: Some(at),
        settled: true,
        result: None,
        revision: 1,
        entries: vec![EntryRow {
            id: EntryId(number),
            queue: "sales".into(),
            enqueued_at: at,
            done_at: Some(at),
            outcome: Some(Outcome::Answered),
            wait: Some(Period::secs(8)),
        }],
        offers: (0..).zip(operators()).map(offer).collect(),
        talks: Vec::new(),
        stages: Vec::new(),
    }
}

fn decision(at: Wall, number: u64) -> Decision {
    let pick = |operator| Pick { operator, tier: 0, key: 1, ruling: Ruling(0), chosen: true };
    Decision {
        call: id(at, number),
        entry: EntryId(number),
        queue: "sales".into(),
        round: 1,
        at,
        waited: Period::secs(1),
        strategy: String::from("parallel"),
        config: String::from("c1"),
        tier: 0,
        seed: None,
        first: None,
        class: 0,
        relaxed: Vec::new(),
        hop: None,
        whole: true,
        members: operators().into_iter().map(pick).collect(),
    }
}

fn id(at: Wall, number: u64) -> CallId {
    Seed::new(number).call_id(at)
}
