//! What becomes of callers whom a queue does not serve: key `overflow`, a list of steps.
//!
//! A step says when it is taken, with one key or several that all have to hold, and in `to` what
//! is done then. `checks.rs` looks at what only the whole file can tell: names of queues, and
//! callers sent in circles.

use super::names::is_name;
use super::queues::{Queue, calendar};
use crate::acd::{OVERFLOW_MAX, Overflow, OverflowTo, When};
use crate::model::{Name, Number, Period};
use crate::plan::{Calendars, Found, Place, Section, did_you_mean, quoted, read_class};

/// The words of `to`.
const WAYS: &str = "tier:2, relax:SKILL, add:QUEUE, queue:NAME, dial:+998…, callback, voicemail, \
                    say:NAME or end";

/// How a step can be taken.
const WHENS: &str =
    "add `after`, `nobody_for`, `position`, `expected_wait`, `hours` or `out_of_hours`";

/// Reads `overflow`, once the tiers and skills of the queue are read.
pub fn overflow(section: &mut Section<'_>, queue: &mut Queue, calendars: &Calendars) {
    let mut last = None;
    for mut step in section.each("overflow", "-") {
        last = None; // of a step that cannot be read nobody knows whether it lets callers go
        let when = when(&mut step, calendars);
        let to = step.must::<String>("to");
        let read = to.as_ref().and_then(|to| way(&step, to, queue));
        let (class, target) = rank(&mut step, read.as_ref());
        if let (Some((when, at)), Some(to), Some(read)) = (when, to, read) {
            let next = Overflow { when, to: read, class, target };
            order(&step, &at, &queue.settings.overflow, &next);
            if queue.settings.overflow.len() == OVERFLOW_MAX {
                let message = format!("a queue has at most {OVERFLOW_MAX} overflow steps");
                step.error(&to.at, "bad-value", message, "send callers to another queue");
            }
            last = Some((to, next.to.is_terminal()));
            queue.settings.overflow.push(next);
        }
        step.done();
    }
    if let Some((to, false)) = last {
        let message = format!("the chain ends with {}, which lets nobody go", quoted(&to.value));
        let mend = "end it with queue:NAME, dial:+998…, callback, voicemail, say:NAME or end";
        section.error(&to.at, "no-end", message, mend);
    }
}

/// Reads when a step is taken, and where its time stands; `None` where it does not say.
fn when(step: &mut Section<'_>, calendars: &Calendars) -> Option<(When, Place)> {
    let named = ["after", "nobody_for", "position", "expected_wait", "hours", "out_of_hours"];
    if !named.iter().any(|key| step.has(key)) {
        step.error(step.at(), "missing", "the overflow step does not say when", WHENS);
        return None;
    }
    let after = step.opt::<Period>("after");
    let at = after.as_ref().map_or_else(|| step.at().clone(), |after| after.at.clone());
    let after = after.map(|after| after.value);
    let nobody_for = some_time(step, "nobody_for");
    let expected_wait = some_time(step, "expected_wait");
    let position = step.opt::<u16>("position").map(|place| {
        if place.value == 0 {
            step.error(&place.at, "bad-value", "nobody stands at place 0", "the first is 1");
        }
        place.value.max(1)
    });
    let hours = calendar(step, "hours", calendars);
    let out_of_hours = calendar(step, "out_of_hours", calendars);
    Some((When { after, nobody_for, position, expected_wait, hours, out_of_hours }, at))
}

/// Reads the class and the target with which callers go on to another queue.
fn rank(step: &mut Section<'_>, to: Option<&OverflowTo>) -> (Option<u8>, Option<Period>) {
    let moves = to.is_none_or(|to| matches!(to, OverflowTo::Queue(_)));
    for key in ["class", "target"] {
        if step.has(key) && !moves {
            let message = format!("`{}` is of callers who go on to another queue", step.path(key));
            step.error(step.at(), "bad-value", message, "leave it out");
        }
    }
    (read_class(step), some_time(step, "target"))
}

/// A length that may be left out, and may not be nothing.
fn some_time(step: &mut Section<'_>, key: &'static str) -> Option<Period> {
    let found = step.opt::<Period>(key)?;
    if found.value == Period::ZERO {
        let message = format!("`{}` may not be 0", step.path(key));
        step.error(&found.at, "bad-value", message, "leave it out");
    }
    Some(found.value)
}

/// Complains about steps in the wrong order, and behind one that leaves no caller for them.
fn order(step: &Section<'_>, at: &Place, before: &[Overflow], next: &Overflow) {
    let by_time = before.iter().rev().find(|it| it.when.is_time_only());
    if next.when.is_time_only() && by_time.is_some_and(|it| next.when.after <= it.when.after) {
        let message = "an overflow step comes later than the one before it";
        step.error(at, "bad-order", message, "raise `after`");
    }
    let takes_all = |it: &&Overflow| it.when.is_time_only() && it.to.lets_go();
    // Only the callers of a step that waits at least as long find that everybody is gone.
    if before.iter().find(takes_all).is_some_and(|it| next.when.after >= it.when.after) {
        let message = "no caller is left for this step: an earlier one takes them all";
        step.error(at, "unreachable", message, "take it out, or put it first");
    }
}

fn way(step: &Section<'_>, to: &Found<String>, queue: &mut Queue) -> Option<OverflowTo> {
    let at = |name: &str| Found { value: name.to_owned(), at: to.at.clone() };
    match to.value.split_once(':') {
        None if to.value == "callback" => Some(OverflowTo::Callback),
        None if to.value == "voicemail" => Some(OverflowTo::Voicemail),
        None if to.value == "end" => Some(OverflowTo::End),
        Some(("queue", name)) => {
            queue.onward.push(at(name));
            Some(OverflowTo::Queue(Name::from(name)))
        }
        Some(("add", name)) if name == queue.settings.name.as_str() => {
            let message = format!("callers of `{name}` are served by `{name}` already");
            step.error(&to.at, "bad-value", message, "name another queue");
            None
        }
        Some(("add", name)) => {
            queue.added.push(at(name));
            Some(OverflowTo::Add(Name::from(name)))
        }
        Some(("tier", number)) => tier(step, &to.at, number, queue).map(OverflowTo::Tier),
        Some(("relax", skill)) => relaxed(step, &to.at, skill, queue),
        Some(("say", name)) if is_name(name) => Some(OverflowTo::Say(name.to_owned())),
        Some(("dial", number)) if Number::new(number).is_ok() => {
            Some(OverflowTo::Dial(number.to_owned()))
        }
        None | Some(_) => {
            let mend = did_you_mean(&to.value, &["callback", "voicemail", "end"]);
            let message = format!("{} leads nowhere", quoted(&to.value));
            step.error(&to.at, "bad-value", message, &format!("{mend}{WAYS}"));
            None
        }
    }
}

/// A tier by its number in the file, from 1; the first needs no opening.
fn tier(step: &Section<'_>, at: &Place, number: &str, queue: &Queue) -> Option<u8> {
    let count = queue.settings.tiers.len();
    let place = number.parse::<u8>().ok().and_then(|number| number.checked_sub(1));
    let opens = place.filter(|place| (1..count).contains(&usize::from(*place)));
    if opens.is_none() {
        let message = format!("{} is no tier of `{}` to open", quoted(number), queue.settings.name);
        let mend = match count {
            0 | 1 => String::from("there is one tier, and it is open from the beginning"),
            _ => format!("tiers count from 1; the first is open, then come 2 to {count}"),
        };
        step.error(at, "missing-target", message, &mend);
    }
    opens
}

fn relaxed(step: &Section<'_>, at: &Place, skill: &str, queue: &Queue) -> Option<OverflowTo> {
    let skills = &queue.settings.skills;
    if skills.iter().any(|known| known.as_str() == skill) {
        return Some(OverflowTo::Relax(Name::from(skill)));
    }
    let known: Vec<&str> = skills.iter().map(Name::as_str).collect();
    let message = format!("`{}` does not need the skill {}", queue.settings.name, quoted(skill));
    let mend = did_you_mean(skill, &known);
    step.error(at, "missing-target", message, mend.trim_end_matches(": "));
    None
}
