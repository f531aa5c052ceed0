//! One server per database: a lock that PostgreSQL frees when its session ends.
//!
//! The projector writes what the journal of one server says; two journals in one database would
//! overwrite each other's calls. SQLite lies in the data directory, whose lock says the same.

use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Executor};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::db::{Kind, Store};
use super::error::StoreError;
use super::sql::Columns;

/// Who else asks for a lock uses another number; the second half names the schema, so that
/// several sites may share one database.
const TAKE: &str = "select cast(case when pg_try_advisory_lock(1851945588,
    hashtext(current_schema())) then 1 else 0 end as bigint)";

/// A session whose client vanished without a word is ended by the server after 25 s; with the
/// usual two hours a machine that lost its power could not start again.
const SETTINGS: &str = "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5;
    set tcp_keepalives_count = 3;";

/// How often the session is looked at. A server that took over is noticed after this and
/// [`LOST_AFTER`]; shorter only asks more.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a lock that somebody else holds is asked for again before it counts as lost, after a
/// break: the other one is most likely our own old session.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// How often a start asks for the lock while the server before may still be ending.
const START_TRIES: u32 = 12;

/// The pause between those.
const START_EVERY: Duration = Duration::from_millis(250);

/// The right to write a database; given back when it is dropped.
#[derive(Debug)]
pub struct Claim {
    lost: CancellationToken,
    release: CancellationToken,
    holder: Option<JoinHandle<()>>,
}

impl Store {
    /// Claims the database for this process. Fails when another server has it.
    pub async fn claim(&self) -> Result<Claim, StoreError> {
        let (lost, release) = (CancellationToken::new(), CancellationToken::new());
        if self.kind() == Kind::Sqlite {
            return Ok(Claim { lost, release, holder: None });
        }
        let options = self.connect_options();
        for _ in 0..START_TRIES {
            if let Some(held) = take(&options).await? {
                let (lost_to, asked) = (lost.clone(), release.clone());
                let holder = tokio::spawn(hold(options, held, lost_to, asked));
                return Ok(Claim { lost, release, holder: Some(holder) });
            }
            tokio::time::sleep(START_EVERY).await;
        }
        Err(StoreError::Taken)
    }
}

impl Claim {
    /// Resolves when another server has taken the database over.
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// Gives the database free; the next server may start when this returns.
    pub async fn release(mut self) {
        self.release.cancel();
        if let Some(holder) = self.holder.take() {
            let _ended = holder.await.is_ok();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release.cancel();
    }
}

/// A session that holds the lock; `None` when somebody else does.
async fn take(options: &AnyConnectOptions) -> Result<Option<AnyConnection>, StoreError> {
    let mut session = options.connect().await?;
    session.execute(sqlx::raw_sql(SETTINGS)).await?;
    let row = sqlx::query(TAKE).fetch_one(&mut session).await?;
    if Columns::of(&row).truth()? {
        return Ok(Some(session));
    }
    let _closed = session.close().await.is_ok();
    Ok(None)
}

/// Holds the lock until released, over breaks of the connection.
async fn hold(
    options: AnyConnectOptions,
    mut session: AnyConnection,
    lost: CancellationToken,
    release: CancellationToken,
) {
    loop {
        tokio::select! {
            () = release.cancelled() => {
                let _closed = session.close().await.is_ok();
                return;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let looked = tokio::time::timeout(LOOK_EVERY, session.ping()).await;
        if matches!(looked, Ok(Ok(()))) {
            continue;
        }
        tracing::warn!("the session that holds the database is gone");
        let again = tokio::select! {
            () = release.cancelled() => return,
            again = take_again(&options) => again,
        };
        let Some(again) = again else {
            tracing::error!("another navbat has taken the database over");
            lost.cancel();
            return;
        };
        tracing::info!("the database is held again");
        session = again;
    }
}

/// Takes the lock after a break, however long the database is away; `None` when somebody else
/// keeps it.
async fn take_again(options: &AnyConnectOptions) -> Option<AnyConnection> {
    let mut refused_since = None;
    loop {
        match tokio::time::timeout(LOOK_EVERY, take(options)).await {
            Ok(Ok(Some(session))) => return Some(session),
            Ok(Ok(None)) => {
                let since = *refused_since.get_or_insert_with(tokio::time::Instant::now);
                if since.elapsed() > LOST_AFTER {
                    return None;
                }
            }
            Ok(Err(_)) | Err(_) => refused_since = None, // the database itself is away
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
