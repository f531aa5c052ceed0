//! Providers of call events: one file each, and one door for all of them.
//!
//! A reader turns one request into facts ([`crate::model::Fact`]) and knows nothing of what came
//! before; `acd/observed.rs` merges facts into calls. Providers repeat events, lose some and keep
//! no order, so a reader may not lean on any of that. Every field, with examples:
//! `tests/fixtures/provider/<name>/README.md`.

mod account;
mod answer;
mod generic;
mod itoolabs;
mod map;
mod onlinepbx;
mod read;
mod sipuni;
mod utel;
mod when;
mod wire;

pub use account::{Account, Kind, Profile};
pub use answer::{Answer, answer, bad_body_token, success};
pub use map::{Event, Map, Status, TimeFormat};
pub use read::{Question, ReadError, Reading, Request, What, provider_path_matches, read};
