//! The table `workflow_atoms`: what the newest version of each workflow uses.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{TenantId, WorkflowId};

use crate::domain::plan::{Plan, Task};

/// Puts the atoms of a plan in the place of those of the version before.
pub async fn replace(tx: &mut PgConnection, tenant: TenantId, workflow: WorkflowId, plan: &Plan) -> Result<()> {
    sqlx::query("DELETE FROM workflow_atoms WHERE tenant_id = $1 AND workflow_id = $2")
        .bind(tenant)
        .bind(workflow)
        .execute(&mut *tx)
        .await?;
    if plan.tasks.is_empty() {
        return Ok(());
    }
    let of_canvas = || plan.tasks.iter().filter(|task| !task.is_join());
    let column = |value: fn(&Task) -> String| of_canvas().map(value).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO workflow_atoms (tenant_id, workflow_id, position, place, atom, atom_version, config)
        SELECT $1, $2, task.position, task.place, task.atom, task.atom_version, task.config::json
        FROM UNNEST($3::text[], $4::text[], $5::text[], $6::text[])
            WITH ORDINALITY AS task (place, atom, atom_version, config, position)",
    )
    .bind(tenant)
    .bind(workflow)
    .bind(column(|task| task.place.clone()))
    .bind(column(|task| task.atom.clone()))
    .bind(column(|task| task.atom_version.clone()))
    .bind(column(|task| task.config.get().to_owned()))
    .execute(tx)
    .await?;
    Ok(())
}
