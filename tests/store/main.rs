//! The store: the journal on SQLite, every query of the database on SQLite and, when
//! `NAVBAT_TEST_PG` holds the address of a server, on PostgreSQL.

mod calls;
mod claim;
mod desk;
mod explain;
mod journal;
mod keeping;
mod made;
mod outbox;
mod people;
mod projection;
mod stats;
mod stores;
