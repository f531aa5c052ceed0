//! The databases every query is tried on.

use std::sync::atomic::{AtomicU32, Ordering};

use navbat::store::Store;
use sqlx::{Connection, Executor};

/// A database of its own for one test.
pub struct Try {
    pub store: Store,
    /// How to open it again.
    pub url: String,
    pub folder: tempfile::TempDir,
}

/// SQLite, and PostgreSQL when there is one: each empty.
pub async fn tries() -> Vec<Try> {
    let folder = tempfile::tempdir().unwrap();
    let url = String::from("sqlite:navbat.db");
    let store = Store::open(&url, None, folder.path()).await.unwrap();
    let mut all = vec![Try { store, url, folder }];
    if let Ok(server) = std::env::var("NAVBAT_TEST_PG") {
        let folder = tempfile::tempdir().unwrap();
        let url = schema(&server).await;
        let store = Store::open(&url, None, folder.path()).await.unwrap();
        all.push(Try { store, url, folder });
    }
    all
}

/// Makes an empty schema on the server and gives an address that works in it.
async fn schema(server: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("store_{}_{count}", std::process::id());
    let mut admin = sqlx::PgConnection::connect(server).await.unwrap();
    let sql = format!("drop schema if exists {name} cascade; create schema {name}");
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options=-c%20search_path%3D{name}")
}
