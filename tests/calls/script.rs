//! Reads a transcript: settings lines, then timed lines with inputs.
//!
//! ```text
//! queue sales strategy parallel ring 20s wrap-up 10s
//! tier sales 15s cem bobur:5            (without tiers, everybody of `ready` is in the first)
//! operator aziza alias 201 skill tax always calls-max 2
//! account main kind sipuni queue sales settle 5s
//! ready aziza bobur                      (signed in, telephone proven)
//! unknown cem                            (signed in, nothing known of the telephone)
//! slow-bridge                            (parties are joined when the story says so)
//! | [number."+998712000001"]             (the text of a dialplan)
//!
//! 00.000  +998901234567 calls +998712000001 in sales as caller
//! 01:02.500  aziza answers; bobur rings
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use navbat::acd::{
    AccountSettings, AliasOf, AutoPause, CallbackFirst, Member, OperatorSettings, Overflow,
    OverflowTo, QueueSettings, ReadyRule, Settings, Strategy, Tier, TierMode, When,
};
use navbat::model::{Name, NumberRules, Period};
use navbat::plan::{Calendar, Calendars, Plan, Span};

/// A transcript before it is played.
pub struct Script {
    /// What the switch is set up with.
    pub settings: Settings,
    /// Who is signed in at the start, and whether their telephone is proven.
    pub ready: Vec<(String, bool)>,
    /// The text of a dialplan.
    pub plan: String,
    /// Whether joining takes an input.
    pub slow_bridge: bool,
    /// Settings and comments as written, up to the first timed line.
    pub head: Vec<String>,
    /// The rest.
    pub lines: Vec<Line>,
}

/// One line of the story.
pub enum Line {
    /// A comment or an empty line, kept.
    Text(String),
    /// At so many milliseconds, these inputs; the line as written.
    Timed(u64, Vec<String>, String),
}

/// What stands for "time passes" in a timed line that the player wrote.
pub const NOTHING: &str = "...";

/// Reads a whole file; panics with the line where it cannot.
pub fn read(text: &str) -> Script {
    let mut script = Script {
        settings: Settings {
            version: String::from("v1"),
            timezone: jiff::tz::TimeZone::fixed(jiff::tz::offset(5)),
            operators: Vec::new(),
            queues: Vec::new(),
            accounts: vec![account(&["trunk", "kind", "sip"])],
            plans: Vec::new(),
        },
        ready: Vec::new(),
        plan: String::new(),
        slow_bridge: false,
        head: Vec::new(),
        lines: Vec::new(),
    };
    let mut begun = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let is_timed = trimmed.starts_with(|c: char| c.is_ascii_digit());
        begun |= is_timed;
        if !begun {
            script.head.push(line.to_owned());
            script.setting(trimmed);
        } else if is_timed {
            script.lines.push(timed(line));
        } else if !trimmed.starts_with(['>', '=']) {
            script.lines.push(Line::Text(line.to_owned()));
        }
    }
    script.fill_queues();
    script.read_plan();
    script
}

fn timed(line: &str) -> Line {
    let (time, inputs) = line.trim().split_once(' ').unwrap_or_else(|| panic!("bare time: {line}"));
    let inputs = inputs.split(';').map(|input| input.trim().to_owned());
    let inputs = inputs.filter(|input| input != NOTHING).collect();
    Line::Timed(millis(time), inputs, line.trim_end().to_owned())
}

/// Reads `SS.mmm`, `MM:SS.mmm` or `HH:MM:SS.mmm`.
pub fn millis(text: &str) -> u64 {
    let wrong = || -> ! { panic!("no time: {text}") };
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let seconds = whole
        .split(':')
        .fold(0, |sum: u64, field| sum * 60 + field.parse::<u64>().unwrap_or_else(|_| wrong()));
    let part: u64 = format!("{part:0<3}").parse().unwrap_or_else(|_| wrong());
    seconds * 1000 + part
}

/// Writes what [`millis`] reads.
pub fn clock(millis: u64) -> String {
    let (seconds, part) = (millis / 1000, millis % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds:02}.{part:03}"),
        (0, _) => format!("{minutes:02}:{seconds:02}.{part:03}"),
        (_, _) => format!("{hours:02}:{minutes:02}:{seconds:02}.{part:03}"),
    }
}

/// Reads a length; panics with it where it is none.
pub fn period(text: &str) -> Period {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

impl Script {
    fn setting(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            ["slow-bridge"] => self.slow_bridge = true,
            ["|", ..] => {
                self.plan.push_str(line.trim_start_matches('|').trim());
                self.plan.push('\n');
            }
            ["queue", name, keys @ ..] => {
                let mut queue = QueueSettings::named(name);
                set_keys(&mut queue, keys);
                self.settings.queues.push(queue);
            }
            ["tier", queue, after, members @ ..] => self.tier(queue, period(after), members),
            ["operator", name, keys @ ..] => self.operator(name, keys),
            ["account", keys @ ..] => self.settings.accounts.push(account(keys)),
            ["ready", names @ ..] => self.sign_in(names, true),
            ["unknown", names @ ..] => self.sign_in(names, false),
            _ => panic!("no setting: {line}"),
        }
    }

    fn sign_in(&mut self, names: &[&str], proven: bool) {
        for name in names {
            self.operator(name, &[]);
            self.ready.push(((*name).to_owned(), proven));
        }
    }

    fn tier(&mut self, queue: &str, after: Period, members: &[&str]) {
        let mut tier = Tier { after, members: Vec::new() };
        for member in members {
            let (name, weight) = member.split_once(':').unwrap_or((member, "10"));
            self.operator(name, &[]);
            tier.members.push(Member { operator: name.into(), weight: weight.parse().unwrap() });
        }
        let known = self.settings.queues.iter_mut().find(|it| it.name == Name::from(queue));
        known.unwrap_or_else(|| panic!("no queue {queue}")).tiers.push(tier);
    }

    fn operator(&mut self, name: &str, keys: &[&str]) {
        let name = Name::from(name);
        let operators = &mut self.settings.operators;
        let place = operators.iter().position(|it| it.name == name).unwrap_or_else(|| {
            operators.push(OperatorSettings {
                name: name.clone(),
                login: Some(name),
                aliases: Vec::new(),
                ready: ReadyRule::Panel,
                calls_max: 1,
                skills: Vec::new(),
                disabled: false,
            });
            operators.len() - 1
        });
        let operator = &mut operators[place];
        let mut keys = keys.iter();
        while let Some(key) = keys.next() {
            let mut value = || *keys.next().unwrap_or_else(|| panic!("{key} of what?"));
            match *key {
                "alias" => {
                    let alias = value().to_owned();
                    let (account, alias) = match alias.split_once('/') {
                        Some((account, alias)) => (Some(account.into()), alias.to_owned()),
                        None => (None, alias),
                    };
                    operator.aliases.push(AliasOf { account, alias });
                }
                "skill" => operator.skills.push(value().into()),
                "calls-max" => operator.calls_max = value().parse().unwrap(),
                "always" => operator.ready = ReadyRule::Always,
                "disabled" => operator.disabled = true,
                other => panic!("no key of an operator: {other}"),
            }
        }
    }

    fn read_plan(&mut self) {
        if self.plan.is_empty() {
            return;
        }
        let zone = self.settings.timezone.clone();
        let (plan, problems) = Plan::read("plan", &self.plan, &zone, &Calendars::default());
        assert!(problems.is_empty(), "{problems:?}");
        self.settings.plans.extend(plan.map(Arc::new));
    }

    /// A queue without tiers has everybody of the story, in order of mention.
    fn fill_queues(&mut self) {
        let everybody: Vec<Member> = self
            .settings
            .operators
            .iter()
            .map(|it| Member { operator: it.name.clone(), weight: 10 })
            .collect();
        for queue in self.settings.queues.iter_mut().filter(|queue| queue.tiers.is_empty()) {
            queue.tiers.push(Tier { after: Period::ZERO, members: everybody.clone() });
        }
    }
}

/// Sets keys of a queue, `ring 20s split off …`; shared with `reload`.
pub fn set_keys(queue: &mut QueueSettings, keys: &[&str]) {
    for pair in keys.chunks(2) {
        let [key, value] = pair else { panic!("{} of what?", pair[0]) };
        match *key {
            "strategy" => {
                let known = Strategy::ALL.into_iter().find(|it| it.word() == *value);
                queue.strategy = known.unwrap_or_else(|| panic!("no strategy: {value}"));
            }
            "tier-mode" if *value == "replace" => queue.tier_mode = TierMode::Replace,
            "ring" => queue.ring = period(value),
            "ring-min" => queue.ring_min = period(value),
            "refusal-is-miss" => queue.refusal_is_miss = *value == "on",
            "ring-unknown" => queue.ring_unknown = *value == "on",
            "retry" => queue.retry = period(value),
            "confirm" => queue.confirm = period(value),
            "split" => queue.split = *value == "on",
            "fanout-max" => queue.fanout_max = value.parse().unwrap(),
            "callers-max" => queue.callers_max = value.parse().unwrap(),
            "wait-max" => queue.wait_max = period(value),
            "wrap-up" => queue.wrap_up = period(value),
            "group" => queue.group = (*value).into(),
            "class" => queue.class = value.parse().unwrap(),
            "target" => queue.service_level.target = period(value),
            "short" => queue.service_level.short = period(value),
            "callback" => {
                let (tries, retry) = value.split_once('/').expect("tries/length");
                queue.callback.tries = tries.parse().unwrap();
                queue.callback.retry = retry.split(',').map(period).collect();
            }
            "callback-first" if *value == "client" => queue.callback.first = CallbackFirst::Client,
            "callback-ring" => queue.callback.ring = period(value),
            "callback-due" => queue.callback_due = period(value),
            "skill" => queue.skills.push((*value).into()),
            "overflow" => queue.overflow.push(overflow(value)),
            "sticky" => {
                let (ring, wait) = value.split_once('/').unwrap_or((value, "0s"));
                let sticky = queue.sticky.get_or_insert_default();
                (sticky.ring, sticky.wait_max) = (period(ring), period(wait));
            }
            "crm" => queue.sticky.get_or_insert_default().crm = *value == "on",
            "talked" => queue.sticky.get_or_insert_default().talked = period(value),
            "dialled" => queue.sticky.get_or_insert_default().dialled = period(value),
            "deputies" => {
                let names = value.split(',').map(Name::from);
                queue.sticky.get_or_insert_default().deputies = names.collect();
            }
            "auto-pause" => {
                let (misses, lasts) = value.split_once('/').expect("misses/length");
                let misses = misses.parse().unwrap();
                queue.auto_pause = Some(AutoPause { misses, lasts: period(lasts) });
            }
            "calendar" if *value == "shut" => {
                let zone = jiff::tz::TimeZone::UTC;
                let shut = Calendar::new(zone, Vec::new(), BTreeSet::new(), Vec::new());
                queue.calendar = Some(Arc::new(shut));
            }
            "order" => {
                let known = Strategy::ORDERS.into_iter().find(|it| it.word() == *value);
                queue.order = known.unwrap_or_else(|| panic!("no order: {value}"));
            }
            "step" => {
                let (first, step) = value.split_once('/').expect("first/length");
                queue.step = (first.parse().unwrap(), period(step));
            }
            other => panic!("no key of a queue: {other}"),
        }
    }
}

/// Reads steps like `3m/queue:other` or `nobody=30s,position=3/tier:2`, the condition before the
/// slash: a bare length is the waiting time. `queue:other@4/10s` gives a class and a target.
fn overflow(text: &str) -> Overflow {
    let (conditions, to) = text.split_once('/').expect("when/what");
    let mut when = When::default();
    for condition in conditions.split(',') {
        match condition.split_once('=') {
            None => when.after = Some(period(condition)),
            Some(("nobody", length)) => when.nobody_for = Some(period(length)),
            Some(("position", place)) => when.position = Some(place.parse().unwrap()),
            Some(("expected", length)) => when.expected_wait = Some(period(length)),
            Some(("hours", days)) => when.hours = Some(hours(days)),
            Some(("not", days)) => when.out_of_hours = Some(hours(days)),
            Some((other, _)) => panic!("no condition: {other}"),
        }
    }
    let (to, rank) = to.split_once('@').map_or((to, None), |(to, rank)| (to, Some(rank)));
    let rank = rank.map(|rank| rank.split_once('/').expect("class/target"));
    let to = match to.split_once(':').unwrap_or((to, "")) {
        ("tier", number) => OverflowTo::Tier(number.parse::<u8>().unwrap() - 1),
        ("relax", skill) => OverflowTo::Relax(skill.into()),
        ("add", name) => OverflowTo::Add(name.into()),
        ("queue", name) => OverflowTo::Queue(name.into()),
        ("dial", number) => OverflowTo::Dial(number.to_owned()),
        ("say", name) => OverflowTo::Say(name.to_owned()),
        ("callback", _) => OverflowTo::Callback,
        ("voicemail", _) => OverflowTo::Voicemail,
        ("end", _) => OverflowTo::End,
        (other, _) => panic!("no overflow: {other}"),
    };
    Overflow {
        class: rank.map(|(class, _)| class.parse().unwrap()),
        target: rank.map(|(_, target)| period(target)),
        ..Overflow::new(when, to)
    }
}

/// Hours of the day on which every story plays, like `09:00-10:01`, by the site's clock.
fn hours(text: &str) -> Arc<Calendar> {
    let (from, to) = text.split_once('-').expect("from-to");
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(5));
    let span = Span::new("mon", from, to).unwrap();
    Arc::new(Calendar::new(zone, vec![span], BTreeSet::new(), Vec::new()))
}

fn account(words: &[&str]) -> AccountSettings {
    let mut account = AccountSettings {
        name: words[0].into(),
        kind: String::from("sipuni"),
        queue: None,
        queues: Vec::new(),
        settle: Period::secs(5),
        stale_after: Period::hours(2),
        numbers: NumberRules::default(),
    };
    for pair in words[1..].chunks(2) {
        let [key, value] = pair else { panic!("{} of what?", pair[0]) };
        match *key {
            "kind" => account.kind = (*value).to_owned(),
            "queue" => account.queue = Some((*value).into()),
            "settle" => account.settle = period(value),
            "stale" => account.stale_after = period(value),
            "map" => {
                let (word, queue) = value.split_once('=').expect("word=queue");
                account.queues.push((word.to_owned(), queue.into()));
            }
            other => panic!("no key of an account: {other}"),
        }
    }
    account
}

/// The settings as the switch takes them.
pub fn shared(settings: &Settings) -> Arc<Settings> {
    Arc::new(settings.clone())
}
