//! The one door to Postgres: every transaction carries its tenant, so that row-level security can do its work.
//!
//! There is no other way to a connection. Context is transaction-local, so a transaction-mode pooler may stand between.

mod gather;
mod hot;
mod migrate;
mod page;
mod tx;

use std::str::FromStr;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use trinity_context::RequestContext;
use trinity_error::Result;

pub use gather::GatheredReads;
pub use hot::CONTEXT_CTE;
pub use migrate::migrate;
pub use page::{Page, PageRequest, Scope, per_page_of};
pub use tx::Tx;

use crate::tx::Connection;

/// How long a caller waits for a free connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one statement of a request may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Postgres keeps the plan of each statement. It may have been made while the tables were small, so it must not be to read
/// them from end to end; what cannot be done otherwise then counts as endlessly dear, and what is dear would be compiled to
/// machine code, if that were not switched off too.
///
/// Source: <https://www.postgresql.org/docs/15/runtime-config-query.html>.
const PLAN_ONCE: &str =
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SET LOCAL jit = off";

/// Joins look keys up, one after the other.
const BY_KEYS: &str = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// Connections of one service, in its serving role.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Prepares a pool; connections are opened when they are needed, so Postgres may be away.
    ///
    /// # Errors
    /// When `url` is malformed.
    pub fn connect(url: &str, max_connections: u32) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // Why: the ping before each use costs a fifth of the throughput; a broken connection shows itself at BEGIN.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Opens a transaction for the caller's tenant, in one round trip.
    ///
    /// # Errors
    /// `Unauthenticated` without a tenant; `Unavailable` when Postgres is away.
    pub async fn begin(&self, ctx: &RequestContext) -> Result<Tx> {
        let tenant = ctx.tenant()?;
        // Why: ids are UUIDs by type, so their text is safe in a statement.
        self.open(format!("BEGIN; SET LOCAL app.tenant_id = '{tenant}'; {}", timeout())).await
    }

    /// As [`Db::begin`], for statements whose plan does not depend on their arguments, inserts and rows found by their keys:
    /// Postgres plans each once a connection, not anew each of the first five times.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin_planned(&self, ctx: &RequestContext) -> Result<Tx> {
        let tenant = ctx.tenant()?;
        self.open(format!("BEGIN; SET LOCAL app.tenant_id = '{tenant}'; {PLAN_ONCE}; {}", timeout())).await
    }

    /// Opens a transaction that no tenant asked for, such as a relay's: it reaches only rows of tables whose policy
    /// admits `app.system`. `purpose` names it in `pg_stat_activity`.
    ///
    /// # Errors
    /// `Unavailable` when Postgres is away.
    pub async fn begin_system(&self, purpose: &'static str) -> Result<Tx> {
        self.open(system(purpose)).await
    }

    /// As [`Db::begin_system`], for work that may be done twice: its commit does not wait for the disk, and what Postgres
    /// loses of it when it breaks down is done again.
    ///
    /// # Errors
    /// `Unavailable` when Postgres is away.
    pub async fn begin_repeatable(&self, purpose: &'static str) -> Result<Tx> {
        self.open(format!("{}; SET LOCAL synchronous_commit = off", system(purpose))).await
    }

    /// As [`Db::begin_system`], for the same few statements again and again, each of which finds its rows by their keys: on a
    /// connection of its own Postgres plans them once, until they are planned anew with `replan`, and never reads a whole
    /// table, however small it was when they were planned.
    ///
    /// # Errors
    /// `Unavailable` when Postgres is away.
    pub async fn begin_keyed(&self, purpose: &'static str, replan: bool) -> Result<Tx> {
        let forget = if replan { "; DISCARD PLANS" } else { "" };
        self.open(format!("{}; {PLAN_ONCE}; {BY_KEYS}{forget}", system(purpose))).await
    }

    fn open(&self, statement: String) -> BoxFuture<'static, Result<Tx>> {
        let pool = self.pool.clone();
        // Why a task: a caller that goes away during BEGIN would leave an open transaction behind in the pool, which
        // the driver does not know of yet. The task goes on, and its transaction is rolled back when it is dropped.
        #[expect(clippy::disallowed_methods, reason = "its panic is the caller's error")]
        let open = async move { tokio::spawn(begin(pool, statement)).await.map_err(trinity_error::Error::internal)? };
        Box::pin(open)
    }

    /// A connection for one hot statement, which sets its own tenant.
    #[expect(clippy::disallowed_methods, reason = "for statements that begin with CONTEXT_CTE")]
    fn connection(&self) -> BoxFuture<'_, Result<Connection>> {
        Box::pin(async move { Ok(Box::new(self.pool.acquire().await?) as Connection) })
    }

    /// Answers whether Postgres answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not.
    pub fn ping(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            sqlx::query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
    }

    /// Closes every connection; what is under way ends first.
    pub fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.pool.close())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one door to a connection")]
async fn begin(pool: PgPool, statement: String) -> Result<Tx> {
    let begun = match pool.begin_with(AssertSqlSafe(statement.clone())).await {
        // Why: connections that Postgres closed while they lay in the pool fail here once; the next one is fresh.
        Err(error) if is_broken(&error) => pool.begin_with(AssertSqlSafe(statement)).await?,
        other => other?,
    };
    Ok(Tx::new(begun))
}

/// How a transaction begins that no tenant asked for.
fn system(purpose: &'static str) -> String {
    debug_assert!(purpose.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "purpose is a plain word");
    // Why no bitmap scans: this work is on queues, whose indexes are full of entries of rows that are gone. A plain index
    // scan marks them, and passes over them the next time; a bitmap scan reads them all, each time.
    format!(
        "BEGIN; SET LOCAL app.system = 'on'; SET LOCAL application_name = '{purpose}'; \
        SET LOCAL enable_bitmapscan = off; {}",
        timeout()
    )
}

fn timeout() -> String {
    format!("SET LOCAL statement_timeout = {}", STATEMENT_TIMEOUT.as_millis())
}

fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        // Source: 57P01 is admin_shutdown: the server said good-bye on an idle connection.
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}
