//! Who should ring: calls, legs, entries, offers, operators, queues and the strategies.

mod advise;
mod alarms;
mod apply;
mod apply_course;
mod apply_offer;
mod apply_token;
mod arrive;
mod bench;
mod call;
mod callback;
mod course;
mod dispatch;
mod eligible;
mod engine;
mod entry;
mod escalate;
mod fyi;
mod invariants;
pub mod io;
mod leg;
mod lookup;
mod missed;
mod observed;
mod observed_evidence;
mod observed_view;
mod offer;
mod operator;
mod overflow;
mod owned;
mod owned_ends;
#[cfg(test)]
mod owned_tests;
mod pick;
mod placed;
mod presence;
mod responsible;
#[cfg(test)]
mod rig;
mod roster;
mod rows;
mod save;
pub mod settings;
mod setup;
mod staff;
mod state;
mod strategy;
mod token;
mod told;
#[cfg(test)]
mod told_tests;
mod transfer;
mod views;

pub use bench::{Bench, Counts, QueueKeys};
pub use eligible::{Bars, Facts, could_serve, judge, judge_for};
pub use engine::{Engine, RestoreError};
pub use invariants::Breach;
pub use observed::{QUIET, Rung, Story, View};
pub use pick::{Ask, Choice, Chosen, Ease, Request};
pub use responsible::OWNER_WAIT;
pub use settings::{
    AccountSettings, AliasOf, AutoPause, Callback, CallbackFirst, Member, OperatorSettings,
    Overflow, OverflowTo, QueueSettings, ReadyRule, ServiceLevel, Settings, Sticky, Strategy, Tier,
    TierMode, When,
};
pub use strategy::{
    OVERFLOW_MAX, Responsible, SeatKeys, Tally, TurnMoves, overflow_cycle, responsible,
};
