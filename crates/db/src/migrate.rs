//! Migrations: a step of their own, in the owner's role, never by a serving replica.

use std::str::FromStr;

use futures::future::BoxFuture;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Brings a service's schema to the newest version. Replicas may call it at once: one works, the others wait.
///
/// # Errors
/// When Postgres is away, or a migration fails; a failed one leaves nothing behind.
pub fn migrate<'a>(owner_url: &'a str, migrator: &'a Migrator) -> BoxFuture<'a, Result<(), sqlx::Error>> {
    Box::pin(async move {
        let options = PgConnectOptions::from_str(owner_url)?;
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        let done = migrator.run(&pool).await;
        pool.close().await;
        Ok(done?)
    })
}
