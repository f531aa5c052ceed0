//! Who should ring: calls, legs, entries, offers, operators, queues and the strategies.

pub mod settings;

pub use settings::{
    AccountSettings, AliasOf, AutoPause, Member, OperatorSettings, Overflow, OverflowTo,
    QueueSettings, ReadyRule, ServiceLevel, Settings, Sticky, Strategy, Tier, TierMode,
};
