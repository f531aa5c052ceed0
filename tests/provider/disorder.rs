//! disorder.
