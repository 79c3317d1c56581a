//! The books: what must hold afterwards, asked of the API and of the tables.

use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;
use trinity_stack_tests::Installation;
use trinity_testkit::eventually;

use crate::load::Load;

/// How long everything may take to come to its end once it is left in peace.
const PEACE: Duration = Duration::from_secs(180);

/// Statements that count what must not be there.
const NONE: [(&str, &str); 8] = [
    ("runs did not succeed", "SELECT count(*) FROM orchestration.runs WHERE status <> 'succeeded'"),
    (
        "tasks have no end",
        "SELECT count(*) FROM orchestration.tasks WHERE status NOT IN ('completed', 'skipped') OR completed_at IS NULL",
    ),
    ("leases or tasks are left in the queue", "SELECT count(*) FROM orchestration.queue"),
    ("runs wait to be started", "SELECT count(*) FROM orchestration.starts"),
    (
        "runs have counts that do not add up",
        "SELECT count(*) FROM orchestration.runs AS r
        WHERE (SELECT sum(value::bigint) FROM json_each_text(r.result -> 'tasks'))
            IS DISTINCT FROM (SELECT count(*) FROM orchestration.tasks AS t WHERE t.tenant_id = r.tenant_id AND t.run_id = r.id)",
    ),
    (
        "runs were told to have ended not once",
        "SELECT count(*) FROM (
            SELECT r.id FROM orchestration.runs AS r
            LEFT JOIN audit.events AS e ON e.tenant_id = r.tenant_id AND e.object_id = r.id::text AND e.action = 'run.succeed'
            GROUP BY r.id HAVING count(e.id) <> 1
        ) AS odd",
    ),
    (
        "outputs have not exactly one dataset",
        "SELECT count(*) FROM orchestration.tasks AS t
        CROSS JOIN LATERAL json_array_elements(coalesce(t.outputs, '[]')) AS o
        WHERE (SELECT count(*) FROM registry.datasets AS d WHERE d.tenant_id = t.tenant_id AND d.id = (o ->> 'dataset_id')::uuid) <> 1",
    ),
    (
        "runs of a tree stand in another tenant or project than what started them",
        "SELECT count(*) FROM orchestration.runs AS r
        JOIN orchestration.runs AS p ON p.id = r.parent_run_id
        WHERE p.tenant_id <> r.tenant_id OR p.project_id <> r.project_id",
    ),
];

/// Waits until all has ended, and names everything that is wrong.
pub async fn check(installation: &Installation, load: &Load) -> Vec<String> {
    let mut faults = Vec::new();
    if let Err(left) = all_ended(installation).await {
        faults.push(format!("after {} s of peace, {left} runs, starts or events are not done", PEACE.as_secs()));
    }
    let mut admin = installation.db.admin().await;
    for (what, statement) in NONE {
        match count(&mut admin, statement).await {
            Ok(0) => {}
            Ok(found) => faults.push(format!("{found} {what}")),
            Err(error) => faults.push(format!("\"{what}\" cannot be asked: {error}")),
        }
    }
    let accepted: Vec<uuid::Uuid> = load.accepted.iter().map(|(_, run)| run.parse().expect("an id")).collect();
    let found: i64 = sqlx::query_scalar("SELECT count(*) FROM orchestration.runs WHERE id = ANY($1)")
        .bind(&accepted)
        .fetch_one(&mut admin)
        .await
        .expect("an answer");
    if usize::try_from(found).ok() != Some(accepted.len()) {
        faults.push(format!("of {} accepted runs {found} exist", accepted.len()));
    }
    for api in load.apis() {
        let verdict = api.post("/audit/verify", json!({})).await;
        if verdict.body["data"]["valid"] != true {
            faults.push(format!("the audit chain does not hold: {}", verdict.body));
        }
    }
    let (runs, again) = (
        count(&mut admin, "SELECT count(*) FROM orchestration.runs").await.unwrap_or_default(),
        count(&mut admin, "SELECT count(*) FROM orchestration.tasks WHERE attempt > 1").await.unwrap_or_default(),
    );
    println!("{runs} runs in all, {again} tasks in more than one attempt");
    if !faults.is_empty() {
        describe(&mut admin).await;
    }
    faults
}

/// Waits until nothing is under way any more; else says how much is.
async fn all_ended(installation: &Installation) -> Result<(), i64> {
    let begun = std::time::Instant::now();
    let mut left = 0;
    while begun.elapsed() < PEACE {
        let statement = "SELECT (SELECT count(*) FROM orchestration.runs WHERE completed_at IS NULL)
            + (SELECT count(*) FROM orchestration.starts)
            + (SELECT count(*) FROM orchestration.outbox)";
        left = eventually(PEACE, "Postgres", || async {
            let mut connection = installation.db.admin().await;
            count(&mut connection, statement).await.ok()
        })
        .await;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(left)
}

/// Shows what went wrong, for whoever looks into it.
async fn describe(admin: &mut PgConnection) {
    let statement = "SELECT concat_ws(' ', r.id, r.status, r.error_task, r.error_code, r.error_message,
            (SELECT string_agg(concat_ws(':', t.place, t.status, t.attempt, t.losses), ' ') FROM orchestration.tasks AS t
            WHERE t.tenant_id = r.tenant_id AND t.run_id = r.id))
        FROM orchestration.runs AS r WHERE r.status <> 'succeeded' LIMIT 10";
    let rows: Vec<String> = sqlx::query_scalar(statement).fetch_all(admin).await.unwrap_or_default();
    for row in rows {
        println!("  {row}");
    }
}

async fn count(admin: &mut PgConnection, statement: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(statement).fetch_one(admin).await
}
