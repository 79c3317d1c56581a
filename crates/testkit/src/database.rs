//! A database for one test, cloned from a migrated template.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use trinity_db::Db;
use trinity_devstack::provision::{self, Plan};
use trinity_devstack::{ServiceUrls, provision as provision_database};
use uuid::Uuid;

use crate::cluster;

/// Roles belong to the cluster, which only tests use: their passwords need to be the same for all of them, not secret.
const SECRET: &str = "the password seed of a throw-away test cluster";
/// Serializes the building of templates; not the lock of provisioning, which happens inside.
const LOCK: i64 = 0x7472_696e_6974_7902;
const MAX_CONNECTIONS: u32 = 8;

/// A database that lives as long as this value. Connections are made in the serving role unless said otherwise.
pub struct TestDb {
    name: String,
    urls: BTreeMap<String, ServiceUrls>,
}

impl TestDb {
    /// Clones the database of one service.
    ///
    /// # Panics
    /// When there is no Postgres or a migration fails.
    pub async fn new(service: &str, migrator: &Migrator) -> Self {
        Self::with(&[(service, migrator)]).await
    }

    /// Clones a database that several services share, each in its schema.
    ///
    /// # Panics
    /// When there is no Postgres or a migration fails.
    pub async fn with(services: &[(&str, &Migrator)]) -> Self {
        let names: Vec<&str> = services.iter().map(|(service, _)| *service).collect();
        let template = template_of(services).await;
        let name = format!("test_{}", Uuid::new_v4().simple());
        let plan = plan(&name, &names);
        let urls = provision::urls(&plan).expect("urls");
        let this = Self { name, urls };

        let mut admin = connect(cluster::postgres()).await;
        let name = &this.name;
        execute(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        // Why: neither a database's grants nor its roles' settings are part of the template.
        let mut script = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC;");
        for service in &names {
            script.push_str(&provision::settings_script(name, service));
        }
        execute(&mut admin, script).await;
        this
    }

    /// The URL of the only service's serving role.
    ///
    /// # Panics
    /// When the database has several services: ask `urls` then.
    pub fn url(&self) -> &str {
        &self.only().serve
    }

    /// The URL of the only service's owner, for what the serving role may not see, such as the catalogue.
    ///
    /// # Panics
    /// When the database has several services: ask `urls` then.
    pub fn owner_url(&self) -> &str {
        &self.only().owner
    }

    /// The URLs of a service.
    ///
    /// # Panics
    /// When the database has no such service.
    pub fn urls(&self, service: &str) -> &ServiceUrls {
        &self.urls[service]
    }

    /// The URL of a superuser, who is above row-level security: for tampering and for looking behind the scenes.
    ///
    /// # Panics
    /// Never in practice: the cluster's URL was used before.
    pub fn admin_url(&self) -> String {
        provision::with_database(cluster::postgres(), &self.name).expect("the cluster's URL").into()
    }

    /// The door of the only service, in its serving role.
    ///
    /// # Panics
    /// When the database has several services.
    pub fn db(&self) -> Db {
        Db::connect(self.url(), MAX_CONNECTIONS).expect("a Postgres URL")
    }

    /// A connection of the superuser to this database.
    ///
    /// # Panics
    /// When Postgres is away.
    pub async fn admin(&self) -> PgConnection {
        connect(&self.admin_url()).await
    }

    fn only(&self) -> &ServiceUrls {
        assert_eq!(self.urls.len(), 1, "this database has several services");
        self.urls.values().next().expect("one service")
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // Why a thread: a test's runtime cannot be waited for from inside itself.
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { execute(&mut connect(cluster::postgres()).await, statement).await });
        })
        .join();
        if dropped.is_err() && !std::thread::panicking() {
            panic!("the test database {} could not be dropped", self.name);
        }
    }
}

/// The name of the migrated template for these services, built by the first test that needs it.
async fn template_of(services: &[(&str, &Migrator)]) -> String {
    let template = format!("template_{}", fingerprint(services));
    let mut admin = connect(cluster::postgres()).await;
    if exists(&mut admin, &template).await {
        return template;
    }
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut admin).await.expect("the template lock");
    if !exists(&mut admin, &template).await {
        build_template(&mut admin, &template, services).await;
    }
    admin.close().await.expect("the template lock's release");
    template
}

async fn build_template(admin: &mut PgConnection, template: &str, services: &[(&str, &Migrator)]) {
    // Why a name of its own: a build that was killed half-way must not look finished.
    let unfinished = format!("{template}_new");
    execute(admin, format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")).await;
    let names: Vec<&str> = services.iter().map(|(service, _)| *service).collect();
    let urls = provision_database(&plan(&unfinished, &names)).await.expect("a provisioned template");
    for (service, migrator) in services {
        trinity_db::migrate(&urls[*service].owner, migrator).await.expect("migrations that run");
    }
    execute(admin, format!("ALTER DATABASE {unfinished} WITH ALLOW_CONNECTIONS false")).await;
    execute(admin, format!("ALTER DATABASE {unfinished} RENAME TO {template}")).await;
}

/// Changes with every migration's text, so that a template is never stale.
fn fingerprint(services: &[(&str, &Migrator)]) -> String {
    let mut hash = Sha256::new();
    for (service, migrator) in services {
        hash.update(service);
        hash.update([0]);
        for migration in migrator.iter() {
            hash.update(migration.version.to_be_bytes());
            hash.update(&migration.checksum);
        }
    }
    hex::encode(&hash.finalize()[..12])
}

fn plan<'a>(database: &'a str, services: &'a [&'a str]) -> Plan<'a> {
    Plan { admin_url: cluster::postgres(), database, services, secret: SECRET }
}

async fn exists(admin: &mut PgConnection, database: &str) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(database)
        .fetch_one(admin)
        .await
        .expect("the list of databases")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the tests' Postgres")
}

/// Runs statements made of names that this module made.
async fn execute(connection: &mut PgConnection, statement: String) {
    let outcome = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    outcome.expect("a statement of the test database's life");
}
