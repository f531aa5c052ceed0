//! The way of a call through a plan: a pure function of number, caller, time and what happens.

use super::dialplan::{Act, Line, Plan, Rule, Step, Target};
use crate::model::{Name, Number, Wall};

/// Steps of one call at most. A plan in which more are possible is not loaded; what still gets
/// here at run time goes to the plan's fallback.
pub const DEPTH_MAX: u8 = 16;

/// Where a call is in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The step.
    pub step: Name,
    /// How many steps it has taken, this one included.
    pub depth: u8,
}

/// What happened in a step that a plan can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Waited, rang or listened for the whole time.
    Timeout,
    /// The queue is full.
    Full,
    /// The queue is out of its hours.
    Closed,
    /// Nobody is signed in.
    NoOperators,
    /// The caller pressed a key.
    Key(char),
    /// The announcement is over.
    Said,
}

/// Where a call goes from a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// To another step.
    Step(Walk),
    /// Nowhere: the plan says no more about it.
    Over,
    /// More steps than any plan may have: raise an alarm, use [`Plan::fallback`].
    TooDeep,
}

impl Plan {
    /// Where a call enters; `None` when the plan has no such number.
    pub fn enter(&self, line: &Number, caller: Option<&Number>, at: Wall) -> Option<Walk> {
        let step = self.line(line)?.step_for(caller, at)?;
        Some(Walk { step: step.name.clone(), depth: 1 })
    }

    /// Whether a call enters by the step for out of hours, or by none because it is.
    pub fn is_shut(&self, line: &Number, caller: Option<&Number>, at: Wall) -> bool {
        self.line(line).is_some_and(|line| line.is_shut(caller, at))
    }

    /// Whether the plan answers for a number by name.
    pub fn has_line(&self, line: &Number) -> bool {
        self.lines.iter().any(|own| own.number.as_ref() == Some(line))
    }

    /// Whether it answers for numbers that have no section.
    pub fn has_rest(&self) -> bool {
        self.lines.iter().any(|own| own.number.is_none())
    }

    /// The queue that calls of a number belong to: the first that its step for open hours leads
    /// to, else the plan's fallback.
    pub fn home(&self, line: &Number) -> Option<&Name> {
        let open = self.line(line).map(|line| &line.open);
        let mut next: Vec<&Name> = open.into_iter().map(|open| &open.name).collect();
        let mut seen: Vec<&Name> = Vec::new();
        while let Some(name) = next.pop() {
            let Some(step) = self.steps.get(name).filter(|_| !seen.contains(&name)) else {
                continue;
            };
            if let Some(queue) = step.act.queue() {
                return Some(&queue.name);
            }
            seen.push(name);
            next.extend(step.act.exits().into_iter().rev().map(|(_, to)| &to.name));
        }
        self.fallback.as_ref().map(|queue| &queue.name)
    }

    /// The queue in which a call waits at a moment if nobody presses a key; `None` when the plan
    /// leads to none then.
    pub fn queue_at(&self, line: &Number, caller: Option<&Number>, at: Wall) -> Option<&Name> {
        let mut walk = self.enter(line, caller, at)?;
        loop {
            let exit = match &self.step(&walk)?.act {
                Act::Queue { queue, .. } => return Some(&queue.name),
                Act::Menu { .. } => Exit::Timeout,
                Act::Say { .. } => Exit::Said,
                Act::Dial { .. } | Act::Callback { .. } => return None,
                Act::Voicemail { .. } | Act::End { .. } => return None,
            };
            let Next::Step(next) = self.next(&walk, exit) else { return None };
            walk = next;
        }
    }

    fn line(&self, line: &Number) -> Option<&Line> {
        let exact = self.lines.iter().find(|own| own.number.as_ref() == Some(line));
        exact.or_else(|| self.lines.iter().find(|own| own.number.is_none()))
    }

    /// What is done in a step.
    pub fn step(&self, walk: &Walk) -> Option<&Step> {
        self.steps.get(&walk.step)
    }

    /// Where a call goes when something happened in its step.
    pub fn next(&self, walk: &Walk, exit: Exit) -> Next {
        let Some(step) = self.step(walk) else { return Next::Over };
        let Some(to) = step.act.exit(exit) else { return Next::Over };
        if walk.depth >= DEPTH_MAX {
            return Next::TooDeep;
        }
        Next::Step(Walk { step: to.name.clone(), depth: walk.depth + 1 })
    }

    /// The steps of a call whose caller presses `keys`; with `unanswered` nobody picks up, else
    /// the first queue or telephone does.
    pub fn steps_of(&self, enter: Walk, keys: &[char], unanswered: bool) -> Vec<Name> {
        let (mut walk, mut keys) = (enter, keys.iter());
        let mut taken = vec![walk.step.clone()];
        while let Some(step) = self.step(&walk) {
            let exit = match &step.act {
                Act::Queue { .. } | Act::Dial { .. } if !unanswered => return taken,
                Act::Queue { .. } | Act::Dial { .. } => Exit::Timeout,
                Act::Menu { .. } => keys.next().map_or(Exit::Timeout, |key| Exit::Key(*key)),
                Act::Say { .. } => Exit::Said,
                Act::Callback { .. } | Act::Voicemail { .. } | Act::End { .. } => return taken,
            };
            let Next::Step(next) = self.next(&walk, exit) else { return taken };
            walk = next;
            taken.push(walk.step.clone());
        }
        taken
    }
}

impl Line {
    /// The first step of a call: the rules in order, then the hours.
    fn step_for(&self, caller: Option<&Number>, at: Wall) -> Option<&Target> {
        match self.rule_for(caller, at) {
            Some(rule) => Some(&rule.to),
            None if in_hours(self.hours.as_ref(), at) => Some(&self.open),
            None => self.shut.as_ref(),
        }
    }

    fn rule_for(&self, caller: Option<&Number>, at: Wall) -> Option<&Rule> {
        let fits = |rule: &&Rule| rule.caller.fits(caller) && in_hours(rule.hours.as_ref(), at);
        self.rules.iter().find(fits)
    }

    fn is_shut(&self, caller: Option<&Number>, at: Wall) -> bool {
        self.rule_for(caller, at).is_none() && !in_hours(self.hours.as_ref(), at)
    }
}

fn in_hours(hours: Option<&std::sync::Arc<super::Calendar>>, at: Wall) -> bool {
    hours.is_none_or(|calendar| calendar.is_open(at))
}

impl Act {
    /// The step that something leads to; one arm for each kind of step.
    fn exit(&self, exit: Exit) -> Option<&Target> {
        match (self, exit) {
            (Act::Queue { timeout, .. }, Exit::Timeout) => timeout.as_ref(),
            (Act::Queue { full, .. }, Exit::Full) => full.as_ref(),
            (Act::Queue { closed, .. }, Exit::Closed) => closed.as_ref(),
            (Act::Queue { no_operators, .. }, Exit::NoOperators) => no_operators.as_ref(),
            (Act::Queue { .. }, Exit::Key(_) | Exit::Said) => None,
            (Act::Dial { timeout, .. }, Exit::Timeout) => timeout.as_ref(),
            (Act::Menu { keys, timeout, .. }, Exit::Key(key)) => {
                keys.get(&key).or(timeout.as_ref())
            }
            (Act::Menu { timeout, .. }, Exit::Timeout) => timeout.as_ref(),
            (Act::Say { then, .. }, Exit::Said) => then.as_ref(),
            (Act::Dial { .. } | Act::Menu { .. } | Act::Say { .. }, _) => None,
            (Act::Callback { .. } | Act::Voicemail { .. } | Act::End { .. }, _) => None,
        }
    }
}
