//! How queues treat their callers: `[queue.NAME]` and the working hours they name.

use std::sync::Arc;

use super::names::is_name;
use super::overflow::overflow;
use crate::acd::{
    AutoPause, CallbackFirst, Member, QueueSettings, Sticky, Strategy, Tier, TierMode,
};
use crate::model::{Name, Period};
use crate::plan::{
    Calendars, Entries, Found, Node, Place, Section, Value, Word, did_you_mean, quoted,
    read_calendar, read_class, read_time,
};

/// The longest wait for one person. Longer loses clients for whom everybody else was free.
const STICKY_WAIT_MAX: Period = Period::secs(30);

/// Skills of one queue: the bench keeps one bit for each. More would be queues of their own.
const SKILLS_MAX: usize = 64;

/// What an operator sees of the callers of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// `+998 90 ••• •• 67`.
    Masked,
    /// The whole number.
    Full,
}

/// A queue as it was read.
#[derive(Debug, Clone)]
pub struct Queue {
    /// For the engine.
    pub settings: QueueSettings,
    /// For the pages.
    pub numbers: Numbers,
    /// Where it stands.
    pub at: Place,
    /// Every member with the place of its name, in the order of the tiers.
    pub members: Vec<Found<String>>,
    /// Every `queue:NAME` of its overflow.
    pub onward: Vec<Found<String>>,
    /// Every `add:NAME` of its overflow.
    pub added: Vec<Found<String>>,
    /// Who stands in for a responsible operator, with the place of the name.
    pub deputies: Vec<Found<String>>,
    /// Where it says that a CRM is asked who is responsible.
    pub asks_crm: Option<Place>,
    /// Whether a weight is written.
    pub weighted: Option<Place>,
}

/// Reads every calendar.
pub fn calendars(top: &mut Section<'_>, zone: &jiff::tz::TimeZone) -> Calendars {
    let mut calendars = Calendars::new();
    for (name, section) in top.named("calendar") {
        name_fits(&section, &name);
        if let Some(calendar) = read_calendar(section, zone) {
            calendars.insert(name, Arc::new(calendar));
        }
    }
    calendars
}

/// Reads every queue, in the order of the file.
pub fn queues(top: &mut Section<'_>, calendars: &Calendars) -> Vec<Queue> {
    let mut queues = Vec::new();
    for (name, section) in top.named("queue") {
        name_fits(&section, &name);
        queues.push(queue(&name, section, calendars));
    }
    queues
}

fn name_fits(section: &Section<'_>, name: &str) {
    if !is_name(name) {
        let message = format!("{} is no name", quoted(name));
        section.error(section.at(), "bad-name", message, "use a-z, 0-9 and -");
    }
}

fn queue(name: &str, mut section: Section<'_>, calendars: &Calendars) -> Queue {
    let mut settings = QueueSettings::named(name);
    let own = Strategy::ALL.map(|strategy| (strategy.word(), strategy));
    settings.strategy = section.choice("strategy", &own, settings.strategy);
    settings.class = read_class(&mut section).unwrap_or(settings.class);
    let modes = [("cumulative", TierMode::Cumulative), ("replace", TierMode::Replace)];
    settings.tier_mode = section.choice("tier_mode", &modes, settings.tier_mode);
    let numbers = [("masked", Numbers::Masked), ("full", Numbers::Full)];
    let numbers = section.choice("numbers", &numbers, Numbers::Masked);
    lengths(&mut section, &mut settings);
    extras(&mut section, &mut settings);
    let (deputies, asks_crm) = sticky(&mut section, &mut settings);
    let group = section.found_or("group", name.to_owned());
    if group.at != Place::Default && !is_name(&group.value) {
        let message = format!("{} is no name", quoted(&group.value));
        section.error(&group.at, "bad-name", message, "use a-z, 0-9 and -");
    }
    settings.group = group.value.into();
    settings.calendar = calendar(&mut section, "calendar", calendars);
    let skills = skills(&mut section);
    settings.skills = skills.into_iter().map(|skill| skill.value.into()).collect();
    let mut read = Queue {
        settings,
        numbers,
        at: section.at().clone(),
        members: Vec::new(),
        onward: Vec::new(),
        added: Vec::new(),
        deputies,
        asks_crm,
        weighted: None,
    };
    tiers(&mut section, &mut read);
    overflow(&mut section, &mut read, calendars);
    section.done();
    read
}

fn lengths(section: &mut Section<'_>, queue: &mut QueueSettings) {
    queue.ring = positive(section, "ring", queue.ring);
    queue.ring_min = section.or("ring_min", queue.ring_min);
    queue.refusal_is_miss = section.or("refusal_is_miss", queue.refusal_is_miss);
    queue.ring_unknown = section.or("ring_unknown", queue.ring_unknown);
    queue.retry = section.or("retry", queue.retry);
    queue.confirm = section.or("confirm", queue.confirm);
    queue.split = section.or("split", queue.split);
    queue.fanout_max = at_least_one(section, "fanout_max", queue.fanout_max);
    queue.callers_max = at_least_one(section, "callers_max", queue.callers_max);
    queue.wait_max = positive(section, "wait_max", queue.wait_max);
    queue.wrap_up = section.or("wrap_up", queue.wrap_up);
    callback(section, queue);
}

/// Reads the keys `callback_*`.
fn callback(section: &mut Section<'_>, queue: &mut QueueSettings) {
    queue.callback_due = positive(section, "callback_due", queue.callback_due);
    let callback = &mut queue.callback;
    let first = [("operator", CallbackFirst::Operator), ("client", CallbackFirst::Client)];
    callback.first = section.choice("callback_first", &first, callback.first);
    let tries = section.found_or("callback_tries", callback.tries);
    if tries.value == 0 {
        let message = format!("`{}` may not be 0", section.path("callback_tries"));
        section.error(
            &tries.at,
            "bad-value",
            message,
            &format!("the default is {}", callback.tries),
        );
    }
    callback.tries = tries.value.max(1);
    let retry = section.list_or("callback_retry", callback.retry.clone());
    for wait in retry.iter().filter(|wait| wait.value == Period::ZERO) {
        let message = format!("`{}` may not be 0", section.path("callback_retry"));
        section.error(&wait.at, "bad-value", message, "how long a client is left alone");
    }
    callback.retry = retry.into_iter().map(|wait| wait.value.max(Period::secs(1))).collect();
    callback.ring = positive(section, "callback_ring", callback.ring);
    callback.keep = positive(section, "callback_keep", callback.keep);
    let mut quiet = section.table("callback_quiet");
    callback.quiet.0 = minute(&mut quiet, "from", callback.quiet.0);
    callback.quiet.1 = minute(&mut quiet, "to", callback.quiet.1);
    quiet.done();
}

/// A time of day, in minutes.
fn minute(section: &mut Section<'_>, key: &'static str, default: u16) -> u16 {
    let usual = format!("{:02}:{:02}", default / 60, default % 60);
    let found = section.found_or(key, usual);
    match read_time(&found.value) {
        Ok(minute) => minute % (24 * 60),
        Err(error) => {
            section.error(&found.at, "bad-value", error.to_string(), "");
            default
        }
    }
}

fn extras(section: &mut Section<'_>, queue: &mut QueueSettings) {
    let mut level = section.table("service_level");
    queue.service_level.target = positive(&mut level, "target", queue.service_level.target);
    queue.service_level.short = level.or("short", queue.service_level.short);
    level.done();
    let mut step = section.table("progressive");
    queue.step.0 = at_least_one(&mut step, "first", queue.step.0);
    queue.step.1 = positive(&mut step, "step", queue.step.1);
    let orders = Strategy::ORDERS.map(|strategy| (strategy.word(), strategy));
    queue.order = step.choice("order", &orders, queue.order);
    step.done();
    queue.auto_pause = section.section("auto_pause").map(|mut pause| {
        let misses = pause.found_or("misses", 3_u32);
        let lasts = positive(&mut pause, "lasts", Period::mins(10));
        if misses.value == 0 {
            pause.error(&misses.at, "bad-value", "nobody misses 0 calls", "at least 1");
        }
        pause.done();
        AutoPause { misses: misses.value.max(1), lasts }
    });
}

/// Reads `sticky`; gives the deputies with their places, and where a CRM is to be asked.
fn sticky(
    section: &mut Section<'_>,
    queue: &mut QueueSettings,
) -> (Vec<Found<String>>, Option<Place>) {
    let Some(mut sticky) = section.section("sticky") else { return (Vec::new(), None) };
    let usual = Sticky::default();
    let ring = positive(&mut sticky, "ring", usual.ring);
    let wait_max = sticky.found_or("wait_max", usual.wait_max);
    if wait_max.value > STICKY_WAIT_MAX {
        let message = format!("nobody is waited for longer than {STICKY_WAIT_MAX}");
        sticky.error(&wait_max.at, "bad-value", message, "others can help the client meanwhile");
    }
    let wait_max = wait_max.value;
    let Found { value: crm, at } = sticky.found_or("crm", usual.crm);
    let talked = sticky.or("talked", usual.talked);
    let dialled = sticky.or("dialled", usual.dialled);
    let deputies = sticky.list::<String>("deputies");
    sticky.done();
    let names = deputies.iter().map(|name| Name::from(name.value.as_str())).collect();
    queue.sticky = Some(Sticky { ring, wait_max, crm, talked, dialled, deputies: names });
    (deputies, crm.then_some(at))
}

/// A length that may not be nothing.
pub(super) fn positive(section: &mut Section<'_>, key: &'static str, default: Period) -> Period {
    let found = section.found_or(key, default);
    if found.value == Period::ZERO {
        let message = format!("`{}` may not be 0", section.path(key));
        section.error(&found.at, "bad-value", message, &format!("the default is {default}"));
        return default;
    }
    found.value
}

/// A count that may not be 0.
fn at_least_one(section: &mut Section<'_>, key: &'static str, default: u16) -> u16 {
    let found = section.found_or(key, default);
    if found.value == 0 {
        let message = format!("`{}` may not be 0", section.path(key));
        section.error(&found.at, "bad-value", message, &format!("the default is {default}"));
        return default;
    }
    found.value
}

/// Reads the skills that a queue needs.
fn skills(section: &mut Section<'_>) -> Vec<Found<String>> {
    let skills = section.list::<String>("skills");
    if let Some(beyond) = skills.get(SKILLS_MAX) {
        let message = format!("a queue needs at most {SKILLS_MAX} skills");
        section.error(&beyond.at, "bad-value", message, "split the queue");
    }
    skills
}

/// The working hours that a key names.
pub(super) fn calendar(
    section: &mut Section<'_>,
    key: &'static str,
    calendars: &Calendars,
) -> Option<Arc<crate::plan::Calendar>> {
    let name = section.opt::<String>(key)?;
    let found = calendars.get(&name.value).cloned();
    if found.is_none() {
        let known: Vec<&str> = calendars.keys().map(String::as_str).collect();
        let message = format!("no calendar {}", quoted(&name.value));
        let mend = did_you_mean(&name.value, &known);
        section.error(&name.at, "missing-target", message, mend.trim_end_matches(": "));
    }
    found
}

/// A member is a name, or a table with a weight.
struct Seat {
    name: String,
    weight: Option<u16>,
}

impl Word for Seat {
    fn read(node: &Node) -> Result<Seat, String> {
        const WANTED: &str = "a name, or { name = \"…\", weight = 5 }";
        if let Some(table) = node.table() {
            return seat(table).ok_or_else(|| WANTED.to_owned());
        }
        let name = String::read(node).map_err(|_| WANTED.to_owned())?;
        Ok(Seat { name, weight: None })
    }

    fn shown(&self) -> String {
        let name = self.name.shown();
        match self.weight {
            None => name,
            Some(weight) => format!("{{ name = {name}, weight = {weight} }}"),
        }
    }
}

fn seat(table: &Entries) -> Option<Seat> {
    if table.keys().any(|key| key != "name" && key != "weight") {
        return None;
    }
    let weight = match table.get("weight") {
        None => None,
        Some(entry) => match entry.node.typed() {
            Value::Whole(weight) => Some(u16::try_from(*weight).ok().filter(|weight| *weight > 0)?),
            Value::Text(_) | Value::Truth(_) | Value::Strange(_) => return None,
            Value::List(_) | Value::Table(_) | Value::Bare { .. } => return None,
        },
    };
    Some(Seat { name: table.get("name")?.node.text()?.to_owned(), weight })
}

/// The weight of who has none; larger is asked more, or earlier.
const WEIGHT: u16 = 10;

fn tiers(section: &mut Section<'_>, queue: &mut Queue) {
    let mut last = None;
    for mut tier in section.each("tiers", "-") {
        let after = tier.found_or("after", Period::ZERO);
        let seats = tier.list::<Seat>("members");
        if last.is_some_and(|last| after.value <= last) {
            let message = "a tier opens later than the one before it";
            tier.error(&after.at, "bad-order", message, "raise `after`, or join the two tiers");
        }
        last = Some(after.value);
        for seat in &seats {
            let Found { value: Seat { name, weight }, at } = seat;
            if weight.is_some() && queue.weighted.is_none() {
                queue.weighted = Some(at.clone());
            }
            if queue.members.iter().any(|member| member.value == *name) {
                let message = format!("{} stands twice in `{}`", quoted(name), queue.settings.name);
                tier.error(at, "duplicate", message, "keep the earlier tier");
            }
            queue.members.push(Found { value: name.clone(), at: at.clone() });
        }
        let member = |seat: Found<Seat>| Member {
            operator: seat.value.name.into(),
            weight: seat.value.weight.unwrap_or(WEIGHT),
        };
        let members = seats.into_iter().map(member).collect();
        queue.settings.tiers.push(Tier { after: after.value, members });
        tier.done();
    }
}
