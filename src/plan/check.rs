//! What makes a plan unfit to load: targets that are not there, loops, ways without an end,
//! rules nobody reaches, and promises it does not keep.

use std::collections::BTreeSet;

use super::dialplan::{Line, Plan, Target};
use super::problem::{Problem, nearest, quoted};
use super::walk::DEPTH_MAX;
use crate::model::Name;

/// Everything that is wrong with a plan that could be read.
pub fn check(plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    for line in &plan.lines {
        check_line(plan, line, &mut problems);
    }
    check_targets(plan, &mut problems);
    if problems.is_empty() {
        check_ways(plan, &mut problems);
    }
    if problems.is_empty() {
        check_reached(plan, &mut problems);
        check_expects(plan, &mut problems);
    }
    problems
}

impl Plan {
    /// Complains about queues that the site does not have.
    pub fn check_queues(&self, queues: &BTreeSet<Name>) -> Vec<Problem> {
        let named = self.steps.values().filter_map(|step| step.act.queue());
        let missing = named.chain(&self.fallback).filter(|queue| !queues.contains(&queue.name));
        let mut problems: Vec<_> = missing.map(|queue| no_such("queue", queue, queues)).collect();
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        problems
    }
}

fn no_such(what: &str, target: &Target, known: &BTreeSet<Name>) -> Problem {
    let message = format!("no {what} {}", quoted(target.name.as_str()));
    let near = nearest(target.name.as_str(), known.iter().map(Name::as_str));
    let mend = near.map(|name| format!("did you mean `{name}`?")).unwrap_or_default();
    Problem::error(&target.at, "missing-target", message).mend(mend)
}

fn check_line(plan: &Plan, line: &Line, problems: &mut Vec<Problem>) {
    match (&line.hours, &line.shut) {
        (Some(_), None) => problems.push(
            Problem::error(&line.at, "no-terminal", "out of hours its calls have no step")
                .mend("add `shut = \"STEP\"`"),
        ),
        (None, Some(shut)) => problems.push(
            Problem::error(&shut.at, "unreachable", "without `hours` it is never shut")
                .mend("add `hours`, or take `shut` out"),
        ),
        (None, None) | (Some(_), Some(_)) => {}
    }
    for (at, rule) in line.rules.iter().enumerate() {
        let before = line.rules.iter().take(at);
        let covering = |earlier: &&super::dialplan::Rule| {
            let hours = earlier.hours.is_none() || earlier.hours == rule.hours;
            hours && earlier.caller.covers(&rule.caller)
        };
        if let Some(earlier) = before.into_iter().find(covering) {
            let message = format!("no call reaches this rule: the one at {} takes it", earlier.at);
            let mend = "put the narrower rule first";
            problems.push(Problem::error(&rule.at, "unreachable", message).mend(mend));
        }
    }
    let twins = plan.lines.iter().take_while(|other| !std::ptr::eq(*other, line));
    if twins.into_iter().any(|other| other.number == line.number) {
        problems.push(Problem::error(&line.at, "duplicate", "this number has two sections"));
    }
}

fn check_targets(plan: &Plan, problems: &mut Vec<Problem>) {
    let known: BTreeSet<Name> = plan.steps.keys().cloned().collect();
    let mut targets: Vec<&Target> = plan.lines.iter().flat_map(entrances).collect();
    for step in plan.steps.values() {
        targets.extend(step.act.exits().into_iter().map(|(_, to)| to));
    }
    targets.sort_by(|one, other| one.at.cmp(&other.at));
    let missing = targets.into_iter().filter(|target| !known.contains(&target.name));
    problems.extend(missing.map(|target| no_such("step", target, &known)));
}

fn entrances(line: &Line) -> Vec<&Target> {
    let rules = line.rules.iter().map(|rule| &rule.to);
    rules.chain(std::iter::once(&line.open)).chain(&line.shut).collect()
}

/// Looks for loops and for ways that are too long, by following every way from every step.
fn check_ways(plan: &Plan, problems: &mut Vec<Problem>) {
    /// How far a step's longest way goes; a step that is being followed has none yet.
    type Depths = std::collections::BTreeMap<Name, Option<usize>>;

    fn follow(
        plan: &Plan,
        name: &Name,
        way: &mut Vec<Name>,
        depths: &mut Depths,
        problems: &mut Vec<Problem>,
    ) -> usize {
        match depths.get(name) {
            Some(Some(depth)) => return *depth,
            Some(None) => return 0,
            None => {}
        }
        let Some(step) = plan.steps.get(name) else { return 0 };
        depths.insert(name.clone(), None);
        way.push(name.clone());
        let mut longest = 0;
        for (key, to) in step.act.exits() {
            if let Some(from) = way.iter().position(|passed| *passed == to.name) {
                let round = way.iter().skip(from).chain([&to.name]).map(Name::as_str);
                let round = round.collect::<Vec<_>>().join(" → ");
                let message = format!("`{key}` makes a loop: {round}");
                problems.push(Problem::error(&to.at, "loop", message));
                continue;
            }
            // A plan as deep as this is refused below; going on would only cost stack.
            if way.len() <= 4 * usize::from(DEPTH_MAX) {
                longest = longest.max(follow(plan, &to.name, way, depths, problems));
            }
        }
        way.pop();
        depths.insert(name.clone(), Some(longest + 1));
        longest + 1
    }

    let mut depths = Depths::new();
    for line in &plan.lines {
        for entrance in entrances(line) {
            let depth = follow(plan, &entrance.name, &mut Vec::new(), &mut depths, problems);
            if depth > usize::from(DEPTH_MAX) {
                let message = format!("a way of {depth} steps begins here, {DEPTH_MAX} at most");
                problems.push(Problem::error(&entrance.at, "too-deep", message));
            }
        }
    }
    for (name, step) in &plan.steps {
        if !depths.contains_key(name) {
            let mut inside = Vec::new();
            follow(plan, name, &mut Vec::new(), &mut depths, &mut inside);
            problems.append(&mut inside);
            let message = format!("no call reaches step `{name}`");
            let mend = "lead a number or a step to it, or take it out";
            problems.push(Problem::error(&step.at, "unreachable", message).mend(mend));
        }
    }
}

/// Complains about hours that never open: what is behind them is never reached.
fn check_reached(plan: &Plan, problems: &mut Vec<Problem>) {
    for line in &plan.lines {
        let shut = line.hours.as_ref().filter(|hours| hours.never_opens());
        if shut.is_some() {
            problems.push(Problem::error(&line.open.at, "unreachable", "its hours never open"));
        }
    }
}

fn check_expects(plan: &Plan, problems: &mut Vec<Problem>) {
    for expect in &plan.expects {
        let enter = plan.enter(&expect.line, expect.caller.as_ref(), expect.moment);
        let steps = enter.map(|enter| plan.steps_of(enter, &expect.keys, expect.unanswered));
        let Some(steps) = steps else {
            problems.push(Problem::error(&expect.at, "expectation", "no such number in the plan"));
            continue;
        };
        if steps != expect.steps {
            let names = |steps: &[Name]| {
                steps.iter().map(|step| format!("\"{step}\"")).collect::<Vec<_>>().join(", ")
            };
            let message = format!(
                "expected steps [{}], the call takes [{}]",
                names(&expect.steps),
                names(&steps)
            );
            problems.push(Problem::error(&expect.at, "expectation", message));
        }
    }
}
