//! The end of the demo: what the stand-ins know they did against what navbat has on record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::books_outside::{self, Told};
use super::day::{Kind, Stand, Story};
use super::floor::Made;
use super::people::TELEPHONES;
use super::sender::Done;
use super::telephony::TRUNK;

/// One call as the API tells it, as far as the books need it.
#[derive(Debug, Clone, Deserialize)]
pub struct Stored {
    /// Ours.
    pub id: String,
    /// `account/` and the provider's own id.
    pub call_key: String,
    /// What became of it.
    pub disposition: String,
    /// The outcome of its last entry.
    pub outcome: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// Everybody who talked.
    pub handled_by: Vec<String>,
    /// False: late facts may still change it.
    pub settled: bool,
    /// `owned` for a call that navbat itself carried.
    pub authority: String,
    /// `in` or `out`.
    pub direction: Option<String>,
    /// The client's number, for those who may see it.
    pub client_e164: Option<Value>,
    /// When it began, in a form that sorts.
    pub started_at: String,
}

/// What all stand-ins know they did.
pub struct Both {
    /// Over webhooks.
    pub hooks: Done,
    /// Over SIP, in the order in which they ended.
    pub made: Vec<Made>,
    /// What navbat did to telephones and must not.
    pub faults: Vec<String>,
    /// SIP messages that the stand-ins sent.
    pub messages: u64,
    /// Whether a visitor's own telephone may have been there, which nobody here can switch off.
    pub guests: bool,
    /// What the CRMs and the messenger were told.
    pub told: Told,
}

/// What the API says of one account.
#[derive(Debug, Clone, Deserialize)]
pub struct Counted {
    /// The account.
    pub account: String,
    /// Requests received, copies among them.
    pub received: u64,
    /// Copies dropped.
    pub duplicates: u64,
}

/// The totals of the missed-call statistics, as far as the books need them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Figures {
    /// Entries that reached a queue.
    pub offered: u64,
    /// Of these, those in which an operator talked.
    pub answered: u64,
}

/// Everything that navbat has on record.
#[derive(Debug, Default)]
pub struct Record {
    /// Calls by key.
    pub calls: BTreeMap<String, Stored>,
    /// Rows that were listed under one key more than once.
    pub repeats: u64,
    /// Accounts.
    pub accounts: Vec<Counted>,
    /// Statistics of the day.
    pub figures: Figures,
    /// Cards that are still open.
    pub cards_open: u64,
    /// Operators with a SIP telephone that navbat can still reach.
    pub reachable: u64,
    /// Legs of calls that navbat still holds.
    pub legs_open: u64,
}

/// The summary: a table, and what does not balance.
pub struct Books {
    /// The table, ready to print.
    pub table: String,
    /// Every imbalance in words; empty when the books balance.
    pub wrong: Vec<String>,
}

/// One line of the table.
#[derive(Default)]
struct Row {
    made: u64,
    stored: u64,
    answered: (u64, u64),
    missed: (u64, u64),
    outbound: u64,
}

/// Whether every call of the stand-ins is on record and settled.
pub fn is_complete(done: &Both, record: &Record) -> bool {
    let settled = |call: Option<&Stored>| call.is_some_and(|call| call.settled);
    done.hooks.stories.iter().all(|story| settled(record.calls.get(&key(story))))
        && pairs(&done.made, record).iter().all(|(_, call)| settled(*call))
        && (done.guests || record.reachable + record.legs_open == 0)
        && books_outside::is_complete(record, &done.told)
}

/// Compares both sides.
pub fn balance(done: &Both, record: &Record) -> Books {
    let mut wrong = done.faults.clone();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for story in &done.hooks.stories {
        let row = rows.entry(account(story.stand)).or_default();
        let call = record.calls.get(&key(story));
        row.add(story.kind == Kind::Inbound, story.disposition(), call);
        match call {
            Some(call) => compare(story, call, &mut wrong),
            None => wrong.push(format!("{} is not on record", key(story))),
        }
    }
    let stories = done.hooks.stories.iter().map(key);
    let mut known: BTreeSet<String> = stories.collect();
    for (made, call) in pairs(&done.made, record) {
        let row = rows.entry(TRUNK).or_default();
        row.add(made.inbound, made.disposition, call);
        match call {
            Some(call) => {
                known.insert(call.call_key.clone());
                compare_ours(made, call, &mut wrong);
            }
            None => {
                wrong.push(format!("a SIP call that was {} is not on record", made.disposition))
            }
        }
    }
    for key in record.calls.keys().filter(|key| !known.contains(*key)) {
        wrong.push(format!("{key} is on record and was never made"));
    }
    totals(done, record, &mut wrong);
    let outside = books_outside::balance(record, &done.told, &mut wrong);
    Books { table: table(&rows, done, record) + "\n" + &outside, wrong }
}

/// The SIP calls with what is on record of each. Neither side knows the other's name of a call:
/// the calls of one number in one direction are the same in the order of their beginning.
fn pairs<'a>(made: &'a [Made], record: &'a Record) -> Vec<(&'a Made, Option<&'a Stored>)> {
    let mut stored: Vec<&Stored> =
        record.calls.values().filter(|call| call.authority == "owned").collect();
    stored.sort_by(|one, other| other.started_at.cmp(&one.started_at));
    let mut of: BTreeMap<(String, bool), Vec<&Stored>> = BTreeMap::new();
    for call in stored {
        let number = call.client_e164.as_ref().and_then(Value::as_str).unwrap_or_default();
        let inbound = call.direction.as_deref() == Some("in");
        of.entry((number.trim_start_matches('+').to_owned(), inbound)).or_default().push(call);
    }
    let mut made: Vec<&Made> = made.iter().collect();
    made.sort_by_key(|made| made.at);
    let paired = made.into_iter().map(|made| {
        let calls = of.get_mut(&(made.number.to_owned(), made.inbound));
        (made, calls.and_then(Vec::pop))
    });
    paired.collect()
}

impl Row {
    /// Counts one call: what it was, and what is on record of it.
    fn add(&mut self, inbound: bool, was: &str, stored: Option<&Stored>) {
        let count = |word: &str, column: &str| u64::from(inbound && word == column);
        self.made += 1;
        self.outbound += u64::from(!inbound);
        self.answered.0 += count(was, "answered");
        self.missed.0 += count(was, "missed");
        let Some(call) = stored else { return };
        self.stored += 1;
        self.answered.1 += count(&call.disposition, "answered");
        self.missed.1 += count(&call.disposition, "missed");
    }
}

/// The key of a call as navbat writes it.
fn key(story: &Story) -> String {
    format!("{}/{}", account(story.stand), story.key)
}

/// The account of a stand-in in the demo's configuration.
pub const fn account(stand: Stand) -> &'static str {
    match stand {
        Stand::Sipuni => "sipuni-main",
        Stand::OnlinePbx => "onlinepbx",
        Stand::Utel => "uztelecom-utel",
        Stand::Itoolabs => "uztelecom-cloud",
        Stand::Sarkor => "sarkor",
    }
}

fn compare(story: &Story, call: &Stored, wrong: &mut Vec<String>) {
    let mut differ = |what: &str, did: &str, stored: &str| {
        if did != stored {
            wrong.push(format!("{}: {what} is `{stored}`, it was `{did}`", key(story)));
        }
    };
    differ("disposition", story.disposition(), &call.disposition);
    let answered_by = call.answered_by.as_deref().unwrap_or("nobody");
    differ("answered_by", story.answered_by().unwrap_or("nobody"), answered_by);
    differ("handled_by", &story.handled_by().join(", "), &call.handled_by.join(", "));
    if story.kind == Kind::Inbound && call.outcome.is_none() {
        wrong.push(format!("{}: an inbound call without an outcome", key(story)));
    }
}

/// A SIP call against the record: whom the client heard is who talked.
fn compare_ours(made: &Made, call: &Stored, wrong: &mut Vec<String>) {
    let mut differ = |what: &str, did: &str, stored: &str| {
        if did != stored {
            wrong.push(format!("{}: {what} is `{stored}`, it was `{did}`", call.call_key));
        }
    };
    let names = made.talked.iter().filter_map(|at| TELEPHONES.get(*at));
    let names: Vec<&str> = names.map(|one| one.owner.name).collect();
    differ("disposition", made.disposition, &call.disposition);
    let answered_by = call.answered_by.as_deref().unwrap_or("nobody");
    differ("answered_by", names.first().unwrap_or(&"nobody"), answered_by);
    differ("handled_by", &names.join(", "), &call.handled_by.join(", "));
    if made.inbound && call.outcome.is_none() {
        wrong.push(format!("{}: an inbound call without an outcome", call.call_key));
    }
}

fn totals(done: &Both, record: &Record, wrong: &mut Vec<String>) {
    let mut same = |what: &str, did: u64, stored: u64| {
        if did != stored {
            wrong.push(format!("{what}: {stored} on record, {did} made"));
        }
    };
    let (hooks, made) = (&done.hooks, &done.made);
    let inbound = || hooks.stories.iter().filter(|story| story.kind == Kind::Inbound);
    let ours = || made.iter().filter(|made| made.inbound);
    same("calls", (hooks.stories.len() + made.len()) as u64, record.calls.len() as u64);
    same("calls listed twice", 0, record.repeats);
    let offered = inbound().count() + ours().count();
    same("inbound calls in the statistics", offered as u64, record.figures.offered);
    let answered = inbound().filter(|story| !story.talks.is_empty()).count()
        + ours().filter(|made| made.disposition == "answered").count();
    same("answered calls in the statistics", answered as u64, record.figures.answered);
    same("cards still open", 0, record.cards_open);
    if !done.guests {
        same("telephones still registered", 0, record.reachable);
        same("legs still open", 0, record.legs_open);
    }
    same("requests given up", 0, hooks.given_up);
    for counted in &record.accounts {
        let Some(stand) = Stand::ALL.into_iter().find(|one| account(*one) == counted.account)
        else {
            continue;
        };
        let of = |map: &BTreeMap<Stand, u64>| map.get(&stand).copied().unwrap_or(0);
        same(&format!("{} requests", counted.account), of(&hooks.sent), counted.received);
        same(&format!("{} copies", counted.account), of(&hooks.copies), counted.duplicates);
    }
}

fn table(rows: &BTreeMap<&str, Row>, done: &Both, record: &Record) -> String {
    let mut text = String::from(
        "\nprovider          calls  stored   answered     missed  outbound   events  copies\n",
    );
    let mut all = Row::default();
    let hooks = &done.hooks;
    for (name, row) in rows {
        let stand = Stand::ALL.into_iter().find(|stand| account(*stand) == *name);
        let of = |map: &BTreeMap<Stand, u64>| {
            stand.and_then(|stand| map.get(&stand)).copied().unwrap_or(0)
        };
        let (events, copies) = (of(&hooks.sent), of(&hooks.copies));
        // Of a trunk: the messages that its carrier and the telephones sent.
        let events = if stand.is_some() { events } else { done.messages };
        line(&mut text, name, row, events, copies);
        all.made += row.made;
        all.stored += row.stored;
        all.answered = (all.answered.0 + row.answered.0, all.answered.1 + row.answered.1);
        all.missed = (all.missed.0 + row.missed.0, all.missed.1 + row.missed.1);
        all.outbound += row.outbound;
    }
    let events = hooks.sent.values().sum::<u64>() + done.messages;
    line(&mut text, "all", &all, events, hooks.copies.values().sum());
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for call in record.calls.values() {
        *outcomes.entry(call.outcome.as_deref().unwrap_or("none")).or_default() += 1;
    }
    let outcomes: Vec<String> =
        outcomes.iter().map(|(word, count)| format!("{word} {count}")).collect();
    let _ = writeln!(text, "\noutcomes: {}", outcomes.join(", "));
    let moved = done.made.iter().filter(|made| made.talked.len() > 1).count();
    let _ = writeln!(
        text,
        "SIP: {} calls over {} telephones, {moved} passed on",
        done.made.len(),
        TELEPHONES.len()
    );
    let _ = writeln!(
        text,
        "asked whom to ring: {} times, {} calls rang as navbat said",
        hooks.asked, hooks.advised
    );
    text
}

/// A figure is what the stand-ins did; where the record differs it follows in brackets.
fn line(text: &mut String, name: &str, row: &Row, events: u64, copies: u64) {
    let both = |(did, stored): (u64, u64)| {
        if did == stored { did.to_string() } else { format!("{did} ({stored})") }
    };
    let _ = writeln!(
        text,
        "{name:<16} {:>6} {:>7} {:>10} {:>10} {:>9} {events:>8} {copies:>7}",
        row.made,
        row.stored,
        both(row.answered),
        both(row.missed),
        row.outbound,
    );
}
