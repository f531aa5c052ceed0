//! A site with a million calls stored: how soon it is ready again, and what its lists cost.
//!
//! Run: `cargo bench --bench million`. The calls go in through the projector's own writes, three
//! thousand of them a day over a year, and the engine's state knows a hundred thousand numbers.
//! Gates: `serve` answers `/readyz` within 2 s, no list takes longer than 250 ms. `CALLS=…` fills
//! fewer, `FOLDER=…` says which disk. The median of several tries counts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use navbat::model::{
    Authority, CallId, CallRow, Direction, Disposition, EntryId, EntryRow, Mono, Name, Now, Number,
    OfferEnd, OfferId, OfferRow, Outcome, Party, Period, Record, Seed, Seq, Stamped, TalkRow, Wall,
};
use navbat::store::{
    CallsAsk, Journal, JournalLimits, NewRequest, Retention, StatsAsk, StatsBy, Store, Verdict,
};

/// Calls in one transaction of the filling.
const BATCH: u64 = 5_000;
const YEAR: Period = Period::days(365);
/// Numbers that the engine remembers at most.
const NUMBERS: u64 = 100_000;
/// Tries of which the median counts.
const TRIES: usize = 5;
const READY_MAX: Duration = Duration::from_secs(2);
const LIST_MAX: Duration = Duration::from_millis(250);

const CONFIG: &str = r#"
data_dir = "data"
[web]
listen = "127.0.0.1:0"
[[operator]]
name = "op1"
[queue.q1]
tiers = [{ after = "0s", members = ["op1"] }]
"#;

fn main() {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let holds = runtime.expect("a runtime").block_on(async {
        let place = std::env::var("FOLDER").unwrap_or_else(|_| String::from("target"));
        let folder = tempfile::tempdir_in(&place).or_else(|_| tempfile::tempdir()).expect("room");
        let data = folder.path().join("data");
        std::fs::write(folder.path().join("navbat.toml"), CONFIG).expect("a file");
        std::fs::create_dir(&data).expect("a folder");
        let now =
            Wall(SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as i64);
        let calls = std::env::var("CALLS").ok().and_then(|it| it.parse().ok());
        let site = Site { calls: calls.unwrap_or(1_000_000), now };
        site.fill(&data).await;
        let ready = ready(folder.path()).await;
        let lists = lists(&data, &site).await;
        ready && lists
    });
    if !holds {
        println!("a gate is missed");
        std::process::exit(1);
    }
}

struct Site {
    calls: u64,
    now: Wall,
}

impl Site {
    /// When a call of the year began; the last of them is a minute old.
    fn began(&self, number: u64) -> Wall {
        let back = YEAR.0 / self.calls * (self.calls - number);
        self.now - Period(back + 60_000)
    }

    async fn fill(&self, data: &Path) {
        let begun = Instant::now();
        let store = Store::open("sqlite:navbat.db", None, data).await.expect("a database");
        let limits = JournalLimits {
            reserve_bytes: 0,
            taking_max: 2 * BATCH as usize, // a batch is asked at once
            answer_within: Period::mins(1),
            ..JournalLimits::default()
        };
        let (journal, _, mut inbox) = Journal::open(data, limits).await.expect("a journal");
        tokio::spawn(async move { while inbox.recv().await.is_some() {} });
        for from in (0..self.calls).step_by(BATCH as usize) {
            let numbers = from + 1..=(from + BATCH).min(self.calls);
            let records: Vec<Stamped> = numbers.clone().map(|it| self.record(it)).collect();
            store.project(&records, &[]).await.expect("a batch");
            let taken = numbers.map(|number| journal.take(request(number, self.began(number))));
            for one in futures_util::future::join_all(taken).await {
                one.expect("a request");
            }
            journal.append(records).await.expect("records");
        }
        let last = Seq(self.calls);
        let heard = Stamped { seq: Seq(last.0 + 1), ..self.record(self.calls) };
        let heard = Stamped { record: Record::Heard { request: last }, ..heard };
        journal.append(vec![heard]).await.expect("a record");
        let state = serde_json::to_vec(&self.state()).expect("a state");
        println!("{} calls, a state of {} KiB", self.calls, state.len() / 1024);
        journal.save_state(Seq(last.0 + 1), state).await.expect("a state");
        let moved = [Stamped { seq: Seq(last.0 + 1), ..self.record(1) }];
        store.project(&moved, &[]).await.expect("place");
        journal.close().await;
        store.close().await;
        println!("filled in {:.0?}", begun.elapsed());
    }

    fn record(&self, number: u64) -> Stamped {
        let at = self.began(number);
        let now = Now { mono: Mono(number), wall: at };
        Stamped { seq: Seq(number), at: now, record: Record::CallSaved(Box::new(call(at, number))) }
    }

    /// What an engine says of itself that has seen nothing, with the numbers of the last year.
    fn state(&self) -> serde_json::Value {
        let settings = navbat::acd::Settings {
            version: String::from("v1"),
            timezone: jiff::tz::TimeZone::UTC,
            operators: Vec::new(),
            queues: Vec::new(),
            accounts: Vec::new(),
            plans: Vec::new(),
        };
        let switch = navbat::switch::Switch::new(std::sync::Arc::new(settings), 7);
        let mut state: serde_json::Value =
            serde_json::from_slice(&switch.state()).expect("a state");
        let talked: serde_json::Map<_, _> = (0..NUMBERS.min(self.calls))
            .map(|number| {
                let at = self.began(self.calls - number);
                let call = Seed::new(number).call_id(at);
                let row = serde_json::json!(
                    { "operator": 1, "at": at, "call": call, "direction": "in" });
                (client(number).reveal().to_owned(), row)
            })
            .collect();
        state["talked"] = talked.into();
        state
    }
}

fn client(number: u64) -> Number {
    Number::new(&format!("+99890{:07}", number % 300_000)).expect("a number")
}

fn request(number: u64, at: Wall) -> NewRequest {
    NewRequest {
        account: "sipuni-main".into(),
        provider: String::from("sipuni"),
        received: at,
        method: String::from("POST"),
        path: String::from("/hooks/sipuni/sipuni-main/***"),
        query: String::new(),
        headers: vec![(String::from("content-type"), String::from("application/json"))],
        body: format!("{{\"event\":2,\"call_id\":\"{number}\",\"pad\":\"{:300}\"}}", "").into(),
        fingerprint: Some(format!("{number:032x}")),
        verdict: Verdict::Facts,
        kind: String::from("call"),
        keys: vec![format!("{number}")],
        retold: false,
    }
}

/// A call of one of 40 operators, 5 queues and 3 accounts; every fifth is missed.
fn call(at: Wall, number: u64) -> CallRow {
    let id: CallId = Seed::new(number).call_id(at);
    let missed = number.is_multiple_of(5);
    let operator = |step: u64| Name::from(format!("op{}", (number + step) % 40));
    let queue = Name::from(format!("q{}", number % 5));
    let answered = (!missed).then(|| at + Period::secs(8));
    let ended = at + Period::secs(60);
    let outcome = if missed { Outcome::Abandoned } else { Outcome::Answered };
    let offer = |step: u64| OfferRow {
        id: OfferId(number * 3 + step),
        entry: Some(EntryId(number)),
        operator: operator(step),
        offered_at: at,
        ringing_at: Some(at),
        answered_at: answered.filter(|_| step == 0),
        over_at: Some(ended),
        end: Some(if missed { OfferEnd::CallerGone } else { OfferEnd::Won }),
        counts_as_miss: false,
    };
    CallRow {
        id,
        call_key: format!("sipuni-main/{number}"),
        provider: String::from("sipuni"),
        account: format!("account{}", number % 3).into(),
        authority: Authority::Observed,
        direction: Some(Direction::In),
        line: None,
        client: Some(Party::Number(client(number))),
        queue: Some(queue.clone()),
        rung: (0..3).map(operator).collect(),
        answered_by: answered.map(|_| operator(0)),
        handled_by: answered.map(|_| operator(0)).into_iter().collect(),
        placed_by: None,
        missed,
        talk: Some(Period::secs(if missed { 0 } else { 52 })),
        ring: Some(Period::secs(8)),
        wait: Some(Period::secs(8)),
        disposition: if missed { Disposition::Missed } else { Disposition::Answered },
        outcome: Some(outcome),
        recording_url: None,
        started_at: at,
        ended_at: Some(ended),
        settled: true,
        result: None,
        revision: 1,
        entries: vec![EntryRow {
            id: EntryId(number),
            queue,
            enqueued_at: at,
            done_at: Some(ended),
            outcome: Some(outcome),
            wait: Some(Period::secs(8)),
        }],
        offers: (0..3).map(offer).collect(),
        talks: answered
            .map(|from| TalkRow {
                operator: operator(0),
                from,
                to: Some(ended),
                held: Period::ZERO,
            })
            .into_iter()
            .collect(),
        stages: Vec::new(),
    }
}

/// From the start of the program to the first 200 of `/readyz`.
async fn ready(site: &Path) -> bool {
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_navbat"))
            .args(["serve", "--config"])
            .arg(site.join("navbat.toml"))
            .current_dir(site)
            .env("NAVBAT_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let base = listens(&mut child);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        loop {
            let answer = http.get(format!("{base}/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "it is never ready");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tries.push(begun.elapsed());
        child.kill().expect("a child");
        child.wait().expect("an end");
    }
    told("serve: start to /readyz", tries, READY_MAX)
}

fn listens(child: &mut Child) -> String {
    let out = BufReader::new(child.stdout.take().expect("its output"));
    let mut lines = out.lines();
    let base = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, base) = line.split_once(" listens on ")?;
        Some(base.trim().to_owned())
    });
    // Whatever it prints later is read, so that it never waits for us.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    base.expect("an address")
}

/// Prints the median and says whether the gate holds.
fn told(what: &str, mut tries: Vec<Duration>, most: Duration) -> bool {
    tries.sort_unstable();
    let (median, last) = (tries[tries.len() / 2], tries[tries.len() - 1]);
    let holds = median <= most;
    let word = if holds { "" } else { "   MISSED" };
    println!("  {what:<44} {median:>10.1?}, longest {last:>10.1?} (gate {most:?}){word}");
    holds
}

/// Tries one question several times.
macro_rules! ask {
    ($holds:ident, $what:expr, $question:expr) => {{
        let mut tries = Vec::new();
        for _ in 0..TRIES {
            let begun = Instant::now();
            std::hint::black_box($question.await.expect("an answer"));
            tries.push(begun.elapsed());
        }
        $holds &= told($what, tries, LIST_MAX);
    }};
}

async fn lists(data: &Path, site: &Site) -> bool {
    let limits = JournalLimits { reserve_bytes: 0, ..JournalLimits::default() };
    let (journal, _, _inbox) = Journal::open(data, limits).await.expect("a journal");
    let store = Store::open("sqlite:navbat.db", None, data).await.expect("a database");
    let (to, day) = (site.now, site.now - Period::days(1));
    let mut holds = true;
    let all = CallsAsk { limit: 50, ..CallsAsk::default() };
    let asks = [
        ("the last calls", all.clone()),
        ("missed calls", CallsAsk { missed: Some(true), ..all.clone() }),
        ("calls of a queue", CallsAsk { queue: Some("q1".into()), ..all.clone() }),
        ("calls of an account", CallsAsk { account: Some("account1".into()), ..all.clone() }),
        ("calls of an operator", CallsAsk { operator: Some("op7".into()), ..all.clone() }),
        ("calls of nobody", CallsAsk { operator: Some("nobody".into()), ..all.clone() }),
        ("calls of a rare outcome", CallsAsk { outcome: Some(Outcome::Full), ..all.clone() }),
        ("calls of a client", CallsAsk { client: Some(client(7)), ..all.clone() }),
        (
            "a day half a year ago",
            CallsAsk {
                from: Some(to - Period::days(181)),
                to: Some(to - Period::days(180)),
                ..all.clone()
            },
        ),
    ];
    for (what, one) in &asks {
        ask!(holds, what, store.calls(one));
    }
    let today = CallsAsk { from: Some(day), to: Some(to), ..all.clone() };
    ask!(holds, "how many calls today", store.count_calls(&today));
    ask!(holds, "how many calls at all", store.count_calls(&all));
    for by in [StatsBy::Hour, StatsBy::Queue, StatsBy::Reason, StatsBy::Provider] {
        let ask = StatsAsk {
            by,
            from: day,
            to,
            queues: None,
            offset_minutes: 300,
            targets: Default::default(),
            target: Period::secs(20),
        };
        ask!(holds, &format!("figures of a day by {by:?}"), store.stats(&ask));
    }
    ask!(holds, "figures of a day by operator", store.operator_stats(day, to, None));
    ask!(holds, "requests of a call", journal.requests_of_call("sipuni-main/77", 50));
    ask!(holds, "requests of a day by account", journal.counts_by_account(day));
    let hour = Period::hours(1);
    let mut kept = YEAR + Period(60_000);
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        // Each try deletes what an hour makes too old.
        kept = Period(kept.0 - hour.0);
        let all = Retention { calls: kept, decisions: kept, raw: kept };
        let begun = Instant::now();
        navbat::store::forget(&journal, &store, &all, site.now).await.expect("a deletion");
        tries.push(begun.elapsed());
    }
    holds &= told("retention of an hour", tries, LIST_MAX);
    journal.close().await;
    store.close().await;
    holds
}
