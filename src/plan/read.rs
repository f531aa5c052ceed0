//! Reading a dialplan, and the tables of working hours that it shares with the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::calendar::Calendar;
use super::dialplan::{
    Act, CLASS_MAX, CallerIs, End, Expect, Line, Plan, Record, Rule, Step, Target,
};
use super::hours::{Closure, HoursError, Span, read_date, read_zone};
use super::problem::{Level, Place, Problem, quoted};
use super::section::{self, Reader, Section};
use super::{check, sheet};
use crate::model::{Name, Number, Period, Wall};

/// Named working hours.
pub type Calendars = BTreeMap<String, Arc<Calendar>>;

/// How long an outside number rings when the plan does not say. Longer lets a mailbox pick up.
const RING: Period = Period::secs(25);
/// How long a menu waits for a key when the plan does not say.
const MENU_WAIT: Period = Period::secs(5);

impl Plan {
    /// Reads a plan, checks it and holds it to its own expectations.
    ///
    /// `zone` and `calendars` are those of the site. There is no plan when a problem is an error.
    pub fn read(
        file: &str,
        text: &str,
        zone: &TimeZone,
        calendars: &Calendars,
    ) -> (Option<Plan>, Vec<Problem>) {
        let entries = match sheet::parse(file, text) {
            Ok(entries) => entries,
            Err(problems) => return (None, problems),
        };
        let reader = Reader::default();
        let top = Place::File { file: file.into(), line: 1, col: 1 };
        let plan = read_plan(reader.top(&entries, top), zone, calendars);
        let (mut problems, _, _) = reader.finish();
        // What follows from a wrong line is not worth telling beside it.
        if let Some(plan) = plan.as_ref().filter(|_| problems.is_empty()) {
            problems.extend(check::check(plan));
        }
        let broken = problems.iter().any(|problem| problem.level == Level::Error);
        (plan.filter(|_| !broken), problems)
    }
}

fn read_plan(mut top: Section<'_>, zone: &TimeZone, calendars: &Calendars) -> Option<Plan> {
    let name = top.must::<String>("name");
    let zone = read_zone_key(&mut top, "timezone", zone);
    let fallback = top.opt::<String>("fallback").map(named);
    let mut calendars = calendars.clone();
    for (name, section) in top.named("calendar") {
        if let Some(calendar) = read_calendar(section, &zone) {
            calendars.insert(name, Arc::new(calendar));
        }
    }
    let lines = top.named("number");
    let lines: Vec<_> =
        lines.into_iter().map(|(n, s)| read_line(&n, s, &zone, &calendars)).collect();
    let steps = top.named("step");
    let steps: Vec<_> = steps.into_iter().map(|(n, s)| (n, read_step(s))).collect();
    let expects = top.each("expect", "name");
    let expects: Vec<_> = expects.into_iter().map(|s| read_expect(s, &zone)).collect();
    top.done();
    Some(Plan {
        name: name?.value.into(),
        zone,
        lines: lines.into_iter().collect::<Option<_>>()?,
        steps: steps.into_iter().map(|(n, step)| Some((n.into(), step?))).collect::<Option<_>>()?,
        fallback,
        expects: expects.into_iter().collect::<Option<_>>()?,
    })
}

/// Reads a key that names a time zone; complains and keeps the given one when there is none.
pub fn read_zone_key(section: &mut Section<'_>, key: &'static str, zone: &TimeZone) -> TimeZone {
    let default = zone.iana_name().unwrap_or("UTC").to_owned();
    let found = section.found_or(key, default);
    if found.at == Place::Default {
        return zone.clone();
    }
    match read_zone(&found.value) {
        Ok(zone) => zone,
        Err(error) => {
            section.error(&found.at, "bad-value", error.to_string(), "");
            zone.clone()
        }
    }
}

/// Reads a table of working hours: `days`, `from`, `to` or several `spans` of them, then
/// `holidays` and `closed`.
pub fn read_calendar(mut section: Section<'_>, zone: &TimeZone) -> Option<Calendar> {
    let several = section.has("spans");
    let mut spans = Vec::new();
    for mut span in section.each("spans", "name") {
        spans.push(read_span(&mut span));
        span.done();
    }
    if several && ["days", "from", "to"].iter().any(|key| section.has(key)) {
        let message = "`spans` stands beside `days`, `from` or `to`";
        section.error(&section.place("spans"), "conflict", message, "write all hours as `spans`");
    }
    if !several {
        spans.push(read_span(&mut section));
    } else {
        for key in ["days", "from", "to"] {
            section.node(key);
        }
    }
    let zone = read_zone_key(&mut section, "timezone", zone);
    let holidays = read_all(&mut section, "holidays", read_date);
    let closures = read_all(&mut section, "closed", Closure::parse);
    section.done();
    let spans = spans.into_iter().collect::<Option<Vec<Span>>>()?;
    Some(Calendar::new(zone, spans, holidays.into_iter().collect(), closures))
}

fn read_span(section: &mut Section<'_>) -> Option<Span> {
    let days = section.found_or("days", String::from("mon-sun"));
    let from = section.found_or("from", String::from("00:00"));
    let to = section.found_or("to", String::from("24:00"));
    match Span::new(&days.value, &from.value, &to.value) {
        Ok(span) => Some(span),
        Err(error) => {
            let at = match &error {
                HoursError::Day(_) => days.at,
                HoursError::Time(text) if *text == to.value => to.at,
                HoursError::Time(_) | HoursError::SameMinute(_) => from.at,
                HoursError::Date(_) | HoursError::Closure(_) => from.at,
                HoursError::Backwards(_) | HoursError::Zone(_) => from.at,
            };
            let at = if at == Place::Default { section.at().clone() } else { at };
            section.error(&at, "bad-value", error.to_string(), "");
            None
        }
    }
}

fn read_all<T>(
    section: &mut Section<'_>,
    key: &'static str,
    read: impl Fn(&str) -> Result<T, HoursError>,
) -> Vec<T> {
    let mut all = Vec::new();
    for text in section.list::<String>(key) {
        match read(&text.value) {
            Ok(value) => all.push(value),
            Err(error) => section.error(&text.at, "bad-value", error.to_string(), ""),
        }
    }
    all
}

/// Reads `hours`: a table, or the name of one.
fn read_hours(
    section: &mut Section<'_>,
    zone: &TimeZone,
    calendars: &Calendars,
) -> Option<Arc<Calendar>> {
    let node = section.node("hours")?;
    if let Some(name) = node.text() {
        let found = calendars.get(name).cloned();
        if found.is_none() {
            let known: Vec<&str> = calendars.keys().map(String::as_str).collect();
            let message = format!("no calendar {}", quoted(name));
            section.error(&node.at, "missing-target", message, &mend(name, &known));
        }
        return found;
    }
    let inside = section.below(node, section.path("hours"), String::from("hours"))?;
    read_calendar(inside, zone).map(Arc::new)
}

fn mend(word: &str, known: &[&str]) -> String {
    let near = section::did_you_mean(word, known);
    let all = if known.is_empty() { "there is none".into() } else { known.join(", ") };
    format!("{near}{all}")
}

fn read_line(
    number: &str,
    mut section: Section<'_>,
    zone: &TimeZone,
    calendars: &Calendars,
) -> Option<Line> {
    let at = section.at().clone();
    let rules = section.each("rules", "name");
    let rules: Vec<_> = rules.into_iter().map(|rule| read_rule(rule, zone, calendars)).collect();
    let hours = read_hours(&mut section, zone, calendars);
    let open = section.must::<String>("open").map(named);
    let shut = section.opt::<String>("shut").map(named);
    let number = if number == "*" { Ok(None) } else { Number::new(number).map(Some) };
    if let Err(error) = &number {
        section.error(&at, "bad-value", error.to_string(), "or [number.\"*\"] for all others");
    }
    section.done();
    let rules = rules.into_iter().collect::<Option<_>>()?;
    Some(Line { number: number.ok()?, at, rules, hours, open: open?, shut })
}

fn read_rule(mut section: Section<'_>, zone: &TimeZone, calendars: &Calendars) -> Option<Rule> {
    let at = section.at().clone();
    let caller = section.opt::<String>("caller");
    let hours = read_hours(&mut section, zone, calendars);
    let to = section.must::<String>("to").map(named);
    let caller = match &caller {
        None => Some(CallerIs::Anybody),
        Some(found) if found.value == "hidden" => Some(CallerIs::Hidden),
        Some(found) if is_prefix(&found.value) => Some(CallerIs::Prefix(found.value.clone())),
        Some(found) => {
            let message = format!("{} is no caller", quoted(&found.value));
            section.error(&found.at, "bad-value", message, "write +99890 or hidden");
            None
        }
    };
    section.done();
    Some(Rule { at, caller: caller?, hours, to: to? })
}

fn is_prefix(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or("");
    (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The keys of which a step has exactly one.
const KINDS: [&str; 7] = ["queue", "dial", "keys", "say", "callback", "voicemail", "end"];

fn read_step(mut section: Section<'_>) -> Option<Step> {
    let at = section.at().clone();
    let mut kinds: Vec<&str> = KINDS.into_iter().filter(|kind| section.has(kind)).collect();
    if kinds == ["keys", "say"] {
        kinds = vec!["keys"]; // a menu says what the keys are
    }
    let act = match kinds.as_slice() {
        ["queue"] => read_queue(&mut section),
        ["dial"] => read_dial(&mut section),
        ["keys"] => read_menu(&mut section),
        ["say"] => read_say(&mut section),
        ["callback"] => section.must("callback").map(|queue| Act::Callback { queue: named(queue) }),
        ["voicemail"] => section.must("voicemail").map(|say| Act::Voicemail { say: say.value }),
        ["end"] => Some(Act::End { because: section.choice("end", &ENDS, End::Hangup) }),
        found => {
            let message = match found {
                [] => format!("`{}` does nothing", section.path("").trim_end_matches('.')),
                several => format!("a step does one thing, not {}", several.join(" and ")),
            };
            section.error(&at, "bad-step", message, &format!("one of {}", KINDS.join(", ")));
            return None;
        }
    };
    section.done();
    Some(Step { at, act: act? })
}

const ENDS: [(&str, End); 4] = [
    ("hangup", End::Hangup),
    ("busy", End::Busy),
    ("closed", End::Closed),
    ("blocked", End::Blocked),
];

fn read_queue(section: &mut Section<'_>) -> Option<Act> {
    let queue = section.must("queue").map(named);
    let class = read_class(section);
    let timeout = section.opt("timeout").map(named);
    let full = section.opt("full").map(named);
    let closed = section.opt("closed").map(named);
    let no_operators = section.opt("no_operators").map(named);
    Some(Act::Queue { queue: queue?, class, timeout, full, closed, no_operators })
}

/// Reads `class`, the precedence of a caller.
pub fn read_class(section: &mut Section<'_>) -> Option<u8> {
    let class = section.opt::<u8>("class")?;
    if class.value > CLASS_MAX {
        let message = format!("`{}` is above {CLASS_MAX}", section.path("class"));
        section.error(&class.at, "bad-value", message, "0 for most, more goes first");
    }
    Some(class.value.min(CLASS_MAX))
}

fn read_dial(section: &mut Section<'_>) -> Option<Act> {
    let numbers = section.list::<String>("dial");
    let ring = section.or("ring", RING);
    let timeout = section.opt("timeout").map(named);
    let mut read = Vec::new();
    for number in &numbers {
        match Number::new(&number.value) {
            Ok(number) => read.push(number),
            Err(error) => section.error(&number.at, "bad-value", error.to_string(), ""),
        }
    }
    (!read.is_empty()).then_some(Act::Dial { numbers: read, ring, timeout })
}

fn read_menu(section: &mut Section<'_>) -> Option<Act> {
    let say = section.must::<String>("say");
    let wait = section.or("wait", MENU_WAIT);
    let repeat = section.or("repeat", 1_u8);
    let timeout = section.opt("timeout").map(named);
    let mut keys = BTreeMap::new();
    if let Some(mut table) = section.section("keys") {
        for (key, node) in table.free() {
            let mut letters = key.chars();
            let pressed = letters.next().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#'));
            match (pressed, letters.next()) {
                (Some(pressed), None) => {
                    keys.extend(table.read(key, node).map(|to| (pressed, named(to))));
                }
                (_, _) => {
                    let message = format!("{} is no key of a telephone", quoted(key));
                    table.error(&table.place(key), "bad-value", message, "0 to 9, * or #");
                }
            }
        }
    }
    if timeout.is_none() {
        let message = "a menu without `timeout` leaves who presses nothing without an end";
        section.error(section.at(), "no-terminal", message, "add `timeout = \"STEP\"`");
    }
    Some(Act::Menu { say: say?.value, keys, wait, repeat, timeout })
}

fn read_say(section: &mut Section<'_>) -> Option<Act> {
    let say = section.must::<String>("say");
    let then = section.opt("then").map(named);
    let words = [("callback", Record::Callback), ("voicemail", Record::Voicemail)];
    let record = section.opt::<String>("record");
    let record = record.and_then(|found| section.pick("record", &found, &words));
    if then.is_some() && record.is_some() {
        let message = "`record` is for a call that ends here, `then` for one that goes on";
        section.error(&section.place("then"), "conflict", message, "keep one of them");
    }
    Some(Act::Say { say: say?.value, record, then })
}

fn read_expect(mut section: Section<'_>, zone: &TimeZone) -> Option<Expect> {
    let at = section.at().clone();
    let call = section.opt::<String>("call");
    let keys = section.or("keys", String::new());
    let unanswered = section.or("unanswered", false);
    let steps = section.list::<String>("steps");
    let (caller, line, moment) = match &call {
        Some(call) => split_call(&call.value).unwrap_or_default(),
        None => {
            let caller = section.must::<String>("caller");
            let line = section.must::<String>("number");
            let at = section.must::<String>("at");
            (caller?.value, line?.value, at?.value)
        }
    };
    let place = call.map_or(at.clone(), |call| call.at);
    let local = moment.parse::<jiff::civil::DateTime>().ok();
    let stamp = local.and_then(|local| zone.to_ambiguous_timestamp(local).compatible().ok());
    let caller = match caller.as_str() {
        "hidden" => Some(None),
        text => Number::new(text).ok().map(Some),
    };
    let (Some(caller), Ok(line), Some(stamp)) = (caller, Number::new(&line), stamp) else {
        let mend = "write \"+998901234567 -> +998712000001 at 2026-03-02 20:15\"";
        section.error(&place, "bad-value", "cannot read the call", mend);
        section.done();
        return None;
    };
    section.done();
    let moment = Wall(stamp.as_millisecond());
    let steps = steps.into_iter().map(|step| Name::from(step.value)).collect();
    Some(Expect { at, caller, line, moment, keys: keys.chars().collect(), unanswered, steps })
}

/// `CALLER -> NUMBER at TIME`.
fn split_call(text: &str) -> Option<(String, String, String)> {
    let (caller, rest) = text.split_once("->")?;
    let (line, moment) = rest.split_once(" at ")?;
    let own = |part: &str| part.trim().to_owned();
    Some((own(caller), own(line), own(moment)))
}

fn named(found: section::Found<String>) -> Target {
    Target { name: found.value.into(), at: found.at }
}
