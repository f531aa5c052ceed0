//! Bringing notes to CRMs and messengers: what a target can do, whatever it is.

mod outlet;

pub use outlet::{Crm, Found, Later, Note, Outlet, PopTold, Shelf, ShelfError, Verdict};
