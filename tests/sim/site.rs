//! The call centre of a day: settings drawn from the seed.

use navbat::acd::{
    AccountSettings, AliasOf, AutoPause, CallbackFirst, Member, OperatorSettings, Overflow,
    OverflowTo, QueueSettings, ReadyRule, Settings, Sticky, Strategy, Tier, TierMode, When,
};
use std::collections::BTreeSet;
use std::sync::Arc;

use navbat::model::{Name, NumberRules, Period, Seed};
use navbat::plan::{Calendar, Calendars, Plan, Span};

/// Operators of every day.
pub const OPERATORS: [&str; 6] = ["aziza", "bobur", "cem", "dilya", "eldor", "feruza"];
/// Queues of every day; each overflows only to those after it.
pub const QUEUES: [&str; 3] = ["sales", "support", "duty"];

/// A number with a plan, one whose plan dials, and one that nobody knows.
pub const LINES: [&str; 3] = ["+998712000001", "+998712000002", "+998712000003"];

/// The dialplan of every day.
fn plan() -> Plan {
    let text = r#"
        name = "site"
        [number."+998712000001"]
        hours = { days = "mon-sun", from = "09:00", to = "21:00" }
        open = "hello"
        shut = "later"
        [number."+998712000002"]
        open = "duty"
        [step.hello]
        say = "hello"
        then = "sales"
        [step.sales]
        queue = "sales"
        timeout = "duty"
        full = "support"
        no_operators = "promise"
        [step.support]
        queue = "support"
        timeout = "promise"
        [step.duty]
        dial = ["+998901112244", "+998901112255"]
        ring = "12s"
        timeout = "promise"
        [step.promise]
        callback = "support"
        [step.later]
        say = "closed"
        record = "callback"
    "#;
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(5));
    let (plan, problems) = Plan::read("plan", text, &zone, &Calendars::default());
    plan.unwrap_or_else(|| panic!("{problems:?}"))
}

/// The alias of an operator at the providers.
pub fn alias(operator: usize) -> String {
    format!("{}", 201 + operator)
}

/// One of several.
pub fn one_of<'a, T>(seed: &mut Seed, of: &'a [T]) -> &'a T {
    let place = seed.below(of.len() as u64);
    &of[usize::try_from(place).unwrap()]
}

/// Draws the settings of a site.
pub fn draw(seed: &mut Seed, version: u32) -> Settings {
    let operators = OPERATORS.iter().enumerate().map(|(place, name)| OperatorSettings {
        name: Name::from(*name),
        login: Some(Name::from(*name)),
        aliases: vec![AliasOf { account: None, alias: alias(place) }],
        ready: if seed.chance(20) { ReadyRule::Always } else { ReadyRule::Panel },
        calls_max: if seed.chance(10) { 2 } else { 1 },
        skills: if seed.chance(70) { vec!["tax".into()] } else { Vec::new() },
        disabled: seed.chance(4),
    });
    let operators = operators.collect();
    let queues = (0..QUEUES.len()).map(|place| queue(seed, place)).collect();
    Settings {
        version: format!("v{version}"),
        timezone: jiff::tz::TimeZone::fixed(jiff::tz::offset(5)),
        operators,
        queues,
        accounts: ["trunk", "main", "utel"].map(account).to_vec(),
        plans: vec![Arc::new(plan())],
    }
}

fn account(name: &str) -> AccountSettings {
    AccountSettings {
        name: name.into(),
        kind: String::from("sipuni"),
        queue: Some("sales".into()),
        queues: vec![(String::from("Yordam"), "support".into())],
        settle: Period::secs(5),
        stale_after: Period::mins(10),
        numbers: NumberRules::default(),
    }
}

fn queue(seed: &mut Seed, place: usize) -> QueueSettings {
    let mut queue = QueueSettings::named(QUEUES[place]);
    queue.strategy = *one_of(seed, &Strategy::ALL);
    queue.tier_mode = if seed.chance(20) { TierMode::Replace } else { TierMode::Cumulative };
    queue.ring = Period::secs(5 + seed.below(20));
    queue.ring_min = Period::secs(1 + seed.below(5));
    queue.refusal_is_miss = seed.chance(20);
    queue.ring_unknown = seed.chance(20);
    queue.retry = Period::millis(500 + seed.below(9000));
    queue.confirm = *one_of(seed, &[Period::ZERO, Period::millis(400), Period::secs(3)]);
    queue.split = seed.chance(70);
    queue.fanout_max = *one_of(seed, &[1, 2, 50]);
    queue.callers_max = *one_of(seed, &[1, 3, 100]);
    queue.wait_max = Period::secs(20 + seed.below(100));
    queue.wrap_up = Period::secs(seed.below(12));
    queue.step = (1, Period::secs(1 + seed.below(6)));
    queue.order = *one_of(seed, &Strategy::ORDERS);
    queue.callback_due = Period::secs(30 + seed.below(600));
    queue.callback.tries = 1 + u8::try_from(seed.below(3)).unwrap();
    let retry = (0..2).map(|_| Period::secs(5 + seed.below(120)));
    queue.callback.retry = retry.collect();
    if seed.chance(50) {
        queue.callback.first = CallbackFirst::Client;
    }
    queue.callback.ring = Period::secs(5 + seed.below(30));
    queue.callback.keep = Period::secs(60 + seed.below(3000));
    queue.group = (*one_of(seed, &["all", QUEUES[place]])).into();
    if seed.chance(20) {
        queue.skills.push("tax".into());
    }
    if seed.chance(40) {
        let (ring, wait_max) = (Period::secs(6), Period::secs(seed.below(9)));
        let deputy = Name::from(*one_of(seed, &OPERATORS));
        queue.sticky = Some(Sticky {
            ring,
            wait_max,
            crm: seed.chance(60),
            talked: Period::secs(seed.below(200)),
            dialled: Period::secs(seed.below(200)),
            deputies: vec![deputy],
        });
    }
    if seed.chance(40) {
        queue.auto_pause = Some(AutoPause { misses: 2, lasts: Period::secs(90) });
    }
    queue.class = u8::try_from(seed.below(3)).unwrap();
    queue.tiers = tiers(seed);
    if seed.chance(60) {
        queue.overflow = overflow(seed, place, queue.tiers.len());
    }
    queue
}

/// Up to three steps that make the wait easier or not, then one that a chain may end with.
fn overflow(seed: &mut Seed, place: usize, tiers: usize) -> Vec<Overflow> {
    let next = QUEUES.get(place + 1).map(|name| Name::from(*name));
    let mut steps = Vec::new();
    for _ in 0..seed.below(4) {
        let to = match seed.below(4) {
            0 if tiers > 1 => OverflowTo::Tier(1),
            1 => OverflowTo::Relax("tax".into()),
            2 | 3 => match &next {
                Some(next) => OverflowTo::Add(next.clone()),
                None => continue,
            },
            _ => continue,
        };
        let when = when(seed, 12);
        steps.push(Overflow::new(when, to));
    }
    let to = match (seed.below(6), next) {
        (0 | 1, Some(next)) => OverflowTo::Queue(next),
        (2, _) => OverflowTo::Dial(String::from("+998712223344")),
        (3, _) => OverflowTo::Callback,
        (4, _) => OverflowTo::Voicemail,
        (5, _) => OverflowTo::Say(String::from("busy")),
        (_, _) => OverflowTo::End,
    };
    let when = when(seed, 25);
    let mut last = Overflow::new(when, to);
    if seed.chance(30) {
        last.class = Some(u8::try_from(seed.below(10)).unwrap());
        last.target = Some(Period::secs(1 + seed.below(60)));
    }
    steps.push(last);
    steps
}

/// One or several conditions.
fn when(seed: &mut Seed, after: u64) -> When {
    let mut when = When::default();
    let mut one = |seed: &mut Seed| match seed.below(6) {
        0 => when.nobody_for = Some(Period::secs(1 + seed.below(10))),
        1 => when.position = Some(1 + u16::try_from(seed.below(3)).unwrap()),
        2 => when.expected_wait = Some(Period::secs(1 + seed.below(60))),
        3 => when.hours = Some(hours("09:00", "13:00")),
        4 => when.out_of_hours = Some(hours("09:00", "11:00")),
        _ => when.after = Some(Period::secs(2 + seed.below(after))),
    };
    one(seed);
    if seed.chance(30) {
        one(seed);
    }
    if seed.chance(50) {
        when.after = Some(Period::secs(2 + seed.below(after)));
    }
    when
}

fn hours(from: &str, to: &str) -> Arc<Calendar> {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(5));
    let span = Span::new("mon-sun", from, to).unwrap();
    Arc::new(Calendar::new(zone, vec![span], BTreeSet::new(), Vec::new()))
}

fn tiers(seed: &mut Seed) -> Vec<Tier> {
    let count = 1 + seed.below(2);
    let mut tiers: Vec<Tier> = (0..count)
        .map(|place| Tier { after: Period::secs(place * 7), members: Vec::new() })
        .collect();
    for operator in OPERATORS {
        if seed.chance(30) {
            continue;
        }
        let tier = usize::try_from(seed.below(count)).unwrap();
        let weight = *one_of(seed, &[0, 5, 10, 10, 20]);
        tiers[tier].members.push(Member { operator: Name::from(operator), weight });
    }
    tiers
}
