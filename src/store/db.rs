//! The database of the lists: SQLite in the data directory, or PostgreSQL.
//!
//! Everything in it but people, tokens and what was made in the pages is written from the
//! journal by the projector and can be had again from there.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Any, AnyPool, ConnectOptions, Executor, Transaction};

use super::error::StoreError;
use super::outbox::Outbox;
use super::sql::{Columns, Sql};

static SQLITE: Migrator = sqlx::migrate!("src/store/migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// Connections. More lets more lists be read at once; SQLite writes one at a time anyway.
const CONNECTIONS: u32 = 8;
/// How long a query waits for a connection before it fails.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);

/// A larger SQLite file is not checked at the start, which must stay under two seconds.
const CHECK_MAX: u64 = 256 * 1024 * 1024;

/// What every connection to SQLite is told. The log is moved into the file every 4,000 pages of
/// 4 KiB: each batch writes the same pages of the indexes again, and the fewer moves the fewer
/// times they are written twice. The projector could repeat from the journal what a
/// power loss takes back; people, tokens and what was made in the pages could not be had again.
/// What undoes half a statement stays in memory: it is a few pages, and a file each time.
const SQLITE_SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full;
    pragma busy_timeout = 5000; pragma foreign_keys = on; pragma wal_autocheckpoint = 4000;
    pragma temp_store = memory;";

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// A handle of the database; clones are the same database.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    /// Where writes go. SQLite writes one at a time anyway, and a connection that writes alone keeps
    /// its pages: one that finds a write of another reads them all again.
    writes: AnyPool,
    kind: Kind,
    outbox: Outbox,
}

impl Store {
    /// Opens the database of `url`, `sqlite:FILE` (in `directory` unless absolute) or
    /// `postgres://USER@HOST/NAME`, and brings its schema to this version.
    ///
    /// Fails on an address of another kind, on a schema of a later version, on damage, and when
    /// the server does not answer.
    pub async fn open(
        url: &str,
        password: Option<&str>,
        directory: &Path,
    ) -> Result<Store, StoreError> {
        sqlx::any::install_default_drivers();
        let (kind, address, shown) = address(url, password, directory)?;
        let options = AnyConnectOptions::from_str(&address)
            .map_err(|_| StoreError::BadUrl)?
            .disable_statement_logging();
        let of = |connections| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_WITHIN)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        if kind == Kind::Sqlite {
                            connection.execute(sqlx::raw_sql(SQLITE_SETTINGS)).await?;
                        }
                        Ok(())
                    })
                })
        };
        let pool = of(CONNECTIONS).connect_with(options.clone()).await?;
        let writes = match kind {
            Kind::Sqlite => of(1).connect_lazy_with(options),
            Kind::Postgres => pool.clone(),
        };
        let store = Store { pool, writes, kind, outbox: Outbox::new() };
        store.check(&shown).await?;
        store.migrate(&shown).await?;
        Ok(store)
    }

    /// Lets SQLite check a file that is not too large to wait for.
    async fn check(&self, shown: &str) -> Result<(), StoreError> {
        let size = std::fs::metadata(shown).map_or(0, |found| found.len());
        if self.kind == Kind::Postgres || size > CHECK_MAX {
            return Ok(());
        }
        let said = Columns::of(&self.one(Sql::new("pragma quick_check(1)")).await?).text()?;
        if said == "ok" {
            return Ok(());
        }
        Err(StoreError::Damaged { file: shown.to_owned(), what: said })
    }

    async fn migrate(&self, shown: &str) -> Result<(), StoreError> {
        let migrator = match self.kind {
            Kind::Sqlite => &SQLITE,
            Kind::Postgres => &POSTGRES,
        };
        let known = migrator.iter().map(|one| one.version).max().unwrap_or(0);
        let ran = migrator.run(&self.pool).await;
        if let Err(MigrateError::VersionMissing(found)) = ran {
            return Err(StoreError::UnknownVersion { file: shown.to_owned(), found, known });
        }
        ran.map_err(StoreError::Migration)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.writes.close().await;
        self.pool.close().await;
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.one(Sql::new("select 1")).await.map(|_| ())
    }

    /// What another connection to the same database needs.
    pub(super) fn connect_options(&self) -> AnyConnectOptions {
        self.pool.connect_options().as_ref().clone()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// A transaction that writes. SQLite's takes the writer's place at once, because one that
    /// begins by reading may not wait for it later.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(match self.kind {
            Kind::Sqlite => self.writes.begin_with("begin immediate").await?,
            Kind::Postgres => self.writes.begin().await?,
        })
    }

    pub(super) async fn rows(&self, sql: Sql) -> Result<Vec<AnyRow>, StoreError> {
        Ok(sql.query(self.kind)?.fetch_all(&self.pool).await?)
    }

    pub(super) async fn row(&self, sql: Sql) -> Result<Option<AnyRow>, StoreError> {
        Ok(sql.query(self.kind)?.fetch_optional(&self.pool).await?)
    }

    pub(super) async fn one(&self, sql: Sql) -> Result<AnyRow, StoreError> {
        Ok(sql.query(self.kind)?.fetch_one(&self.pool).await?)
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) async fn run(&self, sql: Sql) -> Result<u64, StoreError> {
        Ok(sql.query(self.kind)?.execute(&self.writes).await?.rows_affected())
    }
}

/// Runs a statement in a transaction and says how many rows it changed.
pub(super) async fn run_in(
    all: &mut Transaction<'static, Any>,
    sql: Sql,
) -> Result<u64, StoreError> {
    let query = sql.query(kind_of(all))?;
    Ok(query.execute(&mut **all).await?.rows_affected())
}

/// Runs a statement in a transaction and reads what it returns.
pub(super) async fn rows_in(
    all: &mut Transaction<'static, Any>,
    sql: Sql,
) -> Result<Vec<AnyRow>, StoreError> {
    let query = sql.query(kind_of(all))?;
    Ok(query.fetch_all(&mut **all).await?)
}

fn kind_of(all: &Transaction<'static, Any>) -> Kind {
    if all.backend_name() == "SQLite" { Kind::Sqlite } else { Kind::Postgres }
}

/// The kind, the whole address, and the address without secrets for messages.
fn address(
    url: &str,
    password: Option<&str>,
    directory: &Path,
) -> Result<(Kind, String, String), StoreError> {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let file = directory.join(file.trim_start_matches("//"));
        let path = file.to_str().ok_or(StoreError::BadUrl)?;
        let address = format!("sqlite:{}?mode=rwc", escaped(path, "/"));
        return Ok((Kind::Sqlite, address, path.to_owned()));
    }
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let rest = rest.ok_or(StoreError::BadUrl)?;
    let address = match (password, rest.split_once('@')) {
        (Some(password), Some((user, host))) => {
            let user = user.split(':').next().unwrap_or(user);
            format!("postgres://{user}:{}@{host}", escaped(password, ""))
        }
        (Some(_), None) => return Err(StoreError::BadUrl),
        (None, _) => format!("postgres://{rest}"),
    };
    let host = rest.rsplit('@').next().unwrap_or(rest);
    Ok((Kind::Postgres, address, format!("postgres://{host}")))
}

/// Text inside an address: everything but unreserved letters (RFC 3986 section 2.3) and those
/// of `kept` as `%XX`.
fn escaped(text: &str, kept: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte);
    text.bytes().fold(String::new(), |mut all, byte| {
        if plain(byte) || kept.as_bytes().contains(&byte) {
            all.push(char::from(byte));
        } else {
            all.push_str(&format!("%{byte:02X}"));
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_into_the_address_and_not_into_messages() {
        let folder = Path::new("/var/lib/navbat");
        let (_, whole, shown) =
            address("postgres://navbat@db.lan/calls", Some("p@ss/1"), folder).unwrap();
        assert_eq!(whole, "postgres://navbat:p%40ss%2F1@db.lan/calls");
        assert_eq!(shown, "postgres://db.lan/calls");
        let (_, whole, _) = address("sqlite:navbat.db", None, folder).unwrap();
        assert_eq!(whole, "sqlite:/var/lib/navbat/navbat.db?mode=rwc");
        assert!(address("mysql://x", None, folder).is_err());
    }
}
