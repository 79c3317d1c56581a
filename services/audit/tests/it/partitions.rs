//! No record is lost for want of a month's partition, and none can be reached past the table.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_proto::Timestamp;
use trinity_proto::audit as pb;

use crate::stand::{Stand, event};

async fn partition_of(intruder: &mut PgConnection, sequence: i64) -> String {
    sqlx::query_scalar("SELECT tableoid::regclass::text FROM events WHERE sequence = $1")
        .bind(sequence)
        .fetch_one(intruder)
        .await
        .unwrap()
}

fn at(event: pb::NewEvent, seconds: i64) -> pb::NewEvent {
    pb::NewEvent { created_at: Some(Timestamp { seconds, nanos: 0 }), ..event }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_any_time_are_kept() {
    let stand = Stand::new().await;
    let now: i64 = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    // 2001 and 2199 have no partitions.
    let times = [now, 1_000_000_000, 7_250_000_000];
    let events = times.iter().zip(1..).map(|(seconds, n)| at(event(stand.tenant, n), *seconds)).collect();
    stand.append(events).await.unwrap();
    let verified = stand.verify().await;
    assert_eq!((verified.valid, verified.events), (true, 3));
    let mut intruder = stand.intruder().await;
    assert_ne!(partition_of(&mut intruder, 1).await, "events_default");
    assert_eq!(partition_of(&mut intruder, 2).await, "events_default");
    assert_eq!(partition_of(&mut intruder, 3).await, "events_default");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_serving_role_makes_months_but_never_moves_records() {
    let stand = Stand::new().await;
    stand.append(vec![at(event(stand.tenant, 1), 1_000_000_000)]).await.unwrap();
    let db = stand.db.db();
    let mut tx = db.begin_system("test").await.unwrap();
    let make = |month: &'static str| sqlx::query_scalar::<_, bool>("SELECT ensure_partition($1::date)").bind(month);
    assert!(make("2031-05-17").fetch_one(&mut *tx).await.unwrap());
    assert!(!make("2031-05-01").fetch_one(&mut *tx).await.unwrap(), "it is there");
    assert!(!make("2001-09-09").fetch_one(&mut *tx).await.unwrap(), "its records lie in the default partition");
    tx.commit().await.unwrap();
    stand.append(vec![at(event(stand.tenant, 2), 1_936_000_000)]).await.unwrap();
    assert_eq!(partition_of(&mut stand.intruder().await, 2).await, "events_2031_05");
    assert_eq!(stand.verify().await.events, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_serving_role_can_only_add_and_read() {
    let stand = Stand::new().await;
    stand.append_many(12).await;
    let db = stand.db.db();
    let ctx = RequestContext::service("test").for_tenant(stand.tenant);
    for statement in [
        "UPDATE events SET action = 'x'",
        "DELETE FROM events",
        "TRUNCATE events",
        "SELECT * FROM events_default",
        "INSERT INTO events_default SELECT * FROM events",
        "UPDATE checkpoints SET sequence = 1",
        "DELETE FROM checkpoints",
        "DELETE FROM chains",
        "DROP TABLE events",
    ] {
        let mut tx = db.begin(&ctx).await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{statement}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_partition_has_forced_row_level_security() {
    let stand = Stand::new().await;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit.events'::regclass
            AND NOT (
                c.relrowsecurity
                AND c.relforcerowsecurity
                AND (SELECT count(DISTINCT polpermissive) = 2 FROM pg_policy WHERE polrelid = c.oid)
            )",
    )
    .fetch_all(&mut stand.intruder().await)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new());
}
