//! What can only be seen when everything is read: names that lead nowhere, aliases with two
//! owners, callers sent in circles, and settings that make distribution one-sided.

use std::collections::{BTreeMap, BTreeSet};

use super::outlets::Outlet;
use super::people::{Operator, User};
use super::providers::{Kind, Provider};
use super::queues::Queue;
use super::trunks::Trunk;
use crate::acd::{OverflowTo, Strategy};
use crate::model::{Name, Period};
use crate::plan::{Found, Place, Problem, nearest, quoted};

/// Longer names do not fit on a telephone's display.
const SIP_USER_MAX: usize = 64;

/// Everything that names something else.
pub struct Read<'a> {
    /// All operators, those of the database too.
    pub operators: &'a [Operator],
    /// All queues, those of the database too.
    pub queues: &'a [Queue],
    /// All users.
    pub users: &'a [User],
    /// All accounts.
    pub providers: &'a [Provider],
    /// All trunks.
    pub trunks: &'a [Trunk],
    /// All CRMs.
    pub crms: &'a [Outlet],
}

/// Everything that does not fit together.
pub fn check(read: &Read<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    names(read, &mut problems);
    logins(read, &mut problems);
    aliases(read, &mut problems);
    telephones(read, &mut problems);
    circles(read, &mut problems);
    for queue in read.queues {
        one_sided(queue, &mut problems);
        deputies(queue, &mut problems);
        asked_crm(queue, read.crms, &mut problems);
        times(queue, &mut problems);
    }
    for provider in read.providers {
        if matches!(&provider.kind, Kind::Asterisk(ami) if ami.host.is_none()) {
            let message =
                format!("`{}` has no `host`: nothing connects to it", provider.settings.name);
            problems.push(Problem::warning(&provider.at, "no-host", message));
        }
        if provider.settings.queue.is_none() && provider.settings.queues.is_empty() {
            let message = format!("calls of `{}` belong to no queue", provider.settings.name);
            let mend = "add `queue`: else nobody is asked to call the missed ones back";
            problems.push(Problem::warning(&provider.at, "no-queue", message).mend(mend));
        }
    }
    problems
}

fn names(read: &Read<'_>, problems: &mut Vec<Problem>) {
    let operators: BTreeSet<&str> =
        read.operators.iter().map(|operator| operator.settings.name.as_str()).collect();
    let queues: BTreeSet<&str> =
        read.queues.iter().map(|queue| queue.settings.name.as_str()).collect();
    let mut look = |what: &str, known: &BTreeSet<&str>, name: &str, at: &Place| {
        if known.contains(name) {
            return;
        }
        let message = format!("no {what} is called {}", quoted(name));
        let near = nearest(name, known.iter().copied());
        let mend = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        problems.push(Problem::error(at, "missing-target", message).mend(mend));
    };
    for queue in read.queues {
        for member in &queue.members {
            look("operator", &operators, &member.value, &member.at);
        }
        for deputy in &queue.deputies {
            look("operator", &operators, &deputy.value, &deputy.at);
        }
        for onward in queue.onward.iter().chain(&queue.added) {
            look("queue", &queues, &onward.value, &onward.at);
        }
    }
    for provider in read.providers {
        for queue in &provider.queues_at {
            look("queue", &queues, &queue.value, &queue.at);
        }
    }
    for queue in read.trunks.iter().filter_map(|trunk| trunk.queue.as_ref()) {
        look("queue", &queues, &queue.value, &queue.at);
    }
    for user in read.users.iter().filter(|user| !user.disabled) {
        for queue in &user.queues {
            look("queue", &queues, queue.as_str(), &user.at);
        }
    }
}

fn logins(read: &Read<'_>, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<&Name, &Place> =
        read.users.iter().map(|user| (&user.login, &user.at)).collect();
    for operator in read.operators {
        let Some(login) = &operator.settings.login else { continue };
        if let Some(first) = owners.insert(login, &operator.at) {
            let message =
                format!("login {} has two owners, the first at {first}", quoted(login.as_str()));
            problems.push(Problem::error(&operator.at, "duplicate", message));
        }
    }
}

/// Telephones register by a name that is one operator's and fits into an address.
fn telephones(read: &Read<'_>, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<&str, &Place> = BTreeMap::new();
    for operator in read.operators {
        let Some((user, _)) = &operator.devices.sip else { continue };
        if let Some(first) = owners.insert(user, &operator.at) {
            let message =
                format!("telephone {} has two owners, the first at {first}", quoted(user));
            problems.push(Problem::error(&operator.at, "duplicate", message));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        if !(1..=SIP_USER_MAX).contains(&user.len()) || !user.bytes().all(plain) {
            let message = format!("{} is no name for a telephone", quoted(user));
            let mend = format!("up to {SIP_USER_MAX} letters, digits and - _ . + in `sip.user`");
            problems.push(Problem::error(&operator.at, "bad-name", message).mend(mend));
        }
    }
}

/// Two owners of one alias, where a plain alias holds in every account.
fn aliases(read: &Read<'_>, problems: &mut Vec<Problem>) {
    type Owned<'a> = (Option<&'a Name>, &'a Name, &'a Place);
    let mut owners: BTreeMap<&str, Vec<Owned<'_>>> = BTreeMap::new();
    for operator in read.operators {
        let name = &operator.settings.name;
        for (alias, at) in operator.settings.aliases.iter().zip(&operator.aliases_at) {
            let account = alias.account.as_ref();
            let known = owners.entry(&alias.alias).or_default();
            let meets = |(other, _, _): &&Owned<'_>| {
                other.is_none() || account.is_none() || *other == account
            };
            match known.iter().find(meets) {
                Some((_, owner, first)) if *owner != name => {
                    let message = format!(
                        "alias {} has two owners: `{owner}` at {first} and `{name}`",
                        quoted(&alias.alias)
                    );
                    let mend = "put the account before it, like sipuni-main:201";
                    problems.push(Problem::error(at, "duplicate", message).mend(mend));
                }
                Some(_) | None => known.push((account, name, at)),
            }
        }
        if operator.settings.aliases.is_empty() && operator.devices.sip.is_none() {
            let message = format!("no telephone of `{name}` is known: nothing can ring");
            let mend = "add `aliases` or `sip`";
            problems.push(Problem::warning(&operator.at, "no-alias", message).mend(mend));
        }
    }
}

/// Overflow that leads callers round and round.
fn circles(read: &Read<'_>, problems: &mut Vec<Problem>) {
    let onward: BTreeMap<&str, &[Found<String>]> = read
        .queues
        .iter()
        .map(|queue| (queue.settings.name.as_str(), queue.onward.as_slice()))
        .collect();
    for queue in read.queues {
        let start = queue.settings.name.as_str();
        for step in &queue.onward {
            if let Some(way) = way_back(start, &step.value, &onward) {
                let message = format!("overflow leads callers round: {}", way.join(" → "));
                let mend = "let one of these queues end in callback, voicemail or end";
                problems.push(Problem::error(&step.at, "loop", message).mend(mend));
            }
        }
    }
}

/// The way from a queue back to where it began, if there is one.
fn way_back<'a>(
    start: &'a str,
    first: &'a str,
    onward: &BTreeMap<&'a str, &'a [Found<String>]>,
) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![vec![start, first]];
    while let Some(way) = open.pop() {
        let last = way.last().copied()?;
        if last == start {
            return Some(way);
        }
        if !seen.insert(last) {
            continue;
        }
        for next in onward.get(last).copied().unwrap_or_default() {
            open.push(way.iter().copied().chain([next.value.as_str()]).collect());
        }
    }
    None
}

/// Settings that send most calls to the same person.
fn one_sided(queue: &Queue, problems: &mut Vec<Problem>) {
    let name = &queue.settings.name;
    let count = queue.members.len();
    let mut warn = |at: &Place, code: &'static str, message: String, mend: &str| {
        problems.push(Problem::warning(at, code, message).mend(mend));
    };
    match queue.members.first() {
        None => {
            let message = format!("queue `{name}` has no operator: every call of it is lost");
            warn(&queue.at, "no-operators", message, "add `tiers`");
        }
        Some(only) if count == 1 => {
            let message = format!("every call of `{name}` rings `{}` alone", only.value);
            warn(&queue.at, "one-operator", message, "add a second one, or an `overflow`");
        }
        Some(first) if queue.settings.strategy == Strategy::Linear => {
            let message = format!(
                "`linear` always begins with `{}`: they get most calls of `{name}`",
                first.value
            );
            let mend = "round-robin or longest-idle spread calls over all";
            warn(&queue.at, "one-sided", message, mend);
        }
        Some(_) => {}
    }
    let alone = queue.settings.tiers.first().is_some_and(|tier| tier.members.len() == 1);
    if alone && count > 1 && queue.settings.strategy != Strategy::Linear {
        let message =
            format!("the first tier of `{name}` is one person, who gets every call first");
        warn(&queue.at, "one-sided", message, "put more people into the first tier");
    }
    if queue.settings.strategy == Strategy::Parallel && queue.settings.fanout_max == 1 && count > 1
    {
        let message = format!("`fanout_max = 1` makes `{name}` ring one telephone at a time");
        warn(&queue.at, "one-sided", message, "leave it out, or choose longest-idle");
    }
    if let Some(at) = &queue.weighted
        && !queue.settings.strategy.reads_weights()
    {
        let word = queue.settings.strategy.word();
        let message = format!("`{word}` does not look at weights");
        warn(at, "no-effect", message, "parallel, weighted-random and smooth-weighted do");
    }
}

/// A deputy who is no member of the queue cannot be rung for it.
fn deputies(queue: &Queue, problems: &mut Vec<Problem>) {
    for deputy in &queue.deputies {
        if queue.members.iter().any(|member| member.value == deputy.value) {
            continue;
        }
        let message =
            format!("{} is no member of `{}`", quoted(&deputy.value), queue.settings.name);
        let mend = "add them to `tiers`: only members of a queue are rung for it";
        problems.push(Problem::warning(&deputy.at, "no-effect", message).mend(mend));
    }
}

/// A CRM is to be asked, and none that could answer is connected.
fn asked_crm(queue: &Queue, crms: &[Outlet], problems: &mut Vec<Problem>) {
    let Some(at) = queue.asks_crm.as_ref().filter(|_| !crms.iter().any(Outlet::knows_clients))
    else {
        return;
    };
    let name = &queue.settings.name;
    let message = format!("no CRM can be asked whose clients those of `{name}` are");
    let mend = "add a [crm.NAME] of kind amocrm or bitrix24, or take `crm` out";
    problems.push(Problem::warning(at, "no-effect", message).mend(mend));
}

/// Lengths that rule each other out.
fn times(queue: &Queue, problems: &mut Vec<Problem>) {
    let settings = &queue.settings;
    let (name, wait_max) = (&settings.name, settings.wait_max);
    let mut late = |what: &str, after: Period| {
        if after >= wait_max {
            let message = format!(
                "{what} of `{name}` at {after} never comes: callers wait {wait_max} at most"
            );
            let mend = "raise `wait_max`";
            problems.push(Problem::warning(&queue.at, "no-effect", message).mend(mend));
        }
    };
    for tier in settings.tiers.iter().filter(|tier| tier.after != Period::ZERO) {
        late("the tier", tier.after);
    }
    for (step, after) in settings.overflow.iter().filter_map(|it| Some((it, it.when.after?))) {
        let what = match step.to {
            OverflowTo::Tier(_) => "the opening of a tier",
            OverflowTo::Relax(_) => "the relaxed skill",
            OverflowTo::Add(_) => "the added queue",
            OverflowTo::Queue(_) => "the overflow to another queue",
            OverflowTo::Callback => "the callback",
            OverflowTo::Dial(_) => "the outside number",
            OverflowTo::Voicemail => "the voicemail",
            OverflowTo::Say(_) => "the announcement",
            OverflowTo::End => "the end",
        };
        late(what, after);
    }
    let target = settings.service_level.target;
    if settings.sticky.as_ref().is_some_and(|sticky| sticky.wait_max > target) {
        let message = format!(
            "callers of `{name}` wait for the responsible operator {target} at most, the target of \
             the service level"
        );
        problems.push(Problem::warning(&queue.at, "no-effect", message).mend("lower `wait_max`"));
    }
    if settings.ring_min > settings.ring {
        let message =
            format!("`ring_min` of `{name}` is longer than `ring`: no ring is ever a miss");
        problems.push(Problem::warning(&queue.at, "no-effect", message));
    }
}
