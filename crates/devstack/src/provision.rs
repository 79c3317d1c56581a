//! The database, and for every service a schema and two roles: one that owns and migrates, one that serves.
//!
//! Running it again changes nothing but passwords, which it sets to what the secret says.
//! **Invariant:** a serving role owns nothing, cannot bypass row-level security, and reaches no other schema.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

/// Serializes provisioning: roles belong to the cluster, and two runs must not make them at once.
const LOCK: i64 = 0x7472_696e_6974_7901;

/// How one service reaches its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrls {
    /// For serving: reads and writes rows, under row-level security.
    pub serve: String,
    /// For migrating: owns the schema.
    pub owner: String,
}

/// What to provision.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// An administrator of the cluster: superuser, or CREATEDB and CREATEROLE.
    pub admin_url: &'a str,
    pub database: &'a str,
    pub services: &'a [&'a str],
    /// Every role's password is derived from it: keep it as long as the roles live.
    pub secret: &'a str,
}

/// Makes whatever of the plan is missing. Returns the URLs by service.
pub async fn provision(plan: &Plan<'_>) -> Result<BTreeMap<String, ServiceUrls>> {
    for name in plan.services.iter().chain([&plan.database]) {
        ensure!(is_plain(name), "not a plain lower-case name: {name:?}");
    }
    ensure!(plan.secret.len() >= 16, "the secret has fewer than 16 characters");
    let mut admin =
        PgConnection::connect(plan.admin_url).await.context("cannot reach Postgres as its administrator")?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut admin).await?;
    create_database(&mut admin, plan.database).await?;
    for service in plan.services {
        create_roles(&mut admin, service, plan.secret).await?;
    }
    let url = with_database(plan.admin_url, plan.database)?;
    let mut database = PgConnection::connect(url.as_str()).await.context("cannot reach the new database")?;
    run(&mut database, &database_script(plan)).await?;
    database.close().await?;
    admin.close().await?;
    urls(plan)
}

/// The URLs that `provision` returns, without touching Postgres.
pub fn urls(plan: &Plan<'_>) -> Result<BTreeMap<String, ServiceUrls>> {
    let of_role = |role: &str| -> Result<String> {
        let mut url = with_database(plan.admin_url, plan.database)?;
        let fits = url.set_username(role).and_then(|()| url.set_password(Some(&password(plan.secret, role))));
        ensure!(fits.is_ok(), "the administrator's URL names no host");
        Ok(url.into())
    };
    plan.services
        .iter()
        .map(|&service| {
            let urls = ServiceUrls { serve: of_role(&serving_role(service))?, owner: of_role(&owner_role(service))? };
            Ok((service.to_owned(), urls))
        })
        .collect()
}

/// Points both roles of a service at its schema in one database. A cloned database does not inherit this.
pub fn settings_script(database: &str, service: &str) -> String {
    let (serving, owner) = (serving_role(service), owner_role(service));
    format!(
        "GRANT CONNECT ON DATABASE {database} TO {serving}, {owner};
         ALTER ROLE {serving} IN DATABASE {database} SET search_path = {service};
         ALTER ROLE {owner} IN DATABASE {database} SET search_path = {service};"
    )
}

/// The role that serves.
pub fn serving_role(service: &str) -> String {
    format!("trinity_{service}")
}

/// The role that owns the schema and migrates it.
pub fn owner_role(service: &str) -> String {
    format!("trinity_{service}_owner")
}

/// The URL of another database of the same cluster.
pub fn with_database(url: &str, database: &str) -> Result<Url> {
    let mut url = Url::parse(url).context("not a Postgres URL")?;
    url.set_path(database);
    Ok(url)
}

/// Runs a script of statements, which must hold checked names and derived passwords alone.
pub async fn run(connection: &mut PgConnection, script: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(script)).execute(connection).await?;
    Ok(())
}

async fn create_database(admin: &mut PgConnection, database: &str) -> Result<()> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(database)
        .fetch_one(&mut *admin)
        .await?;
    if !exists {
        run(admin, &format!("CREATE DATABASE {database}")).await.context("cannot create the database")?;
    }
    Ok(())
}

async fn create_roles(admin: &mut PgConnection, service: &str, secret: &str) -> Result<()> {
    for role in [serving_role(service), owner_role(service)] {
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(&role)
            .fetch_one(&mut *admin)
            .await?;
        let verb = if exists { "ALTER" } else { "CREATE" };
        let password = password(secret, &role);
        let script = format!("{verb} ROLE {role} LOGIN NOCREATEDB NOCREATEROLE PASSWORD '{password}'");
        run(admin, &script).await.with_context(|| format!("cannot create the role {role}"))?;
    }
    Ok(())
}

fn database_script(plan: &Plan<'_>) -> String {
    let database = plan.database;
    let mut script = format!(
        "SET client_min_messages = warning;
         REVOKE ALL ON DATABASE {database} FROM PUBLIC;
         REVOKE ALL ON SCHEMA public FROM PUBLIC;"
    );
    for service in plan.services {
        script.push_str(&schema_script(service));
        script.push_str(&settings_script(database, service));
    }
    script
}

fn schema_script(service: &str) -> String {
    let (serving, owner) = (serving_role(service), owner_role(service));
    // Why the membership: an administrator who is not superuser may only act for roles that it belongs to.
    format!(
        "GRANT {owner} TO CURRENT_USER;
         CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {owner};
         GRANT USAGE ON SCHEMA {service} TO {serving};
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service}
           GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {serving};
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service}
           GRANT USAGE ON SEQUENCES TO {serving};"
    )
}

fn password(secret: &str, role: &str) -> String {
    hex::encode(Sha256::new_with_prefix(secret).chain_update([0]).chain_update(role).finalize())
}

fn is_plain(name: &str) -> bool {
    name.len() <= 48
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        admin_url: "postgres://admin:word@db.example:5433/postgres?sslmode=require",
        database: "trinity",
        services: &["audit"],
        secret: "0123456789abcdef",
    };

    #[test]
    fn urls_keep_host_and_parameters_but_not_the_administrator() {
        let urls = urls(&PLAN).unwrap();
        let serve = Url::parse(&urls["audit"].serve).unwrap();
        assert_eq!(serve.username(), "trinity_audit");
        assert_eq!(serve.path(), "/trinity");
        assert_eq!(serve.query(), Some("sslmode=require"));
        assert_ne!(serve.password(), Some("word"));
        assert!(urls["audit"].owner.starts_with("postgres://trinity_audit_owner:"));
    }

    #[test]
    fn every_role_has_a_password_of_its_own() {
        assert_ne!(password("secret", "trinity_audit"), password("secret", "trinity_audit_owner"));
        assert_ne!(password("secret", "trinity_audit"), password("other", "trinity_audit"));
    }

    #[test]
    fn names_that_need_quoting_are_refused() {
        for name in ["", "Audit", "1st", "a-b", "x; DROP", "é"] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("orchestration"));
    }
}
