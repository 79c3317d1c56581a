//! Taking away what is old, in small batches, for all tenants at once.

use sqlx::PgConnection;
use trinity_error::Result;

/// How many rows one statement takes.
const BATCH: i64 = 2_000;

/// Drops the partitions of a table whose months lie wholly more than `days` back, but for months with a live run.
pub async fn drop_partitions(tx: &mut PgConnection, table: &'static str, days: i32) -> Result<i32> {
    let statement = "SELECT drop_partitions($1, now() - make_interval(days => $2))";
    Ok(sqlx::query_scalar(statement).bind(table).bind(days).fetch_one(tx).await?)
}

/// What is taken by rows: each a `DELETE` of at most `$2` rows that are older than `$1` days.
#[derive(Debug, Clone, Copy)]
pub struct Sweep(&'static str);

/// Log lines of runs that have ended. Why the run's id too: it leaves out months of partitions.
pub const LOGS: Sweep = Sweep(
    "WITH old AS (
        SELECT l.tenant_id, l.run_id, l.id
        FROM task_logs AS l
        WHERE l.run_id < uuid_floor(now() - make_interval(days => $1)) AND l.at < now() - make_interval(days => $1)
            AND NOT EXISTS (
                SELECT FROM runs AS r WHERE r.tenant_id = l.tenant_id AND r.id = l.run_id AND r.completed_at IS NULL
            )
        LIMIT $2
    )
    DELETE FROM task_logs AS l USING old AS o WHERE l.tenant_id = o.tenant_id AND l.run_id = o.run_id AND l.id = o.id",
);

/// Tasks of runs that ended long ago; before the runs themselves.
pub const TASKS: Sweep = Sweep(
    "WITH old AS (
        SELECT t.tenant_id, t.run_id, t.ordinal
        FROM tasks AS t
        WHERE t.run_id < uuid_floor(now() - make_interval(days => $1))
            AND NOT EXISTS (
                SELECT FROM runs AS r
                WHERE r.tenant_id = t.tenant_id AND r.id = t.run_id
                    AND (r.completed_at IS NULL OR r.completed_at >= now() - make_interval(days => $1))
            )
        LIMIT $2
    )
    DELETE FROM tasks AS t
    USING old AS o
    WHERE t.tenant_id = o.tenant_id AND t.run_id = o.run_id AND t.ordinal = o.ordinal",
);

/// Runs that ended long ago and have no tasks any more.
pub const RUNS: Sweep = Sweep(
    "WITH old AS (
        SELECT r.tenant_id, r.id
        FROM runs AS r
        WHERE r.id < uuid_floor(now() - make_interval(days => $1))
            AND r.completed_at < now() - make_interval(days => $1)
            AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.tenant_id = r.tenant_id AND t.run_id = r.id)
        LIMIT $2
    )
    DELETE FROM runs AS r USING old AS o WHERE r.tenant_id = o.tenant_id AND r.id = o.id",
);

/// Lineage of what was made long ago.
pub const LINEAGE: Sweep = Sweep(
    "WITH old AS (
        SELECT tenant_id, output_dataset_id
        FROM lineage
        WHERE run_id < uuid_floor(now() - make_interval(days => $1))
            AND completed_at < now() - make_interval(days => $1)
        LIMIT $2
    )
    DELETE FROM lineage AS l
    USING old AS o
    WHERE l.tenant_id = o.tenant_id AND l.output_dataset_id = o.output_dataset_id",
);

/// What schedules did long ago.
pub const FIRES: Sweep = Sweep(
    "WITH old AS (
        SELECT f.tenant_id, f.schedule_id, f.fire_at
        FROM fires AS f
        WHERE f.fire_at < now() - make_interval(days => $1)
            AND NOT EXISTS (SELECT FROM starts AS s WHERE s.tenant_id = f.tenant_id AND s.id = f.run_id)
        LIMIT $2
    )
    DELETE FROM fires AS f
    USING old AS o
    WHERE f.tenant_id = o.tenant_id AND f.schedule_id = o.schedule_id AND f.fire_at = o.fire_at",
);

/// Calls of hooks that nobody will repeat any more.
pub const CALLS: Sweep = Sweep(
    "WITH old AS (
        SELECT tenant_id, hook_id, message_id
        FROM hook_calls
        WHERE received_at < now() - make_interval(days => $1)
        LIMIT $2
    )
    DELETE FROM hook_calls AS c
    USING old AS o
    WHERE c.tenant_id = o.tenant_id AND c.hook_id = o.hook_id AND c.message_id = o.message_id",
);

/// Notifications, read or not.
pub const NOTIFICATIONS: Sweep = Sweep(
    "WITH old AS (
        SELECT tenant_id, user_id, id
        FROM notifications
        WHERE created_at < now() - make_interval(days => $1)
        LIMIT $2
    )
    DELETE FROM notifications AS n
    USING old AS o
    WHERE n.tenant_id = o.tenant_id AND n.user_id = o.user_id AND n.id = o.id",
);

/// Messages that were delivered or given up.
pub const DELIVERIES: Sweep = Sweep(
    "WITH old AS (
        SELECT tenant_id, id
        FROM deliveries
        WHERE status <> 'waiting' AND created_at < now() - make_interval(days => $1)
        LIMIT $2
    )
    DELETE FROM deliveries AS d USING old AS o WHERE d.tenant_id = o.tenant_id AND d.id = o.id",
);

/// Takes one batch away; says whether there may be more.
pub async fn sweep(tx: &mut PgConnection, sweep: Sweep, days: i32) -> Result<bool> {
    let taken = sqlx::query(sweep.0).bind(days).bind(BATCH).execute(tx).await?.rows_affected();
    Ok(i64::try_from(taken).is_ok_and(|taken| taken == BATCH))
}
