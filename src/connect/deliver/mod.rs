//! Bringing notes to CRMs and messengers: what a target can do, whatever it is.

mod clients;
mod judge;
mod notes;
mod outlet;
mod outlets;
mod pop;
mod settler;
mod shelf;
mod target;
mod worker;

use std::sync::Arc;

use crate::model::Now;

pub use clients::Publish;
pub use notes::{EVENTS, Wants, call_fields, episode_fields, note_id, notes_of};
pub use outlet::{
    Brought, Consent, Crm, Found, Later, Note, Outlet, PopTold, Shelf, ShelfError, Unwelcome,
    Verdict, Visits,
};
pub use outlets::Outlets;
pub use shelf::StoreShelf;
pub use target::{NewTarget, TargetHealth};
pub use worker::DRY_RUN;

/// Reads both clocks.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;
