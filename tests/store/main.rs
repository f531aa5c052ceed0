//! The store: the journal on SQLite, every query of the database on SQLite and, when
//! `NAVBAT_TEST_PG` holds the address of a server, on PostgreSQL.

mod journal;
mod made;
