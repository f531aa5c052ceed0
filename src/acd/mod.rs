//! Who should ring: calls, legs, entries, offers, operators, queues and the strategies.

mod bench;
mod eligible;
mod observed;
mod pick;
pub mod settings;
mod strategy;

pub use bench::{Bench, Counts, QueueKeys};
pub use eligible::{Bars, Facts, could_serve, judge, judge_for};
pub use observed::{QUIET, Rung, Story, View};
pub use pick::{Ask, Choice, Chosen, Request};
pub use settings::{
    AccountSettings, AliasOf, AutoPause, Member, OperatorSettings, Overflow, OverflowTo,
    QueueSettings, ReadyRule, ServiceLevel, Settings, Sticky, Strategy, Tier, TierMode,
};
pub use strategy::{
    Responsible, SeatKeys, Tally, TurnMoves, overflow_cycle, overflow_due, overflow_next,
    responsible,
};
