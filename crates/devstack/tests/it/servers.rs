//! Starting, finding again and stopping servers.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use trinity_devstack::{Throwaway, stack};

/// Asks a Postgres for a number, which proves address and password.
async fn answers(url: &str) -> bool {
    let Ok(mut connection) = PgConnection::connect(url).await else { return false };
    sqlx::query_scalar::<_, i32>("SELECT 7").fetch_one(&mut connection).await.is_ok_and(|seven| seven == 7)
}

#[tokio::test]
async fn second_start_finds_the_running_pair_and_stop_keeps_the_data() {
    let data = tempfile::tempdir().unwrap();
    let first = stack::start(data.path()).unwrap();
    let second = stack::start(data.path()).unwrap();
    assert_eq!(first.postgres_url, second.postgres_url);
    assert_eq!(first.redis_url, second.redis_url);
    assert!(answers(&first.postgres_url).await);
    assert_eq!(stack::status(data.path()).unwrap().len(), 2);

    let mut connection = PgConnection::connect(&first.postgres_url).await.unwrap();
    sqlx::query("CREATE TABLE kept (id int)").execute(&mut connection).await.unwrap();
    stack::stop(data.path()).unwrap();
    assert!(stack::status(data.path()).unwrap().is_empty());

    leave_a_stale_pid_file(data.path());
    let third = stack::start(data.path()).unwrap();
    let mut connection = PgConnection::connect(&third.postgres_url).await.unwrap();
    sqlx::query("SELECT id FROM kept").execute(&mut connection).await.unwrap();
    stack::remove(data.path()).unwrap();
    assert!(!data.path().join("pg").exists());
}

/// What a crash of the machine leaves: pid files whose numbers now belong to others, here to this test.
fn leave_a_stale_pid_file(data: &Path) {
    let pid = std::process::id();
    std::fs::write(data.join("pg/cluster/postmaster.pid"), format!("{pid}\n/nowhere\n0\n1\n")).unwrap();
    std::fs::write(data.join("redis/redis.pid"), format!("{pid}\n")).unwrap();
}

#[tokio::test]
async fn throwaway_vanishes_with_its_owner() {
    let server = Throwaway::postgres().unwrap();
    let url = server.url().to_owned();
    assert!(answers(&url).await);
    let start = Instant::now();
    drop(server);
    assert!(!answers(&url).await);
    assert!(start.elapsed() < Duration::from_secs(8), "the keeper had to give up waiting");
}

#[test]
fn exec_passes_the_exit_code_and_the_urls() {
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_trinity-devstack"))
        .args([
            "exec",
            "--",
            "sh",
            "-c",
            "test -n \"$TRINITY_TEST_POSTGRES\" && test -n \"$TRINITY_TEST_REDIS\" && exit 42",
        ])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(42));
}
