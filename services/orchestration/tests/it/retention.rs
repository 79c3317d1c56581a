//! What is old goes: months at once, the rest by rows, and never what lives.

use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;

/// Three runs of two years ago, of 400 days ago and of 20 days ago, of which the second has not ended, each with a task
/// and a line of a log; and old notifications. The oldest month has partitions of its own.
const OLD_ROWS: &str = "
DO $$
DECLARE
    parent text;
    part text;
    month timestamptz := date_trunc('month', now() - interval '730 days');
    old timestamptz;
    run uuid;
BEGIN
    PERFORM set_config('search_path', 'orchestration', true);
    FOREACH parent IN ARRAY ARRAY['runs', 'tasks', 'task_logs'] LOOP
        part := parent || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM');
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, parent,
            uuid_floor(month), uuid_floor(month + interval '1 month'));
        EXECUTE format('ALTER TABLE %I OWNER TO trinity_orchestration_owner', part);
    END LOOP;
    FOREACH old IN ARRAY ARRAY[month + interval '10 days', now() - interval '400 days', now() - interval '20 days'] LOOP
        run := uuid_floor(old);
        INSERT INTO runs (tenant_id, id, workflow_id, project_id, workflow_version, status, trigger, context, created_by, completed_at)
        VALUES (gen_random_uuid(), run, run, run, 1, 'running', 'manual', '{}', run,
            CASE WHEN old BETWEEN now() - interval '500 days' AND now() - interval '300 days' THEN NULL ELSE old END);
        INSERT INTO tasks (tenant_id, run_id, ordinal, id, place, molecule, atom, atom_version, config, upstream, edge_types,
            edge_conditions, passthrough, datasets, status, max_attempts, timeout_ms, priority)
        SELECT tenant_id, id, 0, id, 'a', 'm', 'noop', '1', '{}', '{}', '{}', '{}', false, '[]', 'completed', 1, 1, 0
        FROM runs WHERE id = run;
        INSERT INTO task_logs (tenant_id, run_id, id, task_id, attempt, at, level, message)
        SELECT tenant_id, id, id, id, 1, old, 'info', 'x' FROM runs WHERE id = run;
        INSERT INTO notifications (tenant_id, user_id, id, kind, title, message, run_id, created_at)
        SELECT tenant_id, id, id, 'run.failed', 't', 'm', id, old FROM runs WHERE id = run;
    END LOOP;
END
$$";
/// Left of the old runs, tasks, lines and notifications.
const LEFT: &str = "SELECT format('%s %s %s %s',
    (SELECT count(*) FROM orchestration.runs WHERE created_by = id),
    (SELECT count(*) FROM orchestration.tasks WHERE id = run_id),
    (SELECT count(*) FROM orchestration.task_logs WHERE id = run_id),
    (SELECT count(*) FROM orchestration.notifications WHERE id = run_id))";
const OLD_PARTITIONS: &str = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'orchestration' AND c.relkind = 'r' AND c.relname ~ '_\\d{4}_\\d{2}$'
        AND right(c.relname, 7) < to_char(now() - interval '700 days', 'YYYY_MM')";

#[tokio::test(flavor = "multi_thread")]
async fn old_months_are_dropped_old_rows_deleted_and_live_runs_kept() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let run = bench.execute().await;
    bench.sql(OLD_ROWS).await;
    // Retention looks when a replica starts.
    let _replica = bench.replica().await;
    // The run of 400 days ago lives; that of 20 days ago is young, but its lines are older than a week.
    eventually(DEADLINE, "what is old to go", || async {
        (bench.ask::<String>(LEFT).await == "2 2 1 1").then_some(())
    })
    .await;
    assert_eq!(bench.ask::<i64>(OLD_PARTITIONS).await, 0);
    assert_eq!(bench.tasks(&run).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_with_a_live_run_stays_whole() {
    let bench = Bench::new(5, LEASE_MS).await;
    // Why in one statement: the first replica may still be looking.
    let none_ended = OLD_ROWS.replace("THEN NULL ELSE old END", "THEN NULL::timestamptz END");
    sqlx::query(sqlx::AssertSqlSafe(none_ended)).execute(&mut bench.db.admin().await).await.unwrap();
    let _replica = bench.replica().await;
    eventually(DEADLINE, "what is old to go", || async {
        (bench.ask::<String>(LEFT).await == "3 3 3 1").then_some(())
    })
    .await;
    assert_eq!(bench.ask::<i64>(OLD_PARTITIONS).await, 3);
}
