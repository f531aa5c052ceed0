//! What people are told, and when: a pure value like the engine. Records, observations and the
//! time go in, messages come out.
//!
//! A *thing* is what a rule can tell of: a missed call, a missed call past its time, a fault. It
//! begins and is over; between the two its rules tell it once, pass it on when nobody mends it,
//! and tell when it is over. The first message to a target leaves at once, what follows within the
//! digest's time is listed in one. What comes in quiet hours is held and told in one at their end.
//!
//! The whole state can be written down and read back, so a restart tells nothing twice and forgets
//! nothing: its keeper writes state, messages and the place in the journal in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::rules_say::say;
use crate::model::{
    CallId, CallRow, Direction, EpisodeRow, EpisodeState, Language, Message, Mono, Name, Now,
    Number, Outcome, Party, Period, Wall,
};

/// A fault that was not seen for so long is over. Shorter tells of every flicker twice.
const GONE_FOR: Period = Period::secs(30);
/// A missed call that a rule may still pass on is remembered for so long at most. One that ended
/// longer ago when its row comes is not told: its moment has passed.
const MISSED_FOR: Period = Period::hours(24);
/// Things remembered; past it the oldest are forgotten. They are faults, clients who wait, and
/// missed calls of rules that pass them on.
const THINGS_MAX: usize = 5_000;
/// Lines of one message that is not told yet; past it they are counted.
pub(super) const LISTED_MAX: usize = 50;

/// What can be told of. The words stand in `[[alert]] on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A call was missed and its outcome is final.
    Missed,
    /// A missed call was not called back in time.
    NotCalledBack,
    /// A queue is open and nobody is signed in.
    NobodyOnline,
    /// A CRM, a messenger or a provider's account does not work.
    IntegrationFault,
    /// An account sends nothing in business hours.
    ProviderSilent,
    /// No call can go over a trunk.
    TrunkDown,
    /// Notes that wait are near their bound.
    OutboxGrowing,
    /// The disk of the data directory is nearly full.
    DiskLow,
    /// The certificate of the pages expires soon.
    Certificate,
}

/// How a target is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// In which language.
    pub language: Language,
    /// Whether it may see whole numbers; masked else.
    pub is_trusted: bool,
    /// Whether every letter costs: text messages.
    pub is_short: bool,
}

/// Local times of day between which nothing is told, in minutes after midnight; may lie around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// From.
    pub from: u16,
    /// To.
    pub to: u16,
}

/// Whom else to tell of what is not mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How long after the first message.
    pub after: Period,
    /// Names of targets.
    pub to: Vec<Name>,
}

/// One rule: events to targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which events.
    pub on: Vec<Event>,
    /// Names of targets.
    pub to: Vec<Name>,
    /// Only of these queues, for events of a queue; empty: of all.
    pub queues: Vec<Name>,
    /// When nothing is told.
    pub quiet: Option<Quiet>,
    /// Whether faults are told in quiet hours all the same.
    pub is_urgent: bool,
    /// The same thing is not told again within this time, however often it comes and goes.
    pub again: Period,
    /// What follows a message within this time is listed in one.
    pub digest: Period,
    /// Whom else to tell.
    pub escalate: Option<Escalation>,
}

/// Every rule, and what the texts need.
#[derive(Debug, Clone)]
pub struct RuleBook {
    /// The rules.
    pub rules: Vec<Rule>,
    /// How each target is spoken to.
    pub targets: BTreeMap<Name, Audience>,
    /// Of times of day.
    pub zone: TimeZone,
    /// What stands before the path of a page; no slash at the end.
    pub base: String,
}

/// What is wrong at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which kind.
    pub event: Event,
    /// Of what: a queue, an account, a trunk.
    pub subject: String,
    /// The queue, for rules that look at some only.
    pub queue: Option<Name>,
    /// What is known of it.
    pub detail: Detail,
}

/// What is known of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Nothing more.
    None,
    /// What was said.
    Said(String),
    /// How many.
    Count(u64),
    /// How much is free.
    Free {
        /// In hundredths.
        percent: u64,
        /// In mebibytes.
        mib: u64,
    },
    /// A moment: the last sign of life, or the end.
    At(Wall),
}

/// What goes in.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The outcome of a call is final from its next row on; told once of each call.
    Settled(CallId),
    /// A call as it stands.
    Call(&'a CallRow),
    /// An episode as it stands.
    Episode(&'a EpisodeRow),
    /// Everything that is wrong at this moment; what is not in it is well.
    Health(&'a [Fault]),
    /// Time has passed.
    Time,
}

/// A message for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlert {
    /// Made of what happened, so that it is the same whenever it is worked out again.
    pub once_key: String,
    /// Whom to tell.
    pub target: Name,
    /// What.
    pub message: Message,
}

/// The rules with what they remember.
#[derive(Debug, Clone)]
pub struct Rules {
    book: RuleBook,
    state: State,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// Calls whose outcome is final and whose row has not come yet.
    settled: BTreeSet<CallId>,
    /// By event and subject.
    things: BTreeMap<String, Thing>,
    /// Episodes that are not past their time, by id.
    dues: BTreeMap<u64, (Wall, Item)>,
    /// When a rule told of a subject last.
    told: BTreeMap<String, Mono>,
    /// Messages on their way, by target, event and phase.
    lines: BTreeMap<String, Line>,
    /// Messages of quiet hours, by target and the end of the hours.
    held: BTreeMap<String, Held>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thing {
    event: Event,
    subject: String,
    queue: Option<Name>,
    item: Item,
    began: Now,
    gone: Option<Now>,
    /// By rule: when it told, and whether it passed it on.
    told: BTreeMap<String, (Mono, bool)>,
    /// Who was told, and by which rule.
    sent: BTreeMap<Name, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    target: Name,
    event: Event,
    phase: Phase,
    /// When the next message may leave.
    open_at: Mono,
    digest: Period,
    entries: Vec<Entry>,
    /// Entries that are only counted.
    more: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Held {
    target: Name,
    due_at: Wall,
    entries: Vec<Entry>,
    more: u64,
}

/// One line of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub event: Event,
    pub phase: Phase,
    pub item: Item,
    /// When it began.
    pub since: Wall,
    /// When it was over.
    pub until: Option<Wall>,
    /// What makes it this one.
    key: String,
}

/// Which part of a thing's life is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Begun,
    Escalated,
    Over,
}

/// What is told of a thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Item {
    Missed {
        call: CallId,
        client: Option<Number>,
        queue: Option<Name>,
        waited: Option<Period>,
        outcome: Option<Outcome>,
    },
    Due {
        client: Option<Number>,
        queue: Name,
        owner: Option<Name>,
        calls: usize,
        due_at: Wall,
    },
    Fault {
        subject: String,
        detail: Detail,
    },
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 9] = [
        Event::Missed,
        Event::NotCalledBack,
        Event::NobodyOnline,
        Event::IntegrationFault,
        Event::ProviderSilent,
        Event::TrunkDown,
        Event::OutboxGrowing,
        Event::DiskLow,
        Event::Certificate,
    ];

    /// The word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Event::Missed => "missed",
            Event::NotCalledBack => "not-called-back",
            Event::NobodyOnline => "nobody-online",
            Event::IntegrationFault => "integration-fault",
            Event::ProviderSilent => "provider-silent",
            Event::TrunkDown => "trunk-down",
            Event::OutboxGrowing => "outbox-growing",
            Event::DiskLow => "disk-low",
            Event::Certificate => "certificate",
        }
    }

    /// The event of a word.
    pub fn of(word: &str) -> Option<Event> {
        Event::ALL.into_iter().find(|event| event.word() == word)
    }

    /// Whether it is a fault of the installation and not a client who waits.
    pub const fn is_fault(self) -> bool {
        !matches!(self, Event::Missed | Event::NotCalledBack)
    }
}

impl Phase {
    const fn word(self) -> &'static str {
        match self {
            Phase::Begun => "begun",
            Phase::Escalated => "escalated",
            Phase::Over => "over",
        }
    }
}

impl Quiet {
    /// When the quiet hours that a moment lies in end; `None`: it lies in none.
    fn ends(self, at: Wall, zone: &TimeZone) -> Option<Wall> {
        let local = zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?);
        let minute =
            u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
        let around_midnight = self.to <= self.from;
        let inside = if around_midnight {
            minute >= self.from || minute < self.to
        } else {
            minute >= self.from && minute < self.to
        };
        if !inside {
            return None;
        }
        let day = if minute < self.to { local.date() } else { local.date().tomorrow().ok()? };
        let (hour, minute) =
            (i8::try_from(self.to / 60 % 24).ok()?, i8::try_from(self.to % 60).ok()?);
        let day = if self.to >= 1440 { day.tomorrow().ok()? } else { day };
        let end = day.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
        Some(Wall(end.timestamp().as_millisecond()))
    }
}

impl Rule {
    /// What names it over a reload and a restart: what it is about.
    fn key(&self) -> String {
        let events: Vec<&str> = self.on.iter().map(|event| event.word()).collect();
        let names = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
        format!("{}>{}@{}", events.join(","), names(&self.to), names(&self.queues))
    }

    fn concerns(&self, event: Event, queue: Option<&Name>) -> bool {
        let of_queue =
            self.queues.is_empty() || queue.is_none_or(|queue| self.queues.contains(queue));
        self.on.contains(&event) && of_queue
    }
}

impl Rules {
    /// Rules that remember what was written down; a state that cannot be read is none.
    pub fn new(book: RuleBook, kept: Option<&str>) -> Rules {
        let state = kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default();
        Rules { book, state }
    }

    /// Takes other rules; what is remembered stays.
    pub fn reload(&mut self, book: RuleBook) {
        self.book = book;
    }

    /// What is remembered, to be written down.
    pub fn state(&self) -> String {
        serde_json::to_string(&self.state).unwrap_or_default() // maps with text keys: cannot fail
    }

    /// Takes one input in and gives the messages that leave at this moment.
    pub fn on(&mut self, input: Input<'_>, now: Now) -> Vec<NewAlert> {
        match input {
            Input::Settled(call) => {
                self.state.settled.insert(call);
            }
            Input::Call(row) => self.call(row, now),
            Input::Episode(row) => self.episode(row, now),
            Input::Health(faults) => self.health(faults, now),
            Input::Time => {}
        }
        self.pass(now)
    }

    /// How long until something is due by itself; nothing of it is in the past after `on`.
    pub fn poll_timeout(&self, now: Now) -> Option<Period> {
        let mono = |at: Mono| at.since(now.mono);
        let wall = |at: Wall| at.since(now.wall);
        let state = &self.state;
        let lines = state.lines.values().map(|line| mono(line.open_at));
        let held = state.held.values().map(|held| wall(held.due_at));
        let dues = state.dues.values().map(|(due_at, _)| wall(*due_at));
        let things = state.things.values().flat_map(|thing| {
            let gone = thing.gone.map(|gone| mono(gone.mono + GONE_FOR));
            gone.into_iter().chain(self.escalations(thing).map(|(_, at)| mono(at)))
        });
        lines.chain(held).chain(dues).chain(things).min()
    }

    fn call(&mut self, row: &CallRow, now: Now) {
        if !row.settled {
            return;
        }
        let subject = row.id.to_string();
        if !row.missed {
            self.withdraw(Event::Missed, &subject);
        }
        let is_first = self.state.settled.remove(&row.id);
        let is_ours = row.missed && row.direction == Some(Direction::In);
        if !is_first || !is_ours {
            return; // a later row of a call says nothing new
        }
        if matches!(row.outcome, Some(Outcome::Blocked | Outcome::Withdrawn)) {
            return;
        }
        let at = row.ended_at.unwrap_or(row.started_at);
        if now.wall.since(at) > MISSED_FOR {
            return;
        }
        let item = Item::Missed {
            call: row.id,
            client: row.client.as_ref().and_then(Party::e164).cloned(),
            queue: row.queue.clone(),
            waited: row.wait,
            outcome: row.outcome,
        };
        let began = Now { wall: at, mono: now.mono };
        self.begin(Event::Missed, subject, row.queue.clone(), item, began, now);
    }

    fn episode(&mut self, row: &EpisodeRow, now: Now) {
        let id = row.id.0;
        if let EpisodeState::Closed(_) = row.state {
            self.state.dues.remove(&id);
            for call in &row.calls {
                // Nobody is told twice that a client was called back; it is only not passed on.
                self.settle_missed(*call);
            }
            self.end(Event::NotCalledBack, &id.to_string(), now);
            return;
        }
        let Some(due_at) = row.due_at else { return };
        let item = Item::Due {
            client: row.client.clone(),
            queue: row.queue.clone(),
            owner: row.owner.clone(),
            calls: row.calls.len(),
            due_at,
        };
        if !self.state.things.contains_key(&key(Event::NotCalledBack, &id.to_string())) {
            self.state.dues.insert(id, (due_at, item));
        }
    }

    fn health(&mut self, faults: &[Fault], now: Now) {
        let mut seen = BTreeSet::new();
        for fault in faults.iter().filter(|fault| fault.event.is_fault()) {
            let (event, subject) = (fault.event, fault.subject.clone());
            seen.insert(key(event, &subject));
            let item = Item::Fault { subject: subject.clone(), detail: fault.detail.clone() };
            self.begin(event, subject, fault.queue.clone(), item, now, now);
        }
        for (key, thing) in &mut self.state.things {
            if thing.event.is_fault() && !seen.contains(key) {
                thing.gone.get_or_insert(now);
            }
        }
    }

    /// A thing is there: the rules that did not tell of it lately do so.
    fn begin(
        &mut self,
        event: Event,
        subject: String,
        queue: Option<Name>,
        item: Item,
        began: Now,
        now: Now,
    ) {
        let key = key(event, &subject);
        if let Some(known) = self.state.things.get_mut(&key) {
            known.item = item;
            known.gone = None;
            return;
        }
        let mut thing = Thing {
            event,
            subject,
            queue,
            item,
            began,
            gone: None,
            told: BTreeMap::new(),
            sent: BTreeMap::new(),
        };
        for rule in self.book.rules.clone() {
            if !rule.concerns(event, thing.queue.as_ref()) {
                continue;
            }
            if event != Event::Missed {
                let lately = format!("{}|{key}", rule.key());
                let told_at = self.state.told.get(&lately);
                if told_at.is_some_and(|at| now.mono.since(*at) < rule.again) {
                    continue;
                }
                self.state.told.insert(lately, now.mono);
            }
            thing.told.insert(rule.key(), (now.mono, false));
            self.tell(&mut thing, &rule, Phase::Begun, &rule.to, now);
        }
        // A missed call comes once; it is remembered only where it may be passed on.
        if event == Event::Missed && self.escalations(&thing).next().is_none() {
            return;
        }
        self.state.things.insert(key, thing);
        if self.state.things.len() > THINGS_MAX {
            self.forget_oldest();
        }
    }

    /// A thing is over: whoever was told of it is told so.
    fn end(&mut self, event: Event, subject: &str, now: Now) {
        let Some(mut thing) = self.state.things.remove(&key(event, subject)) else { return };
        thing.gone.get_or_insert(now);
        let rules = self.book.rules.clone();
        for (target, by) in std::mem::take(&mut thing.sent) {
            let rule = rules.iter().find(|rule| rule.key() == by);
            let Some(rule) = rule else { continue };
            self.tell(&mut thing, rule, Phase::Over, &[target], now);
        }
    }

    /// A missed call was answered after all: it is not told of where that has not happened yet.
    fn withdraw(&mut self, event: Event, subject: &str) {
        let own = key(event, subject);
        self.state.things.remove(&own);
        for line in self.state.lines.values_mut() {
            line.entries.retain(|entry| entry.key != own);
        }
        for held in self.state.held.values_mut() {
            held.entries.retain(|entry| entry.key != own);
        }
    }

    fn settle_missed(&mut self, call: CallId) {
        self.state.things.remove(&key(Event::Missed, &call.to_string()));
    }

    /// Puts a thing into the messages of targets, each of them once.
    fn tell(&mut self, thing: &mut Thing, rule: &Rule, phase: Phase, to: &[Name], now: Now) {
        let entry = Entry {
            event: thing.event,
            phase,
            item: thing.item.clone(),
            since: thing.began.wall,
            until: thing.gone.map(|gone| gone.wall).filter(|_| phase == Phase::Over),
            key: key(thing.event, &thing.subject),
        };
        let passes = rule.is_urgent && thing.event.is_fault();
        let quiet = rule.quiet.filter(|_| !passes);
        let held_until = quiet.and_then(|quiet| quiet.ends(now.wall, &self.book.zone));
        for target in to {
            let new = thing.sent.insert(target.clone(), rule.key()).is_none();
            if phase == Phase::Begun && !new {
                continue; // another rule told them
            }
            match held_until {
                Some(due_at) => self.hold(target, due_at, entry.clone()),
                None => self.line_up(target, rule.digest, entry.clone(), now),
            }
        }
    }

    fn hold(&mut self, target: &Name, due_at: Wall, entry: Entry) {
        let place = format!("{target}|{}", due_at.0);
        let fresh = || Held { target: target.clone(), due_at, entries: Vec::new(), more: 0 };
        let held = self.state.held.entry(place).or_insert_with(fresh);
        push(&mut held.entries, &mut held.more, entry);
    }

    fn line_up(&mut self, target: &Name, digest: Period, entry: Entry, now: Now) {
        let (event, phase) = (entry.event, entry.phase);
        let place = format!("{target}|{}|{}", event.word(), phase.word());
        let line = self.state.lines.entry(place).or_insert_with(|| Line {
            target: target.clone(),
            event,
            phase,
            open_at: now.mono,
            digest,
            entries: Vec::new(),
            more: 0,
        });
        line.digest = digest;
        push(&mut line.entries, &mut line.more, entry);
    }

    /// Lets everything happen that is due.
    fn pass(&mut self, now: Now) -> Vec<NewAlert> {
        let due: Vec<u64> = self
            .state
            .dues
            .iter()
            .filter(|(_, (at, _))| *at <= now.wall)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some((due_at, item)) = self.state.dues.remove(&id) else { continue };
            let queue = match &item {
                Item::Due { queue, .. } => Some(queue.clone()),
                Item::Missed { .. } | Item::Fault { .. } => None,
            };
            let began = Now { wall: due_at, mono: now.mono };
            self.begin(Event::NotCalledBack, id.to_string(), queue, item, began, now);
        }
        self.pass_things(now);
        let mut alerts = self.pass_held(now);
        alerts.extend(self.pass_lines(now));
        self.forget(now);
        alerts
    }

    fn pass_things(&mut self, now: Now) {
        let gone =
            |thing: &&Thing| thing.gone.is_some_and(|gone| now.mono.since(gone.mono) >= GONE_FOR);
        let over: Vec<(Event, String)> =
            self.state.things.values().filter(gone).map(|t| (t.event, t.subject.clone())).collect();
        for (event, subject) in over {
            self.end(event, &subject, now);
        }
        let due = self
            .state
            .things
            .iter()
            .filter(|(_, thing)| self.escalations(thing).any(|(_, at)| at <= now.mono));
        for place in due.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            let Some(mut thing) = self.state.things.remove(&place) else { continue };
            let due = self.escalations(&thing).filter(|(_, at)| *at <= now.mono);
            let due: Vec<Rule> = due.map(|(rule, _)| rule.clone()).collect();
            for rule in due {
                if let Some((_, passed_on)) = thing.told.get_mut(&rule.key()) {
                    *passed_on = true;
                }
                let to = rule.escalate.as_ref().map_or(&[] as &[Name], |escalate| &escalate.to);
                self.tell(&mut thing, &rule, Phase::Escalated, to, now);
            }
            if thing.event == Event::Missed && self.escalations(&thing).next().is_none() {
                continue;
            }
            self.state.things.insert(place, thing);
        }
    }

    /// The rules that still have to pass a thing on, and when.
    fn escalations<'a>(&'a self, thing: &'a Thing) -> impl Iterator<Item = (&'a Rule, Mono)> {
        let rules = self.book.rules.iter().filter(|_| thing.gone.is_none());
        rules.filter_map(|rule| {
            let escalate = rule.escalate.as_ref()?;
            let (told_at, passed_on) = thing.told.get(&rule.key())?;
            (!passed_on).then(|| (rule, *told_at + escalate.after))
        })
    }

    fn pass_held(&mut self, now: Now) -> Vec<NewAlert> {
        let due = self.state.held.iter().filter(|(_, held)| held.due_at <= now.wall);
        let due: Vec<String> = due.map(|(key, _)| key.clone()).collect();
        let mut alerts = Vec::new();
        for place in due {
            let Some(held) = self.state.held.remove(&place) else { continue };
            let once_key = format!("{}/alert/quiet/{}", held.target, held.due_at.0);
            alerts.extend(self.alert(once_key, &held.target, &held.entries, held.more, now));
        }
        alerts
    }

    fn pass_lines(&mut self, now: Now) -> Vec<NewAlert> {
        let mut alerts = Vec::new();
        let mut lines = std::mem::take(&mut self.state.lines);
        lines.retain(|_, line| {
            if line.open_at > now.mono {
                return true;
            }
            let entries = std::mem::take(&mut line.entries);
            let more = std::mem::take(&mut line.more);
            let Some(first) = entries.first() else { return false };
            let once_key = once_key(&line.target, first);
            alerts.extend(self.alert(once_key, &line.target, &entries, more, now));
            line.open_at = now.mono + line.digest.max(Period::millis(1));
            true
        });
        self.state.lines = lines;
        alerts
    }

    fn alert(
        &self,
        once_key: String,
        target: &Name,
        entries: &[Entry],
        more: u64,
        now: Now,
    ) -> Option<NewAlert> {
        let audience = self.book.targets.get(target)?; // a target that a reload took away
        let message = say(&self.book, audience, entries, more, now.wall)?;
        Some(NewAlert { once_key, target: target.clone(), message })
    }

    fn forget(&mut self, now: Now) {
        let longest = self.book.rules.iter().map(|rule| rule.again).max().unwrap_or(Period::ZERO);
        self.state.told.retain(|_, at| now.mono.since(*at) < longest);
        self.state.things.retain(|_, thing| {
            thing.event != Event::Missed || now.mono.since(thing.began.mono) < MISSED_FOR
        });
    }

    fn forget_oldest(&mut self) {
        let oldest = self.state.things.iter().min_by_key(|(_, thing)| thing.began.mono);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.state.things.remove(&key);
        }
    }
}

/// Adds a line, or only counts it.
fn push(entries: &mut Vec<Entry>, more: &mut u64, entry: Entry) {
    if entries.len() < LISTED_MAX {
        entries.push(entry);
    } else {
        *more = more.saturating_add(1);
    }
}

fn key(event: Event, subject: &str) -> String {
    format!("{}/{subject}", event.word())
}

/// Of what happened: the same whenever it is worked out again.
fn once_key(target: &Name, first: &Entry) -> String {
    match (first.event, first.phase) {
        (Event::Missed, Phase::Begun) => format!("{target}/alert/{}", first.key),
        (_, phase) => {
            format!("{target}/alert/{}/{}/{}", first.key, first.since.0, phase.word())
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
