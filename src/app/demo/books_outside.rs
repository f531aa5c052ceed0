//! The end of the demo at the CRMs and the messenger: every finished call exactly once in each
//! CRM, a task for each missed one, no limit exceeded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::books::{Record, Stored};

/// The names of the two CRMs in the summary.
const CRMS: [&str; 2] = ["amoCRM", "Bitrix24"];

/// What the stand-ins were told.
#[derive(Debug, Default)]
pub struct Told {
    /// How often each call stands in the log of each CRM, by our id.
    pub logged: [BTreeMap<String, u64>; 2],
    /// The texts of amoCRM's tasks; our id of the call stands in each.
    pub tasks: Vec<String>,
    /// Requests that showed a card in amoCRM, and calls that Bitrix24 knew while they rang or after.
    pub shown: [u64; 2],
    /// Cards of our own that learned from each who the client is.
    pub known: [u64; 2],
    /// Cards that are still open in Bitrix24.
    pub cards_open: u64,
    /// Messages in Telegram.
    pub messages: u64,
    /// What a well-behaved client never does.
    pub wrong: Vec<String>,
}

/// The calls that a CRM can be told of: those whose client has a number that anybody can read.
fn tellable(record: &Record) -> impl Iterator<Item = &Stored> {
    record.calls.values().filter(|call| number(call).is_some())
}

fn number(call: &Stored) -> Option<&str> {
    call.client_e164.as_ref()?.as_str()
}

fn is_missed(call: &Stored) -> bool {
    call.disposition == "missed" && call.direction.as_deref() == Some("in")
}

/// Whether a missed call must have a task: nobody talked with its client since, which makes the task
/// needless when it was not given yet.
fn needs_task(call: &Stored, record: &Record) -> bool {
    let talked = |other: &Stored| {
        other.disposition == "answered"
            && number(other) == number(call)
            && other.started_at >= call.started_at
    };
    is_missed(call) && !record.calls.values().any(talked)
}

/// Whether everything has arrived that must.
pub fn is_complete(record: &Record, told: &Told) -> bool {
    let everywhere = |call: &Stored| told.logged.iter().all(|log| log.contains_key(&call.id));
    let given = |call: &Stored| told.tasks.iter().any(|text| text.contains(&call.id));
    let missed = record.calls.values().any(is_missed);
    tellable(record).all(everywhere)
        && tellable(record).filter(|call| needs_task(call, record)).all(given)
        && told.cards_open == 0
        && (told.messages > 0 || !missed)
}

/// Compares both sides; adds what differs, and gives the lines of the summary.
pub fn balance(record: &Record, told: &Told, wrong: &mut Vec<String>) -> String {
    wrong.extend(told.wrong.iter().cloned());
    let calls: BTreeSet<&str> = tellable(record).map(|call| call.id.as_str()).collect();
    for (crm, log) in CRMS.iter().zip(&told.logged) {
        for call in &calls {
            let times = log.get(*call).copied().unwrap_or(0);
            if times != 1 {
                wrong.push(format!("{crm}: the call {call} is there {times} times"));
            }
        }
        for call in log.keys().filter(|call| !calls.contains(call.as_str())) {
            wrong.push(format!("{crm}: {call} is no call that it should know"));
        }
    }
    let missed: Vec<&Stored> = tellable(record).filter(|call| is_missed(call)).collect();
    for call in &missed {
        let times = told.tasks.iter().filter(|text| text.contains(&call.id)).count();
        if times > 1 || (times == 0 && needs_task(call, record)) {
            wrong.push(format!("amoCRM: {times} tasks for the missed call {}", call.id));
        }
    }
    let of_missed = |text: &&String| missed.iter().any(|call| text.contains(&call.id));
    let strange = told.tasks.iter().filter(|text| !of_missed(text)).count();
    if strange > 0 {
        wrong.push(format!("amoCRM: {strange} tasks of calls that were not missed"));
    }
    if told.cards_open > 0 {
        wrong.push(format!("Bitrix24: {} cards are still open", told.cards_open));
    }
    if told.messages == 0 && record.calls.values().any(is_missed) {
        wrong.push(String::from("Telegram: clients were missed and nobody was told"));
    }
    table(record, told, missed.len())
}

fn table(record: &Record, told: &Told, missed: usize) -> String {
    let unreadable = record.calls.len() - tellable(record).count();
    let mut text = String::from("CRM               calls  logged     cards   clients     tasks\n");
    let tasks = [format!("{} of {missed}", told.tasks.len()), String::from("-")];
    for (at, task) in tasks.iter().enumerate() {
        let (Some(crm), Some(log)) = (CRMS.get(at), told.logged.get(at)) else { continue };
        let figure = |of: [u64; 2]| of.get(at).copied().unwrap_or(0);
        let _ = writeln!(
            text,
            "{crm:<16} {:>6} {:>7} {:>9} {:>9} {task:>9}",
            record.calls.len() - unreadable,
            log.values().sum::<u64>(),
            figure(told.shown),
            figure(told.known),
        );
    }
    let _ = writeln!(
        text,
        "calls of a number that nobody can read are in no CRM: {unreadable}\n\
         Telegram: {} messages\n",
        told.messages
    );
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str, disposition: &str, number: Option<&str>) -> (String, Stored) {
        let call = Stored {
            id: id.to_owned(),
            call_key: format!("a/{id}"),
            disposition: disposition.to_owned(),
            outcome: None,
            answered_by: None,
            handled_by: Vec::new(),
            settled: true,
            authority: String::from("observed"),
            direction: Some(String::from("in")),
            client_e164: number.map(|number| json!(number)),
            started_at: String::new(),
        };
        (id.to_owned(), call)
    }

    fn record() -> Record {
        let calls = [
            call("one", "answered", Some("+998901230001")),
            call("two", "missed", Some("+998901230002")),
            call("three", "missed", None),
        ];
        Record { calls: calls.into(), ..Record::default() }
    }

    fn told() -> Told {
        let log = || BTreeMap::from([(String::from("one"), 1), (String::from("two"), 1)]);
        let tasks = vec![String::from("call back (two)")];
        Told { logged: [log(), log()], tasks, messages: 1, ..Told::default() }
    }

    fn wrong(change: impl FnOnce(&mut Told)) -> Vec<String> {
        let (mut told, mut wrong) = (told(), Vec::new());
        change(&mut told);
        balance(&record(), &told, &mut wrong);
        wrong
    }

    #[test]
    fn what_is_lost_or_told_twice_does_not_balance() {
        assert_eq!(wrong(|_| {}), [""; 0]);
        assert!(is_complete(&record(), &told()));
        assert_eq!(wrong(|told| told.logged[0].clear()).len(), 2);
        assert_eq!(wrong(|told| told.logged[1].extend([(String::from("one"), 2)])).len(), 1);
        assert_eq!(wrong(|told| told.logged[1].extend([(String::from("who"), 1)])).len(), 1);
        assert_eq!(wrong(|told| told.tasks.clear()).len(), 1);
        assert_eq!(wrong(|told| told.tasks.push(String::from("three"))).len(), 1);
        assert_eq!(wrong(|told| told.cards_open = 1).len(), 1);
        assert_eq!(wrong(|told| told.messages = 0).len(), 1);
    }

    #[test]
    fn a_task_may_be_missing_where_the_client_was_reached_since() {
        let (mut record, mut told, mut wrong) = (record(), told(), Vec::new());
        let (_, again) = call("four", "answered", Some("+998901230002"));
        record.calls.insert(String::from("four"), again);
        for log in &mut told.logged {
            log.insert(String::from("four"), 1);
        }
        told.tasks.clear();
        balance(&record, &told, &mut wrong);
        assert_eq!(wrong, [""; 0]);
        assert!(is_complete(&record, &told));
    }
}
