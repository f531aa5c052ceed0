//! The end of the demo: what the stand-ins know they did against what navbat has on record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;

use super::day::{Kind, Stand, Story};
use super::sender::Done;

/// One call as the API tells it, as far as the books need it.
#[derive(Debug, Clone, Deserialize)]
pub struct Stored {
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
pub fn is_complete(done: &Done, record: &Record) -> bool {
    done.stories.iter().all(|story| record.calls.get(&key(story)).is_some_and(|call| call.settled))
}

/// Compares both sides.
pub fn balance(done: &Done, record: &Record) -> Books {
    let mut wrong = Vec::new();
    let mut rows: BTreeMap<Stand, Row> = BTreeMap::new();
    for story in &done.stories {
        let row = rows.entry(story.stand).or_default();
        row.made += 1;
        let is =
            |word: &str, column: &str| u64::from(story.kind == Kind::Inbound && word == column);
        row.answered.0 += is(story.disposition(), "answered");
        row.missed.0 += is(story.disposition(), "missed");
        row.outbound += u64::from(story.kind != Kind::Inbound);
        match record.calls.get(&key(story)) {
            Some(call) => {
                row.stored += 1;
                row.answered.1 += is(&call.disposition, "answered");
                row.missed.1 += is(&call.disposition, "missed");
                compare(story, call, &mut wrong);
            }
            None => wrong.push(format!("{} is not on record", key(story))),
        }
    }
    let made: BTreeSet<String> = done.stories.iter().map(key).collect();
    for key in record.calls.keys().filter(|key| !made.contains(*key)) {
        wrong.push(format!("{key} is on record and was never made"));
    }
    totals(done, record, &mut wrong);
    Books { table: table(&rows, done, record), wrong }
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

fn totals(done: &Done, record: &Record, wrong: &mut Vec<String>) {
    let mut same = |what: &str, did: u64, stored: u64| {
        if did != stored {
            wrong.push(format!("{what}: {stored} on record, {did} made"));
        }
    };
    let inbound = || done.stories.iter().filter(|story| story.kind == Kind::Inbound);
    same("calls", done.stories.len() as u64, record.calls.len() as u64);
    same("calls listed twice", 0, record.repeats);
    same("inbound calls in the statistics", inbound().count() as u64, record.figures.offered);
    let answered = inbound().filter(|story| !story.talks.is_empty()).count() as u64;
    same("answered calls in the statistics", answered, record.figures.answered);
    same("cards still open", 0, record.cards_open);
    same("requests given up", 0, done.given_up);
    for counted in &record.accounts {
        let Some(stand) = Stand::ALL.into_iter().find(|one| account(*one) == counted.account)
        else {
            continue;
        };
        let of = |map: &BTreeMap<Stand, u64>| map.get(&stand).copied().unwrap_or(0);
        same(&format!("{} requests", counted.account), of(&done.sent), counted.received);
        same(&format!("{} copies", counted.account), of(&done.copies), counted.duplicates);
    }
}

fn table(rows: &BTreeMap<Stand, Row>, done: &Done, record: &Record) -> String {
    let mut text = String::from(
        "\nprovider          calls  stored   answered     missed  outbound   events  copies\n",
    );
    let mut all = Row::default();
    for (stand, row) in rows {
        let of = |map: &BTreeMap<Stand, u64>| map.get(stand).copied().unwrap_or(0);
        let (events, copies) = (of(&done.sent), of(&done.copies));
        line(&mut text, account(*stand), row, events, copies);
        all.made += row.made;
        all.stored += row.stored;
        all.answered = (all.answered.0 + row.answered.0, all.answered.1 + row.answered.1);
        all.missed = (all.missed.0 + row.missed.0, all.missed.1 + row.missed.1);
        all.outbound += row.outbound;
    }
    line(&mut text, "all", &all, done.sent.values().sum(), done.copies.values().sum());
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for call in record.calls.values() {
        *outcomes.entry(call.outcome.as_deref().unwrap_or("none")).or_default() += 1;
    }
    let outcomes: Vec<String> =
        outcomes.iter().map(|(word, count)| format!("{word} {count}")).collect();
    let _ = writeln!(text, "\noutcomes: {}", outcomes.join(", "));
    let _ = writeln!(
        text,
        "asked whom to ring: {} times, {} calls rang as navbat said",
        done.asked, done.advised
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
