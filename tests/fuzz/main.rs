//! Broken, twisted and hostile requests against the readers that `serve` runs.
//!
//! Every recorded webhook is changed at random; nothing may panic, nothing may grow beyond its
//! bound, the same bytes read the same, and what comes out stays a possible call. A few seconds
//! by default, `FUZZ_SECONDS=60` for longer. A failure prints its seed: `FUZZ_SEED=…`.

#[path = "../provider/capture.rs"]
mod capture;
mod sip;
mod twist;

use std::path::Path;
use std::time::{Duration, Instant};

use capture::{Capture, Sent};
use navbat::acd::{Story, View};
use navbat::connect::provider::{ReadError, Request, What, read};
use navbat::model::{Alias, Direction, Disposition, Fact, Period, Seed};

/// What one request may become at most: facts and their bytes as JSON.
const FACTS_MAX: usize = 4;
const FACT_BYTES_MAX: usize = 64 * 1024;
const FINGERPRINT_MAX: usize = 400;

/// One reader at a time: the rounds are counted against the clock.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn no_request_breaks_a_reader() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let from_environment = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds: u64 = from_environment("FUZZ_SECONDS").unwrap_or(3);
    let first: u64 = from_environment("FUZZ_SEED").unwrap_or(1);
    let captures = captures();
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0_u64;
    while Instant::now() < until {
        let number = first + rounds;
        let outcome = std::panic::catch_unwind(|| round(&captures, number));
        assert!(outcome.is_ok(), "FUZZ_SEED={number} breaks it");
        rounds += 1;
    }
    assert!(rounds > 50, "only {rounds} rounds in {seconds} s");
}

fn captures() -> Vec<Capture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/provider");
    let folders = std::fs::read_dir(root).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let mut paths: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "req"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Capture::load(path)).collect()
}

/// One account hears a hundred requests, most of them twisted, of all providers.
fn round(captures: &[Capture], number: u64) {
    let mut seed = Seed::new(number);
    let own = pick(captures, &mut seed);
    let mut story = Story::default();
    for _ in 0..100 {
        let from = if seed.chance(80) { own } else { pick(captures, &mut seed) };
        let mut sent = pick(&from.requests, &mut seed).clone();
        let other = pick(&own.requests, &mut seed);
        for _ in 0..seed.below(4) {
            twist::twist(&mut sent, other, &mut seed);
        }
        for fact in hear(own, &sent) {
            story.learn(Fact { key: String::from("one"), ..fact });
        }
        let known = |alias: &Alias| own.account.aliases.contains(&alias.0);
        check(&story.view(&known));
    }
}

fn pick<'a, T>(things: &'a [T], seed: &mut Seed) -> &'a T {
    &things[usize::try_from(seed.below(things.len() as u64)).unwrap()]
}

/// Reads one request as the server does, and holds what comes to its bounds.
fn hear(capture: &Capture, sent: &Sent) -> Vec<Fact> {
    let headers = [(String::from("content-type"), sent.content_type.clone())];
    let request =
        Request { method: &sent.method, query: &sent.query, headers: &headers, body: &sent.body };
    let reading = read(&capture.account, &request, sent.received);
    assert_eq!(reading, read(&capture.account, &request, sent.received));
    match reading {
        Ok(reading) => {
            let facts = match &reading.what {
                What::Facts(facts) => facts.clone(),
                What::Unknown | What::Question(_) => Vec::new(),
            };
            assert!(facts.len() <= FACTS_MAX, "{} facts", facts.len());
            let bytes = serde_json::to_vec(&facts).unwrap();
            assert!(bytes.len() <= FACT_BYTES_MAX, "{} bytes of facts", bytes.len());
            let back: Vec<Fact> = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(back, facts, "the journal gives back what it was given");
            assert!(reading.kind.len() <= 32);
            assert!(reading.fingerprint.is_none_or(|print| print.len() <= FINGERPRINT_MAX));
            facts
        }
        Err(ReadError::Undecodable { part, why }) => {
            assert!(part.len() + why.len() < 120, "{part} {why}");
            Vec::new()
        }
        Err(ReadError::Foreign | ReadError::BadBodyToken) => Vec::new(),
    }
}

/// What every call is, whatever was told about it.
fn check(view: &View) {
    assert_eq!(view.is_over, view.disposition != Disposition::Open);
    assert!(view.is_over || view.ended_at.is_none());
    if let (Some(start), Some(end)) = (view.started_at, view.ended_at) {
        assert!(start <= end, "{view:?}");
    }
    assert_eq!(view.answered_by.as_ref(), view.handled_by.first());
    assert!(view.is_answered || view.handled_by.is_empty());
    assert!(view.is_answered || view.talk == Some(Period::ZERO));
    if view.missed {
        assert!(view.is_over && !view.is_answered && view.direction == Some(Direction::In));
    }
    if view.direction == Some(Direction::Internal) {
        assert_eq!(view.client, None);
    }
    let mut rung: Vec<_> = view.rung.iter().map(|rung| &rung.alias).collect();
    assert!(view.rung.is_sorted_by_key(|rung| rung.at));
    rung.sort();
    assert!(rung.windows(2).all(|pair| pair[0] != pair[1]), "somebody rung twice");
    assert!(view.talks.iter().all(|(_, from, to)| to.is_none_or(|to| to >= *from)), "{view:?}");
}
