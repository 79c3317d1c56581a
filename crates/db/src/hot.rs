//! Point reads in one round trip: the statement sets its own tenant context and reads behind it.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use trinity_context::RequestContext;
use trinity_error::Result;

use crate::Db;

/// The head of a hot statement, whose `$1` is the tenant. The body must read its table in a `LATERAL` subquery that
/// depends on `context`, such as
///
/// ```sql
/// WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
/// SELECT p.* FROM context CROSS JOIN LATERAL (
///     SELECT … FROM projects WHERE tenant_id = context.tenant::uuid AND id = $2 OFFSET 0
/// ) AS p
/// ```
///
/// Invariant: a scan that depends on `context` cannot start before `context` has given its row, and the policies'
/// own reading of the setting is a subquery of that scan, so the setting is always there first. `OFFSET 0`, or a `LIMIT`,
/// keeps the planner from pulling the scan up. A test with forced row-level security fails when this does not hold.
pub const CONTEXT_CTE: &str =
    "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)";

impl Db {
    /// Runs one hot statement (see [`CONTEXT_CTE`]) outside a transaction; `bind` adds the arguments after `$1`.
    ///
    /// # Errors
    /// `Unauthenticated` without a tenant; `Unavailable` when Postgres is away.
    pub async fn read_one<T>(
        &self,
        ctx: &RequestContext,
        statement: &'static str,
        bind: impl Fn(QueryAs<'static, Postgres, T, PgArguments>) -> QueryAs<'static, Postgres, T, PgArguments>,
    ) -> Result<Option<T>>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        debug_assert!(statement.starts_with(CONTEXT_CTE), "a hot statement sets its context first");
        let tenant = ctx.tenant()?;
        let query = || bind(sqlx::query_as(statement).bind(tenant.to_string()));
        match query().fetch_optional(&mut **self.connection().await?).await {
            Err(error) if crate::is_broken(&error) => {
                Ok(query().fetch_optional(&mut **self.connection().await?).await?)
            }
            other => Ok(other?),
        }
    }
}
