//! A dialplan as a value: our numbers, the steps a call may take, and what the plan promises.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calendar::Calendar;
use super::problem::Place;
use crate::model::{Name, Number, Period, Wall};

/// The highest class of a caller. Ten are more than anybody tells apart.
pub const CLASS_MAX: u8 = 9;

/// A dialplan that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Unique over the site.
    pub name: Name,
    /// The zone of its hours and of the times in its expectations.
    pub zone: jiff::tz::TimeZone,
    /// The numbers it answers for.
    pub lines: Vec<Line>,
    /// Everything a call may do, by name.
    pub steps: BTreeMap<Name, Step>,
    /// The queue that takes a call when the plan fails at run time.
    pub fallback: Option<Target>,
    /// What it promises to do.
    pub expects: Vec<Expect>,
}

/// A name that was written somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name.
    pub name: Name,
    /// Where it stands.
    pub at: Place,
}

/// What happens to calls of one of our numbers: section `[number."+998…"]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The number; `None` is `*`, every number that has no section.
    pub number: Option<Number>,
    /// Where the section stands.
    pub at: Place,
    /// Looked at in order before the hours; the first that fits decides.
    pub rules: Vec<Rule>,
    /// Working hours; `None`: always open.
    pub hours: Option<Arc<Calendar>>,
    /// The step in hours.
    pub open: Target,
    /// The step out of hours.
    pub shut: Option<Target>,
}

/// One rule of a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where it stands.
    pub at: Place,
    /// Whose calls.
    pub caller: CallerIs,
    /// In which hours; `None`: at any time.
    pub hours: Option<Arc<Calendar>>,
    /// The step.
    pub to: Target,
}

/// Whose calls a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerIs {
    /// Everybody's.
    Anybody,
    /// Numbers that begin so: `+`, then digits.
    Prefix(String),
    /// Those who hide their number.
    Hidden,
}

/// One thing a call may do: section `[step.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where the section stands.
    pub at: Place,
    /// What is done.
    pub act: Act,
}

/// What a step does. What is `None` ends the call.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Wait in a queue.
    Queue {
        /// Which.
        queue: Target,
        /// The class of the caller in it, up to [`CLASS_MAX`]; `None`: the queue's own.
        class: Option<u8>,
        /// When the wait was too long.
        timeout: Option<Target>,
        /// When the queue is full.
        full: Option<Target>,
        /// When the queue is out of its hours.
        closed: Option<Target>,
        /// When nobody is signed in.
        no_operators: Option<Target>,
    },
    /// Ring outside numbers at the same time.
    Dial {
        /// Which.
        numbers: Vec<Number>,
        /// For how long.
        ring: Period,
        /// When nobody picked up.
        timeout: Option<Target>,
    },
    /// Say something and wait for a key.
    Menu {
        /// The name of the recording.
        say: String,
        /// Where each key leads: `0` to `9`, `*`, `#`.
        keys: BTreeMap<char, Target>,
        /// How long to wait for a key.
        wait: Period,
        /// How often to say it again.
        repeat: u8,
        /// When no known key was pressed.
        timeout: Option<Target>,
    },
    /// Say something.
    Say {
        /// The name of the recording.
        say: String,
        /// What is kept of a call that ends here.
        record: Option<Record>,
        /// What comes after it.
        then: Option<Target>,
    },
    /// Promise to call back.
    Callback {
        /// The queue whose people call back.
        queue: Target,
    },
    /// Take a message.
    Voicemail {
        /// The name of the recording that asks for it.
        say: String,
    },
    /// End the call.
    End {
        /// What the caller is told.
        because: End,
    },
}

/// What is kept of a call that ends after an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// An item for those who call back.
    Callback,
    /// A message of the caller's.
    Voicemail,
}

/// How a call is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Plainly.
    Hangup,
    /// With the busy tone.
    Busy,
    /// Out of hours.
    Closed,
    /// The caller is not wanted.
    Blocked,
}

/// One promise: section `[[expect]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Where the section stands.
    pub at: Place,
    /// Who calls; `None`: hidden.
    pub caller: Option<Number>,
    /// Our number.
    pub line: Number,
    /// When.
    pub moment: Wall,
    /// The keys the caller presses, in order.
    pub keys: Vec<char>,
    /// Whether nobody picks up; else the first queue or telephone does.
    pub unanswered: bool,
    /// The steps the call takes.
    pub steps: Vec<Name>,
}

impl Act {
    /// Every step it may lead to, with the key that names it.
    pub fn exits(&self) -> Vec<(String, &Target)> {
        let named = |key: &str, to: &'_ Option<Target>| to.is_some().then(|| key.to_owned());
        let pairs: Vec<(&str, &Option<Target>)> = match self {
            Act::Queue { timeout, full, closed, no_operators, .. } => vec![
                ("timeout", timeout),
                ("full", full),
                ("closed", closed),
                ("no_operators", no_operators),
            ],
            Act::Dial { timeout, .. } | Act::Menu { timeout, .. } => vec![("timeout", timeout)],
            Act::Say { then, .. } => vec![("then", then)],
            Act::Callback { .. } | Act::Voicemail { .. } | Act::End { .. } => Vec::new(),
        };
        let named = pairs.into_iter().filter_map(|(key, to)| Some((named(key, to)?, to.as_ref()?)));
        let keys: Vec<(String, &Target)> = match self {
            Act::Menu { keys, .. } => {
                keys.iter().map(|(key, to)| (format!("keys.{key}"), to)).collect()
            }
            Act::Queue { .. } | Act::Dial { .. } | Act::Say { .. } => Vec::new(),
            Act::Callback { .. } | Act::Voicemail { .. } | Act::End { .. } => Vec::new(),
        };
        named.chain(keys).collect()
    }

    /// The queue it names.
    pub const fn queue(&self) -> Option<&Target> {
        match self {
            Act::Queue { queue, .. } | Act::Callback { queue } => Some(queue),
            Act::Dial { .. } | Act::Menu { .. } | Act::Say { .. } => None,
            Act::Voicemail { .. } | Act::End { .. } => None,
        }
    }
}

impl CallerIs {
    /// Whether a caller fits.
    pub fn fits(&self, caller: Option<&Number>) -> bool {
        match self {
            CallerIs::Anybody => true,
            CallerIs::Hidden => caller.is_none(),
            CallerIs::Prefix(prefix) => caller.is_some_and(|c| c.reveal().starts_with(prefix)),
        }
    }

    /// Whether everybody who fits another fits this one too.
    pub fn covers(&self, other: &CallerIs) -> bool {
        match (self, other) {
            (CallerIs::Anybody, _) | (CallerIs::Hidden, CallerIs::Hidden) => true,
            (CallerIs::Prefix(mine), CallerIs::Prefix(theirs)) => theirs.starts_with(mine),
            (CallerIs::Hidden, CallerIs::Anybody | CallerIs::Prefix(_)) => false,
            (CallerIs::Prefix(_), CallerIs::Anybody | CallerIs::Hidden) => false,
        }
    }
}
