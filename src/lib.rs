//! navbat takes telephone calls and call events, decides which operators ring, remembers what
//! happened, and puts the caller's card in front of the operator while the telephone rings.
//!
//! This page is the map. A room imports only the rooms in its row; `tests/house.rs` reads this
//! very table and fails when an import breaks it. A room's `mod.rs` is its door.
//!
//! | room | kind | may import | owns |
//! |---|---|---|---|
//! | `model` | pure | | ids, time, numbers, facts, journal records, rows, live views |
//! | `plan` | pure | model | dialplans: read, check, walk; calendars and holidays |
//! | `acd` | pure | model, plan | calls, legs, entries, offers, operators, queues, strategies |
//! | `sip` | pure | model | SIP: messages, transactions, dialogs, registrar, digest, SDP |
//! | `switch` | pure | model, plan, sip, acd | the whole exchange as one value: input in, outputs out |
//! | `store` | edge | model | journal, inbox, migrations, projections, queries, outbox |
//! | `net` | edge | model, sip, switch | sockets under SIP: UDP, TCP, TLS, WebSocket; carriers' names |
//! | `connect` | edge | model, switch, store | one file per provider and CRM; delivery workers |
//! | `web` | edge | model, plan, switch, store, connect | hooks, API, live stream, login |
//! | `app` | top | model, plan, sip, acd, switch, net, store, connect, web | configuration, command line, driver, clock, demo |
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm
)]

pub mod acd;
pub mod app;
pub mod connect;
pub mod model;
pub mod net;
pub mod plan;
pub mod sip;
pub mod store;
pub mod switch;
pub mod web;
