//! One server per database.

use navbat::store::{Store, StoreError};

use super::stores::tries;

#[tokio::test]
async fn a_database_is_claimed_by_one_server_at_a_time() {
    for one in tries().await {
        let claim = one.store.claim().await.unwrap();
        let second = Store::open(&one.url, None, one.folder.path()).await.unwrap();
        if one.url.starts_with("postgres") {
            let refused = second.claim().await.unwrap_err();
            assert!(matches!(refused, StoreError::Taken), "{refused}");
            assert!(refused.to_string().contains("another navbat"), "{refused}");
        }
        assert!(!claim.lost().is_cancelled());
        claim.release().await;
        second.claim().await.unwrap().release().await;
    }
}

/// The session that holds the lock is ended from outside, as a restart of the database does.
#[tokio::test]
async fn a_claim_is_taken_again_after_a_break() {
    use sqlx::{Connection, Executor};
    let Ok(server) = std::env::var("NAVBAT_TEST_PG") else { return };
    let one = tries().await.pop().unwrap();
    let claim = one.store.claim().await.unwrap();
    let mut admin = sqlx::PgConnection::connect(&one.url).await.unwrap();
    let held = "select count(*) from pg_locks where locktype = 'advisory'
        and objid = (hashtext(current_schema())::bigint & 4294967295)";
    let count = async |admin: &mut sqlx::PgConnection| -> i64 {
        sqlx::query_scalar(held).fetch_one(admin).await.unwrap()
    };
    assert_eq!(count(&mut admin).await, 1, "{server}");
    let end = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'
        and objid = (hashtext(current_schema())::bigint & 4294967295)";
    admin.execute(sqlx::raw_sql(end)).await.unwrap();
    let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
    let again = async {
        while count(&mut admin).await == 1 {
            look.tick().await; // until the ended session is gone
        }
        while count(&mut admin).await == 0 {
            look.tick().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), again).await.expect("taken again");
    assert!(!claim.lost().is_cancelled());
    claim.release().await;
}
