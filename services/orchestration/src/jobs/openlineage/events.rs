//! OpenLineage's words for runs and tasks. Pure: rows in, documents out.
//!
//! Source: <https://openlineage.io/spec/2-0-2/OpenLineage.json> and the facets below <https://openlineage.io/spec/facets/>.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use trinity_ids::{DatasetId, TenantId};

use crate::store::lineage_event::{Made, Run, Task};

const PRODUCER: &str = concat!("urn:trinity:orchestration:", env!("CARGO_PKG_VERSION"));
const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const FACETS: &str = "https://openlineage.io/spec/facets";

/// What there is to tell of a start or an end of a run, in order.
#[must_use]
pub fn all(run: &Run, kind: &str, tasks: &[Task], made: &[Made]) -> Vec<Value> {
    let at = if kind == "START" { run.created_at } else { run.completed_at.unwrap_or(run.created_at) };
    let mut events: Vec<Value> = tasks.iter().flat_map(|task| of_task(run, task, made)).collect();
    events.push(event(kind, at, &json!({ "runId": run.id, "facets": run_facets(run, kind) }), &job(run, None)));
    events
}

/// The start and, if it has ended, the end of a task.
fn of_task(run: &Run, task: &Task, made: &[Made]) -> Vec<Value> {
    let parent = facet("1-0-1/ParentRunFacet", json!({ "run": { "runId": run.id }, "job": job(run, None) }));
    let mut about = json!({ "runId": task.id, "facets": { "parent": parent } });
    let name = job(run, Some(&task.place));
    let mut events = vec![event("START", task.started_at, &about, &name)];
    let (Some(kind), Some(at)) = (ending(&task.status), task.completed_at) else { return events };
    if kind == "FAIL" {
        about["facets"]["errorMessage"] = error(task.error_message.as_deref());
    }
    let own: Vec<&Made> = made.iter().filter(|one| one.task_id == task.id).collect();
    // Why only then: a task says how many rows all its outputs have together.
    let rows = task.rows_out.filter(|_| own.len() == 1);
    let mut end = event(kind, at, &about, &name);
    end["inputs"] = inputs(run.tenant_id, &own).into();
    end["outputs"] = own.iter().map(|one| output(run.tenant_id, rows, one)).collect::<Vec<_>>().into();
    events.push(end);
    events
}

fn ending(status: &str) -> Option<&'static str> {
    match status {
        "completed" => Some("COMPLETE"),
        "failed" => Some("FAIL"),
        "cancelled" => Some("ABORT"),
        _ => None,
    }
}

fn event(kind: &str, at: DateTime<Utc>, run: &Value, job: &Value) -> Value {
    json!({
        "eventType": kind,
        "eventTime": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "run": run,
        "job": job,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    })
}

/// A run's facets: the run above it, and why it failed.
fn run_facets(run: &Run, kind: &str) -> Map<String, Value> {
    let mut facets = Map::new();
    if let Some((id, target)) = run.parent_run_id.zip(run.parent_target_id) {
        let job = json!({ "namespace": namespace(run), "name": target.to_string() });
        facets
            .insert("parent".to_owned(), facet("1-0-1/ParentRunFacet", json!({ "run": { "runId": id }, "job": job })));
    }
    if kind == "FAIL" {
        facets.insert("errorMessage".to_owned(), error(run.error_message.as_deref()));
    }
    facets
}

/// A workflow or job, or a task's place in it, by its id: names may change.
fn job(run: &Run, place: Option<&str>) -> Value {
    let name = place.map_or_else(|| run.target_id.to_string(), |place| format!("{}.{place}", run.target_id));
    json!({ "namespace": namespace(run), "name": name })
}

fn namespace(run: &Run) -> String {
    format!("trinity/{}/{}", run.tenant_id, run.project_id)
}

fn error(message: Option<&str>) -> Value {
    let body = json!({ "message": message.unwrap_or_default(), "programmingLanguage": "unknown" });
    facet("1-0-0/ErrorMessageRunFacet", body)
}

fn inputs(tenant: TenantId, made: &[&Made]) -> Vec<Value> {
    let mut ids: Vec<DatasetId> = made.iter().flat_map(|one| one.input_dataset_ids.iter().copied().flatten()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| dataset(tenant, id)).collect()
}

fn dataset(tenant: TenantId, id: DatasetId) -> Value {
    json!({ "namespace": format!("trinity/{tenant}"), "name": id.to_string() })
}

fn output(tenant: TenantId, rows: Option<i64>, made: &Made) -> Value {
    let mut output = dataset(tenant, made.output_dataset_id);
    if !made.columns.is_empty() {
        output["facets"] = json!({ "columnLineage": column_lineage(tenant, made) });
    }
    if let Some(rows) = rows {
        let statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet", json!({ "rowCount": rows }));
        output["outputFacets"] = json!({ "outputStatistics": statistics });
    }
    output
}

fn column_lineage(tenant: TenantId, made: &Made) -> Value {
    let fields: BTreeMap<&str, Value> = made
        .columns
        .iter()
        .map(|column| {
            let sources = column.sources.iter().filter_map(|source| {
                let place = usize::try_from(source.input).ok()?;
                let mut field = dataset(tenant, (*made.input_dataset_ids.get(place)?)?);
                field["field"] = source.column.clone().into();
                Some(field)
            });
            (column.column.as_str(), json!({ "inputFields": sources.collect::<Vec<_>>() }))
        })
        .collect();
    facet("1-0-1/ColumnLineageDatasetFacet", json!({ "fields": fields }))
}

fn facet(schema: &str, mut body: Value) -> Value {
    let name = schema.split('/').next_back().unwrap_or_default();
    body["_producer"] = PRODUCER.into();
    body["_schemaURL"] = format!("{FACETS}/{schema}.json#/$defs/{name}").into();
    body
}
