//! Calls on their way into amoCRM's log, several in one request.
//!
//! Each note waits for its own call only. Who comes first opens a batch; whoever comes within
//! [`GATHER`] rides along, and the answer is shared out by `request_id`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::amocrm_door::{Ask, Door};
use super::amocrm_trouble::{Mark, Trouble, nobody};
use super::amocrm_wire::{CallItem, kind};

/// Calls of one request that amoCRM recommends at most.
const BATCH_MAX: usize = 50;
/// How long the first call waits for others. Longer saves requests, shorter a quarter second.
const GATHER: Duration = Duration::from_millis(250);

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// It stands at an entity.
    Placed {
        /// Its id.
        call: u64,
        /// `contacts`, `leads` and so on.
        kind: &'static str,
        /// The entity's id.
        id: u64,
    },
    /// It was not stored: nobody there has the number.
    Nobody,
}

/// Requests on their way at once. With more the calls that a request lets in fill requests of one or
/// two: amoCRM's limit then carried eleven calls a second where it carries 150 with three. With one,
/// a lost answer holds every other call up.
const CARRIERS_MAX: usize = 3;

/// A call that waits, and who waits for it.
type Waiting = (CallItem, oneshot::Sender<Result<Logged, Trouble>>);

/// The calls of one account.
pub struct Batch {
    line: Mutex<Line>,
    /// Calls of the next request: halved when one was too heavy, doubled after one that was not.
    size: AtomicUsize,
}

/// Calls that wait, and how many tasks carry them.
#[derive(Default)]
struct Line {
    waiting: Vec<Waiting>,
    carriers: usize,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { line: Mutex::default(), size: AtomicUsize::new(BATCH_MAX) }
    }
}

impl Batch {
    /// Logs a call. The request goes on when the asker leaves.
    pub async fn log(
        self: &Arc<Batch>,
        door: &Arc<Door>,
        item: CallItem,
    ) -> Result<Logged, Trouble> {
        let (tell, told) = oneshot::channel();
        let opens = {
            let mut line = self.line.lock();
            line.waiting.push((item, tell));
            let opens = line.waiting.len() == 1 && line.carriers < CARRIERS_MAX;
            line.carriers += usize::from(opens);
            opens
        };
        if opens {
            tokio::spawn(carry(self.clone(), door.clone()));
        }
        told.await.unwrap_or_else(|_| Err(Trouble::Lost(String::from("the batch was given up"))))
    }

    /// The next calls; those that stay are carried afterwards.
    fn take(&self) -> Vec<Waiting> {
        let mut line = self.line.lock();
        let count = self.size.load(Ordering::Relaxed).min(line.waiting.len());
        line.waiting.drain(..count).collect()
    }

    fn learn(&self, results: &BTreeMap<String, Result<Logged, Trouble>>) {
        let heavy = results.values().any(|result| *result == Err(Trouble::TooHeavy));
        let size = self.size.load(Ordering::Relaxed);
        let next = if heavy { results.len() / 2 } else { size.saturating_mul(2) };
        self.size.store(next.clamp(1, BATCH_MAX), Ordering::Relaxed);
    }
}

/// Carries calls until none waits.
async fn carry(batch: Arc<Batch>, door: Arc<Door>) {
    loop {
        tokio::time::sleep(GATHER).await;
        let taken = batch.take();
        let items = taken.iter().map(|(item, _)| item.clone()).collect();
        let mut results = send(&door, items).await;
        batch.learn(&results);
        for (item, tell) in taken {
            let result = results.remove(&item.request_id);
            let lost = || Err(Trouble::Lost(String::from("the answer does not name it")));
            let _left = tell.send(result.unwrap_or_else(lost)); // its asker may have left
        }
        // A call that comes after this look finds a place free and opens a batch of its own.
        let mut line = batch.line.lock();
        if line.waiting.is_empty() {
            line.carriers = line.carriers.saturating_sub(1);
            return;
        }
    }
}

/// Sends calls, and sends the good ones again without the bad ones.
async fn send(door: &Door, items: Vec<CallItem>) -> BTreeMap<String, Result<Logged, Trouble>> {
    let mut results = BTreeMap::new();
    let mut parts = vec![items];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let asked = door.ask(Ask::post("/api/v4/calls", json!(part))).await;
        let trouble = match asked {
            Ok(Some(body)) => {
                share_out(&part, &body, &mut results);
                continue;
            }
            Ok(None) => Trouble::Lost(String::from("the answer says nothing of the calls")),
            Err(trouble) => trouble,
        };
        parts.extend(settle(part, &trouble, &mut results));
    }
    results
}

/// Reads which call stands where.
fn share_out(
    part: &[CallItem],
    body: &Value,
    results: &mut BTreeMap<String, Result<Logged, Trouble>>,
) {
    let calls = body.pointer("/_embedded/calls").and_then(Value::as_array);
    let unknown = nobody(body);
    for item in part {
        let own = |call: &&Value| {
            call.get("request_id").and_then(Value::as_str) == Some(item.request_id.as_str())
        };
        let result = match calls.into_iter().flatten().find(own) {
            Some(call) if !unknown.contains(&item.request_id) => {
                let strange = || Trouble::Lost(String::from("the call's place is not told"));
                placed(call).ok_or_else(strange)
            }
            Some(_) | None => Ok(Logged::Nobody),
        };
        results.insert(item.request_id.clone(), result);
    }
}

fn placed(call: &Value) -> Option<Logged> {
    let number = |key: &str| call.get(key).and_then(Value::as_u64);
    let kind = kind(call.get("entity_type")?)?;
    Some(Logged::Placed { call: number("id")?, kind, id: number("entity_id")? })
}

/// Gives the calls of a refused request their results; what is left of it is sent again.
fn settle(
    part: Vec<CallItem>,
    trouble: &Trouble,
    results: &mut BTreeMap<String, Result<Logged, Trouble>>,
) -> Vec<Vec<CallItem>> {
    let Trouble::Wrong { status, marks, nobody, none_stored } = trouble else {
        results.extend(part.into_iter().map(|item| (item.request_id, Err(trouble.clone()))));
        return Vec::new();
    };
    let (count, mut rest) = (part.len(), Vec::new());
    for (at, item) in part.into_iter().enumerate() {
        let bad = |mark: &Mark| mark.item == item.request_id || mark.item == at.to_string();
        let unnamed = count == 1 && nobody.iter().any(String::is_empty);
        if nobody.contains(&item.request_id) || unnamed {
            results.insert(item.request_id, Ok(Logged::Nobody));
        } else if count == 1 || marks.iter().any(bad) {
            results.insert(item.request_id, Err(trouble.clone()));
        } else {
            rest.push(item);
        }
    }
    if !nobody.is_empty() && !none_stored {
        // Some may be stored, and the answer does not say which: each is looked up.
        let unclear = || Err(Trouble::Lost(format!("refused in part with {status}")));
        results.extend(rest.into_iter().map(|item| (item.request_id, unclear())));
        return Vec::new();
    }
    if rest.len() < count {
        return vec![rest];
    }
    // The answer does not say which one is bad: each half may be good, down to one call.
    let second = rest.split_off(count / 2);
    vec![second, rest]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str) -> CallItem {
        CallItem {
            request_id: id.to_owned(),
            direction: String::from("inbound"),
            uniq: id.to_owned(),
            duration: 0,
            source: String::from("navbat"),
            phone: String::from("+998901112233"),
            link: None,
            call_result: None,
            call_status: 6,
            call_responsible: None,
            responsible_user_id: None,
            created_by: None,
            created_at: 0,
        }
    }

    fn wrong(marks: &[&str], nobody: &[&str], none_stored: bool) -> Trouble {
        let mark = |item: &&str| Mark {
            item: (*item).to_owned(),
            code: String::from("NotSupportedChoice"),
            path: String::from("link"),
        };
        Trouble::Wrong {
            status: 400,
            marks: marks.iter().map(mark).collect(),
            nobody: nobody.iter().map(|id| (*id).to_owned()).collect(),
            none_stored,
        }
    }

    fn settled(trouble: &Trouble) -> (Vec<Vec<String>>, Vec<(String, &'static str)>) {
        let mut results = BTreeMap::new();
        let part = ["a", "b", "c"].map(item).to_vec();
        let rest = settle(part, trouble, &mut results);
        let ids = |part: Vec<CallItem>| part.into_iter().map(|item| item.request_id).collect();
        let word = |result: Result<Logged, Trouble>| match result {
            Ok(Logged::Nobody) => "nobody",
            Ok(Logged::Placed { .. }) => "placed",
            Err(trouble) if trouble.is_unclear() => "unclear",
            Err(_) => "bad",
        };
        let told = results.into_iter().map(|(id, result)| (id, word(result))).collect();
        (rest.into_iter().map(ids).collect(), told)
    }

    fn words(told: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        told.iter().map(|(id, word)| ((*id).to_owned(), *word)).collect()
    }

    fn parts(parts: &[&[&str]]) -> Vec<Vec<String>> {
        parts.iter().map(|part| part.iter().map(|id| (*id).to_owned()).collect()).collect()
    }

    #[test]
    fn a_bad_call_is_taken_out_and_the_rest_is_sent_again() {
        let by_name = settled(&wrong(&["b"], &[], false));
        assert_eq!(by_name, (parts(&[&["a", "c"]]), words(&[("b", "bad")])));
        let by_place = settled(&wrong(&["0"], &[], false));
        assert_eq!(by_place, (parts(&[&["b", "c"]]), words(&[("a", "bad")])));
        let unnamed = settled(&wrong(&[], &[], false));
        assert_eq!(unnamed, (parts(&[&["b", "c"], &["a"]]), words(&[])));
    }

    #[test]
    fn a_call_of_nobody_is_told_and_what_may_be_stored_beside_it_is_looked_up() {
        let none_stored = settled(&wrong(&[], &["a"], true));
        assert_eq!(none_stored, (parts(&[&["b", "c"]]), words(&[("a", "nobody")])));
        let mixed = settled(&wrong(&[], &["a"], false));
        let told = words(&[("a", "nobody"), ("b", "unclear"), ("c", "unclear")]);
        assert_eq!(mixed, (parts(&[]), told));
    }

    #[test]
    fn a_lost_answer_is_unclear_for_every_call() {
        let (rest, told) = settled(&Trouble::Server(502));
        assert!(rest.is_empty());
        assert_eq!(told, words(&[("a", "unclear"), ("b", "unclear"), ("c", "unclear")]));
    }
}
