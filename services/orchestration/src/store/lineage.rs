//! The tables `lineage` and `lineage_inputs`: which dataset a task made of which others.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use trinity_access::Path;
use trinity_error::Result;
use trinity_ids::{DatasetId, ProjectId, RunId, TaskId, TenantId, UserId, WorkflowId};

/// What one column of an output was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub column: String,
    pub sources: Vec<Source>,
}

/// A column of an input, by the input's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub input: u32,
    pub column: String,
}

/// An output of a task that completed.
#[derive(Debug, Clone)]
pub struct New {
    pub tenant: TenantId,
    pub run: RunId,
    pub ordinal: i32,
    pub dataset: DatasetId,
    pub name: String,
    /// As JSON.
    pub columns: String,
}

/// Notes outputs in one statement. What they were made from stands with their tasks.
pub async fn insert(tx: &mut PgConnection, new: &[New]) -> Result<()> {
    sqlx::query(
        "WITH made AS (
            INSERT INTO lineage (
                tenant_id, output_dataset_id, run_id, task_id, project_id, ordinal, output_name, input_dataset_ids, columns
            )
            SELECT
                n.tenant_id, n.dataset_id, n.run_id, t.id, r.project_id, n.ordinal, n.name,
                ARRAY(
                    SELECT coalesce(f #>> '{source,dataset_id}', nullif(f ->> 'dataset_id', ''))::uuid
                    FROM json_array_elements(coalesce(t.inputs, '[]')) WITH ORDINALITY AS i (f, place)
                    ORDER BY place
                ) || ARRAY(
                    SELECT (f ->> 'dataset_id')::uuid
                    FROM json_array_elements(t.datasets) WITH ORDINALITY AS d (f, place)
                    ORDER BY place
                ),
                n.columns::json
            FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[])
                AS n (tenant_id, run_id, ordinal, dataset_id, name, columns)
            JOIN tasks AS t ON t.tenant_id = n.tenant_id AND t.run_id = n.run_id AND t.ordinal = n.ordinal
            JOIN runs AS r ON r.tenant_id = n.tenant_id AND r.id = n.run_id
            ON CONFLICT ON CONSTRAINT lineage_pkey DO NOTHING
            RETURNING tenant_id, output_dataset_id, input_dataset_ids
        )
        INSERT INTO lineage_inputs (tenant_id, input_dataset_id, output_dataset_id)
        SELECT DISTINCT m.tenant_id, i.id, m.output_dataset_id
        FROM made AS m
        CROSS JOIN unnest(m.input_dataset_ids) AS i (id)
        WHERE i.id IS NOT NULL",
    )
    .bind(new.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.run).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.ordinal).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.dataset).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.columns.as_str()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// A dataset that a task made.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub output_dataset_id: DatasetId,
    pub output_name: String,
    /// Empty in the place of an input that is not known.
    pub input_dataset_ids: Vec<Option<DatasetId>>,
    #[sqlx(json)]
    pub columns: Vec<Column>,
    pub run_id: RunId,
    pub task_id: TaskId,
    pub workflow_id: Option<WorkflowId>,
    pub place: String,
    pub atom: String,
    pub completed_at: DateTime<Utc>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT
                l.output_dataset_id, l.output_name, l.input_dataset_ids, l.columns, l.run_id, l.task_id, r.workflow_id,
                t.place, t.atom, l.completed_at
            FROM lineage AS l
            JOIN runs AS r ON r.tenant_id = l.tenant_id AND r.id = l.run_id
            JOIN tasks AS t ON t.tenant_id = l.tenant_id AND t.run_id = l.run_id AND t.ordinal = l.ordinal
            ",
            $rest
        )
    };
}

/// What a run made, in the order of its plan.
pub async fn list_of_run(tx: &mut PgConnection, tenant: TenantId, run: RunId, limit: i64) -> Result<Vec<Row>> {
    let statement = select!(
        "WHERE l.tenant_id = $1 AND l.run_id = $2
        ORDER BY l.ordinal, l.output_name, l.output_dataset_id
        LIMIT $3"
    );
    Ok(sqlx::query_as(statement).bind(tenant).bind(run).bind(limit).fetch_all(tx).await?)
}

/// How these datasets of a project were made.
pub async fn list_makers(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    datasets: &[DatasetId],
    limit: i64,
) -> Result<Vec<Row>> {
    let statement = select!(
        "WHERE l.tenant_id = $1 AND l.project_id = $2 AND l.output_dataset_id = ANY ($3)
        ORDER BY l.output_dataset_id
        LIMIT $4"
    );
    Ok(sqlx::query_as(statement).bind(tenant).bind(project).bind(datasets).bind(limit).fetch_all(tx).await?)
}

/// What was made of these datasets in a project.
pub async fn list_made(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    datasets: &[DatasetId],
    limit: i64,
) -> Result<Vec<Row>> {
    let statement = select!(
        "WHERE l.tenant_id = $1 AND l.project_id = $2 AND l.output_dataset_id IN (
            SELECT output_dataset_id FROM lineage_inputs WHERE tenant_id = $1 AND input_dataset_id = ANY ($3)
        )
        ORDER BY l.output_dataset_id
        LIMIT $4"
    );
    Ok(sqlx::query_as(statement).bind(tenant).bind(project).bind(datasets).bind(limit).fetch_all(tx).await?)
}

/// The project in which a dataset was made or read, and who owns it.
pub async fn find_project(
    tx: &mut PgConnection,
    tenant: TenantId,
    dataset: DatasetId,
) -> Result<Option<(ProjectId, Path)>> {
    let found: Option<(ProjectId, UserId)> = sqlx::query_as(
        "SELECT l.project_id, coalesce(r.project_owner_id, r.created_by)
        FROM lineage AS l
        JOIN runs AS r ON r.tenant_id = l.tenant_id AND r.id = l.run_id
        WHERE l.tenant_id = $1
            AND (
                l.output_dataset_id = $2
                OR l.output_dataset_id IN (
                    SELECT output_dataset_id FROM lineage_inputs WHERE tenant_id = $1 AND input_dataset_id = $2
                )
            )
        ORDER BY l.run_id DESC
        LIMIT 1",
    )
    .bind(tenant)
    .bind(dataset)
    .fetch_optional(tx)
    .await?;
    Ok(found.map(|(project, owner)| (project, Path::project(project, owner))))
}
