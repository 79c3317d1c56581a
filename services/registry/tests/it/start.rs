//! What the service does when it starts.

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use trinity_registry::MIGRATOR;
use trinity_rpc::CancellationToken;
use trinity_testkit::{TestDb, TestTokens, eventually, free_port};
use url::Url;

use crate::plans::FakePlans;
use crate::stand::{LIMIT, config, runtime};

#[tokio::test(flavor = "multi_thread")]
async fn a_published_atom_that_was_changed_stops_the_start() {
    let (db, files, shutdown) =
        (TestDb::new("registry", &MIGRATOR).await, TempDir::new().unwrap(), CancellationToken::new());
    let runtime = runtime(&TestTokens::new(), &FakePlans::default(), &shutdown);
    trinity_registry::build(config(db.url(), files.path()), runtime.clone()).await.unwrap();
    trinity_registry::build(config(db.url(), files.path()), runtime.clone())
        .await
        .expect("a second start changes nothing");
    sqlx::query(r#"UPDATE registry.atom_versions SET config_schema = '{"type": "object"}' WHERE atom = 'filter'"#)
        .execute(&mut db.admin().await)
        .await
        .unwrap();
    let refused = trinity_registry::build(config(db.url(), files.path()), runtime).await.unwrap_err();
    let expected = "the atom filter 1.0.0 differs from what was published as 1.0.0: give it a new version";
    assert_eq!(refused.to_string(), expected);
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_it_starts_unready_and_needs_no_second_start() {
    let (db, files, shutdown) =
        (TestDb::new("registry", &MIGRATOR).await, TempDir::new().unwrap(), CancellationToken::new());
    let mut url = Url::parse(db.url()).unwrap();
    let (host, port) = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
    let door = free_port();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(door)).unwrap();
    let runtime = runtime(&TestTokens::new(), &FakePlans::default(), &shutdown);
    let service = trinity_registry::build(config(url.as_str(), files.path()), runtime).await.unwrap();
    assert!(!service.is_ready().await);

    let listener = TcpListener::bind(("127.0.0.1", door)).await.unwrap();
    let stop = shutdown.clone();
    trinity_telemetry::spawn("door", async move {
        let forward = async {
            loop {
                let (mut inside, _) = listener.accept().await.unwrap();
                let mut outside = TcpStream::connect((host.as_str(), port)).await.unwrap();
                trinity_telemetry::spawn("forward", async move {
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        };
        let _: Option<()> = stop.run_until_cancelled(forward).await;
    });
    eventually(LIMIT, "the registry to be ready", || async { service.is_ready().await.then_some(()) }).await;
    let atoms: i64 = sqlx::query_scalar("SELECT count(*) FROM registry.atom_versions")
        .fetch_one(&mut db.admin().await)
        .await
        .unwrap();
    assert_eq!(usize::try_from(atoms).unwrap(), trinity_catalog::all().len());
    shutdown.cancel();
}
