//! The order of arrival and repeats change nothing: the same requests give the same calls.
//!
//! Every order of up to seven requests is tried, five hundred of more. Where the time of receipt
//! stands for the event's own, a request keeps it: order and time are two things.

use std::collections::{BTreeMap, BTreeSet};

use navbat::acd::View;
use navbat::connect::provider::What;
use navbat::model::{Fact, Period, Seed, Wall};

use super::capture::{Capture, Sent};
use super::captures;

const ORDERS: usize = 500;

/// One request, read.
#[derive(Clone)]
struct Heard {
    fingerprint: String,
    facts: Vec<Fact>,
    /// What it still tells when it is a repeat.
    again: Vec<Fact>,
}

fn heard(capture: &Capture, sent: &Sent) -> Option<Heard> {
    let reading = capture.reading(sent).ok()?;
    let again = reading.of_repeat();
    match reading.what {
        What::Facts(facts) => Some(Heard { fingerprint: reading.fingerprint?, facts, again }),
        What::Unknown | What::Question(_) => None,
    }
}

/// The calls that come of requests in this order.
fn calls(capture: &Capture, requests: &[&Heard]) -> BTreeMap<String, View> {
    let mut seen = BTreeSet::new();
    let told = requests.iter().flat_map(|heard| {
        if seen.insert(&heard.fingerprint) { &heard.facts } else { &heard.again }
    });
    capture.views(told.cloned())
}

/// The requests of a capture that tell facts and are no repeats, call by call.
fn by_call(capture: &Capture) -> BTreeMap<String, Vec<(&Sent, Heard)>> {
    let mut calls: BTreeMap<String, Vec<(&Sent, Heard)>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for sent in &capture.requests {
        let Some(heard) = heard(capture, sent) else { continue };
        if seen.insert(heard.fingerprint.clone())
            && let Some(fact) = heard.facts.first()
        {
            calls.entry(fact.key.clone()).or_default().push((sent, heard));
        }
    }
    calls
}

/// Runs a check on every order of up to seven things, on five hundred of more.
fn orders<T: Clone>(things: &[T], seed: &str, check: &mut dyn FnMut(&[T])) {
    if things.len() <= 7 {
        let mut things = things.to_vec();
        let count = things.len();
        permute(&mut things, count, check);
        return;
    }
    let mut seed = Seed::of(seed);
    let mut things = things.to_vec();
    for _ in 0..ORDERS {
        shuffle(&mut things, &mut seed);
        check(&things);
    }
}

/// Heap's algorithm.
fn permute<T>(things: &mut [T], count: usize, check: &mut dyn FnMut(&[T])) {
    if count <= 1 {
        check(things);
        return;
    }
    for at in 0..count {
        permute(things, count - 1, check);
        let other = if count.is_multiple_of(2) { at } else { 0 };
        things.swap(other, count - 1);
    }
}

fn shuffle<T>(things: &mut [T], seed: &mut Seed) {
    for at in (1..things.len()).rev() {
        let other = usize::try_from(seed.below(at as u64 + 1)).unwrap();
        things.swap(at, other);
    }
}

#[test]
fn every_order_of_arrival_gives_the_same_call() {
    let mut tried = 0_u32;
    for path in captures() {
        let capture = Capture::load(&path);
        for (key, requests) in by_call(&capture) {
            let requests: Vec<&Heard> = requests.iter().map(|(_, heard)| heard).collect();
            let expected = calls(&capture, &requests);
            assert_eq!(expected.keys().collect::<Vec<_>>(), [&key]);
            orders(&requests, &key, &mut |order| {
                tried += 1;
                assert_eq!(calls(&capture, order), expected, "{} {key}", path.display());
            });
        }
    }
    assert!(tried > 5000, "only {tried} orders were tried");
}

/// A request that comes again, a while later, anywhere after the first copy.
#[test]
fn a_repeat_changes_nothing() {
    let mut seed = Seed::of("repeats");
    for path in captures() {
        let capture = Capture::load(&path);
        for (key, requests) in by_call(&capture) {
            let all: Vec<&Heard> = requests.iter().map(|(_, heard)| heard).collect();
            let expected = calls(&capture, &all);
            for _ in 0..200 {
                let mut order: Vec<usize> = (0..requests.len()).collect();
                shuffle(&mut order, &mut seed);
                let again = usize::try_from(seed.below(order.len() as u64)).unwrap();
                let (sent, _) = &requests[order[again]];
                let late = Period::millis(seed.below(3_600_000));
                let copy = Sent { received: sent.received + late, ..(*sent).clone() };
                let copy = heard(&capture, &copy).unwrap();
                let after = u64::try_from(order.len() - again).unwrap();
                let at = again + 1 + usize::try_from(seed.below(after)).unwrap();
                let mut order: Vec<&Heard> = order.iter().map(|at| all[*at]).collect();
                order.insert(at, &copy);
                assert_eq!(calls(&capture, &order), expected, "{} {key}", path.display());
            }
        }
    }
}

/// Sipuni sends events again a second later, and the copy with the later time may come first.
#[test]
fn a_copy_with_another_time_changes_nothing_in_either_order() {
    let text = "\
> 05:00:00 GET ?event=1&call_id=c&src_num=998901234567&src_type=1&dst_num=998781500001&dst_type=1&timestamp=1795150800
> 05:00:01 GET ?event=1&call_id=c&src_num=998901234567&src_type=1&dst_num=998781500001&dst_type=1&timestamp=1795150801
> 05:00:05 GET ?event=1&call_id=c&src_num=998901234567&src_type=1&dst_num=047218201&dst_type=2&timestamp=1795150805
> 05:00:06 GET ?event=1&call_id=c&src_num=998901234567&src_type=1&dst_num=047218201&dst_type=2&timestamp=1795150806
> 05:00:12 GET ?event=3&call_id=c&src_num=998901234567&src_type=1&dst_num=047218201&dst_type=2&timestamp=1795150812
> 05:00:42 GET ?event=2&call_id=c&src_num=998901234567&src_type=1&dst_num=047218201&dst_type=2&status=ANSWER&timestamp=1795150842&call_record_link=https%3A%2F%2Fa
> 05:00:43 GET ?event=2&call_id=c&src_num=998901234567&src_type=1&dst_num=047218201&dst_type=2&status=ANSWER&timestamp=1795150843&call_record_link=https%3A%2F%2Fb";
    let capture = Capture::parse(r#"{"kind": "sipuni", "cabinet_id": "047218"}"#, text);
    let requests: Vec<Heard> =
        capture.requests.iter().map(|sent| heard(&capture, sent).unwrap()).collect();
    let requests: Vec<&Heard> = requests.iter().collect();
    orders(&requests, "copies", &mut |order| {
        let calls = calls(&capture, order);
        let view = &calls["c"];
        assert_eq!(view.ring, Some(Period::secs(7)));
        assert_eq!(view.wait, Some(Period::secs(12)));
        assert_eq!(view.talk, Some(Period::secs(30)));
        assert_eq!(view.ended_at, Some(Wall::from_unix(1_795_150_842)));
        assert_eq!(view.recording_url.as_deref(), Some("https://a"));
    });
}

/// Accounts do not see each other's calls, operators and lines.
#[test]
fn accounts_of_all_providers_are_read_side_by_side() {
    let captures: Vec<Capture> = captures().iter().map(|path| Capture::load(path)).collect();
    let alone: Vec<_> = captures.iter().map(Capture::calls).collect();
    let mut turns: Vec<(usize, &Sent)> = captures
        .iter()
        .enumerate()
        .flat_map(|(index, capture)| capture.requests.iter().map(move |sent| (index, sent)))
        .collect();
    turns.sort_by_key(|(_, sent)| sent.received);
    let mut told: BTreeMap<usize, Vec<&Sent>> = BTreeMap::new();
    for (index, sent) in turns {
        told.entry(index).or_default().push(sent);
    }
    for (index, requests) in told {
        let heard: Vec<Heard> =
            requests.iter().filter_map(|sent| heard(&captures[index], sent)).collect();
        assert_eq!(calls(&captures[index], &heard.iter().collect::<Vec<_>>()), alone[index]);
    }
}
