//! What people are told: the rules of `[[alert]]`, and when `[health]` counts as bad.

use super::outlets::Outlet;
use super::queues::Queue;
use crate::connect::notify::{Escalation, Event, Quiet, Rule};
use crate::model::{Name, Period};
use crate::plan::{Found, Section, Span, did_you_mean, quoted};

/// A digest that gathers for longer is no alert.
const DIGEST_MAX: Period = Period::hours(1);
/// The same thing is told of again after this, unless the rule says otherwise.
const AGAIN: Period = Period::mins(15);
/// What follows a message within this time is listed in one.
const DIGEST: Period = Period::secs(15);

/// From when on something is a fault: section `[health]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// An account that sends nothing for so long of its queue's open hours is silent.
    pub silent_after: Period,
    /// Less free space than so many hundredths of the disk is little.
    pub disk_free: u8,
    /// A certificate that ends within this time expires soon.
    pub certificate: Period,
}

/// Reads `[health]`.
pub fn health(top: &mut Section<'_>) -> Health {
    let mut section = top.table("health");
    let silent_after = section.or("silent_after", Period::hours(1));
    let disk_free = section.found_or("disk_free", 10_u8);
    if disk_free.value > 99 {
        let message = "more than 99 of 100 cannot be free";
        section.error(&disk_free.at, "bad-value", message, "write 10");
    }
    let certificate = section.or("certificate", Period::days(14));
    section.done();
    Health { silent_after, disk_free: disk_free.value, certificate }
}

/// Reads every `[[alert]]`; its targets and queues must be there, its events known.
pub fn alerts(top: &mut Section<'_>, targets: &[Outlet], queues: &[Queue]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for mut section in top.each("alert", "-") {
        let on = section.list::<String>("on");
        let to = section.list::<String>("to");
        for (key, found) in [("on", &on), ("to", &to)] {
            if found.is_empty() {
                let message = format!("`{}` is empty: the rule does nothing", section.path(key));
                section.error(&section.place(key), "missing", message, "");
            }
        }
        let words = Event::ALL.map(|event| (event.word(), event));
        let on = on.iter().filter_map(|event| section.pick("on", event, &words)).collect();
        let to = named(&section, to, targets);
        let own = queues.iter().map(|queue| queue.settings.name.as_str()).collect::<Vec<_>>();
        let of = section.list::<String>("queues");
        for queue in of.iter().filter(|queue| !own.contains(&queue.value.as_str())) {
            let message = format!("no queue is called {}", quoted(&queue.value));
            let mend = did_you_mean(&queue.value, &own);
            section.error(&queue.at, "missing-queue", message, mend.trim_end_matches(": "));
        }
        let quiet = section.section("quiet").and_then(quiet);
        let is_urgent = section.or("urgent", false);
        let again = section.or("again", AGAIN);
        let digest = section.found_or("digest", DIGEST);
        if digest.value > DIGEST_MAX {
            let message = format!("a digest of {} is no alert any more", digest.value);
            section.error(&digest.at, "bad-value", message, "write 10s to 30s");
        }
        let escalate = section.section("escalate").and_then(|mut escalate| {
            let after = escalate.must::<Period>("after");
            let to = escalate.list::<String>("to");
            if to.is_empty() {
                let message = format!("`{}` is empty: nobody is told", escalate.path("to"));
                escalate.error(&escalate.place("to"), "missing", message, "");
            }
            let to = named(&escalate, to, targets);
            escalate.done();
            Some(Escalation { after: after?.value, to })
        });
        section.done();
        let queues = of.into_iter().map(|queue| queue.value.into()).collect();
        let digest = digest.value;
        rules.push(Rule { on, to, queues, quiet, is_urgent, again, digest, escalate });
    }
    rules
}

/// The names of targets that are there.
fn named(section: &Section<'_>, to: Vec<Found<String>>, targets: &[Outlet]) -> Vec<Name> {
    for target in &to {
        if !targets.iter().any(|own| own.name.as_str() == target.value) {
            let known: Vec<&str> = targets.iter().map(|own| own.name.as_str()).collect();
            let message = format!("no [[notify]] is called {}", quoted(&target.value));
            let mend = did_you_mean(&target.value, &known);
            section.error(&target.at, "missing-target", message, mend.trim_end_matches(": "));
        }
    }
    to.into_iter().map(|target| target.value.into()).collect()
}

fn quiet(mut section: Section<'_>) -> Option<Quiet> {
    let from = section.must::<String>("from");
    let to = section.must::<String>("to");
    if let (Some(from), Some(to)) = (&from, &to)
        && let Err(error) = Span::new("mon-sun", &from.value, &to.value)
    {
        section.error(&from.at, "bad-value", error.to_string(), "");
    }
    section.done();
    Some(Quiet { from: minute(&from?.value)?, to: minute(&to?.value)? })
}

/// Minutes after midnight; `None` for a text that was complained about.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    hour.parse::<u16>().ok()?.checked_mul(60)?.checked_add(minute.parse().ok()?)
}
