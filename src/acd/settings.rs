//! How a site wants its calls distributed: immutable values that entries keep while they live.
//!
//! The configuration file and the pages are turned into these by the `app` room; the engine is
//! given a whole new value on a reload and never a changed part.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Name, NumberRules, Period};
use crate::plan::{Calendar, Plan};

/// Everything the engine is told about a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A short fingerprint of the configuration; stands in every decision record.
    pub version: String,
    /// The zone of days, shifts and calendars.
    pub timezone: jiff::tz::TimeZone,
    /// Names are unique.
    pub operators: Vec<OperatorSettings>,
    /// Names are unique; members name operators above.
    pub queues: Vec<QueueSettings>,
    /// Provider accounts and trunks; names are unique.
    pub accounts: Vec<AccountSettings>,
    /// Dialplans that keep their promises; they say where calls of a number go that no account
    /// has a queue for.
    pub plans: Vec<Arc<Plan>>,
}

/// One operator: section `[[operator]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorSettings {
    /// Unique; stands in calls, tiers and reports.
    pub name: Name,
    /// Login of the panel.
    pub login: Option<Name>,
    /// How providers name this operator.
    pub aliases: Vec<AliasOf>,
    /// Who says that the operator takes calls.
    pub ready: ReadyRule,
    /// Calls at the same moment; more than 1 only suits chats and tests.
    pub calls_max: u8,
    /// Skills the operator has.
    pub skills: Vec<Name>,
    /// Switched off by an administrator.
    pub disabled: bool,
}

/// One alias; without an account it holds in every account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AliasOf {
    /// The account, or all of them.
    pub account: Option<Name>,
    /// Extension, login, e-mail, or a number in E.164.
    pub alias: String,
}

/// Key `ready` of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyRule {
    /// The person says so in the panel.
    #[default]
    Panel,
    /// Ready in calendar hours without opening the panel.
    Always,
}

/// One queue: section `[queue.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSettings {
    /// Unique.
    pub name: Name,
    /// Who rings first.
    pub strategy: Strategy,
    /// The class of its callers where the dialplan says nothing: the larger goes first.
    pub class: u8,
    /// In order of opening; the first opens at once.
    pub tiers: Vec<Tier>,
    /// Whether later tiers join or replace earlier ones.
    pub tier_mode: TierMode,
    /// How long one operator rings before it is a ring-no-answer.
    pub ring: Period,
    /// A shorter ring is nobody's miss.
    pub ring_min: Period,
    /// Whether refusing a call counts against the operator like not picking up.
    pub refusal_is_miss: bool,
    /// Whether we ring operators of whose telephone nothing is known, as after a restart.
    pub ring_unknown: bool,
    /// How long an operator who did not take a caller is left alone by that caller.
    pub retry: Period,
    /// How long other telephones keep ringing after an answer, until the parties are joined.
    pub confirm: Period,
    /// With two waiting and two idle, the idle ones are split between the waiting.
    pub split: bool,
    /// Telephones that ring at once for one caller at most.
    pub fanout_max: u16,
    /// More callers than this get outcome `full`.
    pub callers_max: u16,
    /// After this the plan's `timeout` step, or outcome `timed_out`.
    pub wait_max: Period,
    /// Time to finish up after a conversation.
    pub wrap_up: Period,
    /// What happens while waiting: the first step that holds is taken, each step once.
    pub overflow: Vec<Overflow>,
    /// The responsible operator first.
    pub sticky: Option<Sticky>,
    /// A pause after misses in a row.
    pub auto_pause: Option<AutoPause>,
    /// Working hours; `None`: always open.
    pub calendar: Option<Arc<Calendar>>,
    /// Queues of one group share missed episodes.
    pub group: Name,
    /// By when a missed caller is to be called back, on the working-hours clock.
    pub callback_due: Period,
    /// How clients who asked for it are called back.
    pub callback: Callback,
    /// Target and short-abandon threshold.
    pub service_level: ServiceLevel,
    /// Skills a caller of this queue needs.
    pub skills: Vec<Name>,
    /// For `progressive`: how many ring first, and how long until one more does.
    pub step: (u16, Period),
    /// For `progressive`: who goes first.
    pub order: Strategy,
}

/// One tier of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Opens when the caller has waited this long.
    pub after: Period,
    /// In order; the order is that of `linear`.
    pub members: Vec<Member>,
}

/// One member of a tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The operator's name.
    pub operator: Name,
    /// Larger is asked more, or earlier; 0 is asked when nobody else is left. 10 unless said
    /// otherwise.
    pub weight: u16,
}

/// Whether later tiers join or replace earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TierMode {
    /// Join.
    #[default]
    Cumulative,
    /// Replace.
    Replace,
}

/// Key `strategy` of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Everybody at once.
    #[default]
    Parallel,
    /// Whose turn it is; the turn moves when a telephone rings.
    RoundRobin,
    /// Whose turn it is; the turn moves when a call is won.
    RoundRobinCalls,
    /// Always from the top of the list.
    Linear,
    /// Who has been free the longest.
    LongestIdle,
    /// Who has had the fewest calls for their ready time.
    FewestCalls,
    /// Who has talked the least for their ready time.
    LeastTalk,
    /// By lot.
    Random,
    /// By lot with weights.
    WeightedRandom,
    /// By weights, evenly spread.
    SmoothWeighted,
    /// A few at first, one more every step.
    Progressive,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 11] = [
        Strategy::Parallel,
        Strategy::RoundRobin,
        Strategy::RoundRobinCalls,
        Strategy::Linear,
        Strategy::LongestIdle,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Random,
        Strategy::WeightedRandom,
        Strategy::SmoothWeighted,
        Strategy::Progressive,
    ];

    /// The word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Strategy::Parallel => "parallel",
            Strategy::RoundRobin => "round-robin",
            Strategy::RoundRobinCalls => "round-robin-calls",
            Strategy::Linear => "linear",
            Strategy::LongestIdle => "longest-idle",
            Strategy::FewestCalls => "fewest-calls",
            Strategy::LeastTalk => "least-talk",
            Strategy::Random => "random",
            Strategy::WeightedRandom => "weighted-random",
            Strategy::SmoothWeighted => "smooth-weighted",
            Strategy::Progressive => "progressive",
        }
    }
}

impl Strategy {
    /// Those whose order a progressive queue can go by. Lots and smooth weights are drawn anew
    /// with every round, and the one round of a progressive queue goes on from step to step.
    pub const ORDERS: [Strategy; 6] = [
        Strategy::LongestIdle,
        Strategy::RoundRobin,
        Strategy::RoundRobinCalls,
        Strategy::Linear,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
    ];

    /// Whether the weights of members change anything.
    pub const fn reads_weights(self) -> bool {
        match self {
            Strategy::Parallel | Strategy::WeightedRandom | Strategy::SmoothWeighted => true,
            Strategy::RoundRobin | Strategy::RoundRobinCalls | Strategy::Linear => false,
            Strategy::LongestIdle | Strategy::FewestCalls | Strategy::LeastTalk => false,
            Strategy::Random | Strategy::Progressive => false,
        }
    }
}

/// One step of a queue's overflow chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Overflow {
    /// What has to be true of the caller's wait.
    pub when: When,
    /// What is done then.
    pub to: OverflowTo,
    /// With which class callers go on to another queue; `None`: with the one that they have.
    pub class: Option<u8>,
    /// Within which time they should be answered there, from the first entry of the chain;
    /// `None`: within that of the queue they came from.
    pub target: Option<Period>,
}

/// When an overflow step is taken: everything that is named has to hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct When {
    /// The caller has waited this long, from the first entry of the chain.
    pub after: Option<Period>,
    /// Nobody could be rung for the caller for this long without a break.
    pub nobody_for: Option<Period>,
    /// The caller stands at this place of the queue or behind it; the first is 1.
    pub position: Option<u16>,
    /// The caller is expected to wait this long or longer from here on.
    pub expected_wait: Option<Period>,
    /// It is in these hours.
    pub hours: Option<Arc<Calendar>>,
    /// It is outside these hours.
    pub out_of_hours: Option<Arc<Calendar>>,
}

/// What an overflow step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverflowTo {
    /// Opens every tier up to this one for the caller; from 0.
    Tier(u8),
    /// The caller does without a skill that the queue needs.
    Relax(Name),
    /// Members of another queue may be rung too; the caller keeps the place in this one.
    Add(Name),
    /// Another queue, with the place and the waiting time kept.
    Queue(Name),
    /// A callback instead of waiting.
    Callback,
    /// An outside number, in E.164.
    Dial(String),
    /// A message is taken.
    Voicemail,
    /// The call ends after an announcement. Until there is media it ends without.
    Say(String),
    /// The call ends.
    End,
}

impl Overflow {
    /// A step whose callers keep what they have.
    pub const fn new(when: When, to: OverflowTo) -> Overflow {
        Overflow { when, to, class: None, target: None }
    }

    /// A step that is taken after so much waiting, whatever else.
    pub fn after(after: Period, to: OverflowTo) -> Overflow {
        Overflow::new(When { after: Some(after), ..When::default() }, to)
    }
}

impl When {
    /// Whether nothing but the waiting time counts.
    pub const fn is_time_only(&self) -> bool {
        self.nobody_for.is_none()
            && self.position.is_none()
            && self.expected_wait.is_none()
            && self.hours.is_none()
            && self.out_of_hours.is_none()
    }

    /// Whether anything counts at all.
    pub const fn is_empty(&self) -> bool {
        self.after.is_none() && self.is_time_only()
    }
}

impl OverflowTo {
    /// Whether the caller leaves the queue for good with this step. A callback is for callers who
    /// show a number; the others wait on.
    pub const fn lets_go(&self) -> bool {
        match self {
            OverflowTo::Queue(_) | OverflowTo::Dial(_) | OverflowTo::Voicemail => true,
            OverflowTo::Say(_) | OverflowTo::End => true,
            OverflowTo::Tier(_) | OverflowTo::Relax(_) | OverflowTo::Add(_) => false,
            OverflowTo::Callback => false,
        }
    }

    /// Whether a chain may end with this step: it brings nobody else into the same wait.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, OverflowTo::Callback) || self.lets_go()
    }
}

/// Key `sticky` of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticky {
    /// How long the responsible operator rings alone.
    pub ring: Period,
    /// How long the caller waits for one who talks; never beyond the target of the service level.
    pub wait_max: Period,
    /// Whether a CRM is asked who owns the client's deal or contact.
    pub crm: bool,
    /// Who talked with the client within this is responsible; zero: nobody is by that.
    pub talked: Period,
    /// Who dialled the client within this is responsible; zero: nobody is by that.
    pub dialled: Period,
    /// Who stands in for a responsible operator who is away, in order.
    pub deputies: Vec<Name>,
}

impl Default for Sticky {
    fn default() -> Sticky {
        Sticky {
            ring: Period::secs(15),
            wait_max: Period::ZERO,
            crm: false,
            talked: Period::days(30),
            dialled: Period::hours(24),
            deputies: Vec::new(),
        }
    }
}

/// Key `auto_pause` of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoPause {
    /// Misses in a row.
    pub misses: u32,
    /// How long the pause lasts; the person may end it earlier.
    pub lasts: Period,
}

/// Key `service_level` of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceLevel {
    /// Answered within this is in time.
    pub target: Period,
    /// A caller who leaves within this is a short abandon.
    pub short: Period,
}

/// Keys `callback_*` of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// Whose telephone rings first.
    pub first: CallbackFirst,
    /// Attempts that reach nobody before it is given up. More pesters clients who changed their
    /// mind, fewer loses those who were busy.
    pub tries: u8,
    /// Between one attempt and the next; after the first attempt, the second, and so on. The last
    /// one repeats. Shorter pesters a client who is busy, longer lets them buy elsewhere.
    pub retry: Vec<Period>,
    /// How long the client's telephone rings.
    pub ring: Period,
    /// A callback that was not reached within this is given up.
    pub keep: Period,
    /// Minutes of the site's day from and until which nobody is called back, besides the hours
    /// outside the queue's calendar; may lie around midnight. Equal: never quiet.
    pub quiet: (u16, u16),
}

/// Whose telephone rings first when a callback's turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallbackFirst {
    /// An operator's; the client is dialled once they picked up, and never waits.
    #[default]
    Operator,
    /// The client's, once an operator is free; they wait for one who picks up. No operator waits
    /// for clients who are not there.
    Client,
}

impl Callback {
    /// How long a client is left alone after so many attempts.
    pub fn retry_after(&self, tries: u8) -> Period {
        let place = usize::from(tries.saturating_sub(1));
        let wait = self.retry.get(place).or(self.retry.last());
        wait.copied().unwrap_or(Period::mins(10))
    }
}

impl Default for Callback {
    fn default() -> Callback {
        Callback {
            first: CallbackFirst::Operator,
            tries: 3,
            retry: vec![Period::mins(10)],
            ring: Period::secs(40),
            keep: Period::hours(24),
            quiet: (21 * 60, 8 * 60),
        }
    }
}

/// What the engine is told about one provider account.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountSettings {
    /// Unique; the `{account}` of the hook address.
    pub name: Name,
    /// `sipuni`, `onlinepbx`, `uztelecom`, `sarkor`, `asterisk`, `generic`.
    pub kind: String,
    /// Queue of calls that name none.
    pub queue: Option<Name>,
    /// A provider's line, scheme, group or queue to ours.
    pub queues: Vec<(String, Name)>,
    /// How long after the end a late answer may still come.
    pub settle: Period,
    /// How long without news until a call is closed as `unknown_end`.
    pub stale_after: Period,
    /// How the account writes numbers.
    pub numbers: NumberRules,
}

impl QueueSettings {
    /// The strategy that says who is better: its own, but of a progressive queue the one whose
    /// order it goes by.
    pub const fn ordering(&self) -> Strategy {
        match self.strategy {
            Strategy::Progressive => self.order,
            Strategy::Parallel
            | Strategy::RoundRobin
            | Strategy::RoundRobinCalls
            | Strategy::Linear
            | Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::SmoothWeighted => self.strategy,
        }
    }

    /// A queue with the defaults of PRODUCT section 7 and no members.
    pub fn named(name: &str) -> QueueSettings {
        QueueSettings {
            name: name.into(),
            strategy: Strategy::Parallel,
            class: 0,
            tiers: Vec::new(),
            tier_mode: TierMode::Cumulative,
            ring: Period::secs(20),
            ring_min: Period::secs(5),
            refusal_is_miss: false,
            ring_unknown: false,
            retry: Period::secs(5),
            confirm: Period::millis(400),
            split: true,
            fanout_max: 50,
            callers_max: 100,
            wait_max: Period::mins(5),
            wrap_up: Period::secs(10),
            overflow: Vec::new(),
            sticky: None,
            auto_pause: None,
            calendar: None,
            group: name.into(),
            callback_due: Period::mins(15),
            callback: Callback::default(),
            service_level: ServiceLevel { target: Period::secs(20), short: Period::secs(5) },
            skills: Vec::new(),
            step: (1, Period::secs(5)),
            order: Strategy::LongestIdle,
        }
    }
}
