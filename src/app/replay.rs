//! `navbat replay`: captured provider requests into an empty engine, the calls out.
//!
//! It runs the readers, the engine and the timers of `serve`, with each line's `at` as the moment
//! of receipt. Timers that fall between two lines fire at their own moments; after the last line
//! the clock stands still, so a call whose time to settle has not passed is printed as not
//! settled.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::Serialize;

use super::replay_accounts::Accounts;
use super::tape::{self, Http, Line, Received};
use crate::acd::Settings;
use crate::connect::provider::{self, Account, Question, Request, What};
use crate::model::{
    Authority, CallId, CallRow, Direction, Mono, Name, Now, Number, Party, Period, Record, Seq,
    Wall,
};
use crate::switch::{Heard, Input, Output, RouteAsk, Switch, Ticket};

/// The same fingerprint within this is the same request (providers/common.md section 5).
const DUPLICATE_WITHIN: Period = Period::hours(24);
/// A replay gives the same ids every time.
const SEED: u64 = 0x006e_6176_6261_7400;
/// How long a routing question may take; nothing waits here, so any length does.
const ROUTE_WITHIN: Period = Period::millis(800);

/// What came of a replay beside the calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that could not be used, with what was wrong.
    pub unusable: Vec<(usize, String)>,
    /// Requests that were refused: wrong token, unknown account, foreign domain.
    pub refused: u32,
    /// Requests that had come before.
    pub duplicates: u32,
}

/// One replay on its way.
struct Replay {
    switch: Switch,
    /// The moment of the first line; the monotonic clock counts from there.
    began: Option<Wall>,
    now: Now,
    seen: BTreeMap<(Name, String), Wall>,
    requests: u64,
    order: Vec<CallId>,
    rows: BTreeMap<CallId, CallRow>,
    tally: Tally,
}

/// What a capture holds.
#[derive(Default)]
pub struct Capture {
    lines: Vec<Line>,
    unusable: Vec<(usize, String)>,
}

/// Reads a capture. A line that can not be used is noted and the others are kept.
pub fn read(capture: impl BufRead) -> std::io::Result<Capture> {
    let mut read = Capture::default();
    for (at, bytes) in capture.split(b'\n').enumerate() {
        let bytes = bytes?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            read.unusable.push((at + 1, String::from("is not UTF-8")));
            continue;
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        match tape::read(text) {
            Ok(line) => read.lines.push(line),
            Err(error) => read.unusable.push((at + 1, said(&error))),
        }
    }
    Ok(read)
}

impl Capture {
    /// Its requests.
    pub fn requests(&self) -> impl Iterator<Item = &Http> {
        self.lines.iter().filter_map(|line| match &line.what {
            Received::Http(http) => Some(http),
            Received::Clock => None,
        })
    }
}

/// Replays a capture and returns the calls in the order of their first events.
pub fn replay(
    capture: Capture,
    settings: Arc<Settings>,
    accounts: &Accounts,
) -> (Vec<CallRow>, Tally) {
    let mut replay = Replay {
        switch: Switch::new(settings, SEED),
        began: None,
        now: Now::default(),
        seen: BTreeMap::new(),
        requests: 0,
        order: Vec::new(),
        rows: BTreeMap::new(),
        tally: Tally { unusable: capture.unusable, ..Tally::default() },
    };
    for line in capture.lines {
        replay.pass_until(line.at);
        match line.what {
            Received::Http(http) => replay.request(accounts, &http),
            Received::Clock => {}
        }
    }
    replay.end()
}

fn said(error: &tape::LineError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Replay {
    /// Lets time pass: what falls due on the way happens at its own moment. A line that stands
    /// before the one above it is received late, as its wall reading says; time does not go back.
    fn pass_until(&mut self, at: Wall) {
        let began = *self.began.get_or_insert(at);
        let until = Mono(at.since(began).as_millis()).max(self.now.mono);
        while let Some(due) = self.switch.poll_timeout().filter(|due| *due <= until) {
            let mono = due.max(self.now.mono);
            self.now = Now { mono, wall: began + mono.since(Mono(0)) };
            self.switch.handle_timeout(self.now);
            self.drain();
        }
        self.now = Now { mono: until, wall: at };
    }

    fn request(&mut self, accounts: &Accounts, http: &Http) {
        let Some(account) = accounts.find(http) else {
            self.tally.refused += 1;
            return;
        };
        let wire = Request {
            method: &http.method,
            query: &http.query,
            headers: &http.headers,
            body: &http.body,
        };
        let Ok(reading) = provider::read(account, &wire, self.now.wall) else {
            self.tally.refused += 1;
            return;
        };
        let again = reading.of_repeat();
        let repeats = self.is_duplicate(&account.name, reading.fingerprint);
        if repeats {
            self.tally.duplicates += 1;
            if again.is_empty() {
                return;
            }
        }
        self.requests += 1;
        let facts = match reading.what {
            What::Facts(_) if repeats => again,
            What::Facts(facts) => facts,
            What::Unknown => Vec::new(),
            What::Question(question) => return self.asked(account, question),
        };
        let (request, account) = (Some(Seq(self.requests)), account.name.clone());
        self.take(Input::Heard(Heard { request, account, received: self.now.wall, facts }));
    }

    fn asked(&mut self, account: &Account, question: Question) {
        self.take(Input::RouteAsked(RouteAsk {
            ticket: Ticket(self.requests),
            account: account.name.clone(),
            key: question.key,
            client: question.client,
            line: question.line,
            queue: question.queue,
            kind: question.kind,
            deadline: self.now.mono + ROUTE_WITHIN,
        }));
    }

    fn is_duplicate(&mut self, account: &Name, fingerprint: Option<String>) -> bool {
        let Some(fingerprint) = fingerprint else { return false };
        let key = (account.clone(), fingerprint);
        let at = self.now.wall;
        let known = self.seen.get(&key).is_some_and(|seen| at.since(*seen) < DUPLICATE_WITHIN);
        if !known {
            self.seen.insert(key, at);
        }
        known
    }

    fn take(&mut self, input: Input) {
        self.switch.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Record(_, Record::CallSaved(row)) => self.keep(*row),
                Output::Record(..) | Output::Effect(_) | Output::Send { .. } => {}
            }
        }
    }

    fn keep(&mut self, row: CallRow) {
        if !self.rows.contains_key(&row.id) {
            self.order.push(row.id);
        }
        self.rows.insert(row.id, row);
    }

    fn end(mut self) -> (Vec<CallRow>, Tally) {
        let rows = self.order.iter().filter_map(|id| self.rows.remove(id)).collect();
        (rows, self.tally)
    }
}

/// A call as PRODUCT section 6 has it: these fields and no others.
#[derive(Serialize)]
struct Printed<'a> {
    id: CallId,
    call_key: &'a str,
    provider: &'a str,
    account: &'a Name,
    authority: Authority,
    direction: Option<Direction>,
    client_e164: Option<&'a Number>,
    line_e164: Option<&'a Number>,
    queue: Option<&'a Name>,
    rung: &'a [Name],
    answered_by: Option<&'a Name>,
    handled_by: &'a [Name],
    placed_by: Option<&'a Name>,
    missed: bool,
    talk_seconds: Option<Seconds>,
    ring_seconds: Option<Seconds>,
    wait_seconds: Option<Seconds>,
    disposition: &'static str,
    outcome: Option<&'static str>,
    recording_url: Option<&'a str>,
    started_at: String,
    ended_at: Option<String>,
    settled: bool,
}

/// Seconds: whole ones without a point, others with at most three decimals.
#[derive(Serialize)]
#[serde(untagged)]
enum Seconds {
    Whole(u64),
    Part(f64),
}

impl From<Period> for Seconds {
    fn from(length: Period) -> Seconds {
        if length.as_millis().is_multiple_of(1000) {
            Seconds::Whole(length.as_millis() / 1000)
        } else {
            Seconds::Part(length.as_secs())
        }
    }
}

/// Prints one call as one line of JSON.
pub fn print(row: &CallRow, to: &mut impl Write) -> std::io::Result<()> {
    let printed = Printed {
        id: row.id,
        call_key: &row.call_key,
        provider: &row.provider,
        account: &row.account,
        authority: row.authority,
        direction: row.direction,
        client_e164: row.client.as_ref().and_then(Party::e164),
        line_e164: row.line.as_ref().and_then(Party::e164),
        queue: row.queue.as_ref(),
        rung: &row.rung,
        answered_by: row.answered_by.as_ref(),
        handled_by: &row.handled_by,
        placed_by: row.placed_by.as_ref(),
        missed: row.missed,
        talk_seconds: row.talk.map(Seconds::from),
        ring_seconds: row.ring.map(Seconds::from),
        wait_seconds: row.wait.map(Seconds::from),
        disposition: row.disposition.word(),
        outcome: row.outcome.map(|outcome| outcome.word()),
        recording_url: row.recording_url.as_deref(),
        started_at: row.started_at.rfc3339(),
        ended_at: row.ended_at.map(Wall::rfc3339),
        settled: row.settled,
    };
    serde_json::to_writer(&mut *to, &printed)?;
    writeln!(to)
}
