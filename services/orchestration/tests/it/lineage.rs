//! Lineage: what was made of what, for who may see it, and as OpenLineage tells it.

use std::path::Path;

use serde_json::{Value, json};
use trinity_error::{Code, Error};
use trinity_ids::{DatasetId, TenantId, UserId};
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::lineage_service_client::LineageServiceClient;
use trinity_rpc::Channel;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE, Worker, request_with};
use crate::peers::task;
use crate::receiver::Receiver;

const LEASE_MS: u32 = 60_000;

fn lineage(bench: &Bench) -> LineageServiceClient<Channel> {
    LineageServiceClient::new(bench.channel())
}

/// A table made of one column of the first input.
fn output(name: &str, from: &str) -> pb::OutputFile {
    let source = pb::ColumnSource { input: 0, column: from.to_owned() };
    pb::OutputFile {
        name: name.to_owned(),
        storage_key: format!("key/{name}"),
        rows: 5,
        size_bytes: 7,
        content_hash: "00".to_owned(),
        lineage: vec![pb::ColumnLineage { column: "b".to_owned(), sources: vec![source] }],
        ..pb::OutputFile::default()
    }
}

/// Runs three tasks in a row; the last makes two tables.
async fn run(bench: &Bench, worker: &mut Worker) -> String {
    bench.plan(vec![task("read", &[]), task("clean", &[0]), task("split", &[1])]);
    let run = bench.execute().await;
    for outputs in
        [vec![output("raw", "x")], vec![output("data", "a")], vec![output("left", "b"), output("right", "b")]]
    {
        let next = worker.task().await;
        worker.complete_with(&next, outputs);
    }
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    run
}

async fn of_run(bench: &Bench, run: &str) -> Vec<pb::LineageStep> {
    let message = pb::GetRunLineageRequest { run_id: run.to_owned() };
    lineage(bench).get_run_lineage(bench.request(message)).await.unwrap().into_inner().steps
}

async fn of_dataset(
    bench: &Bench,
    dataset: &str,
    direction: pb::LineageDirection,
    depth: u32,
) -> pb::GetDatasetLineageResponse {
    let message = pb::GetDatasetLineageRequest { dataset_id: dataset.to_owned(), direction: direction.into(), depth };
    lineage(bench).get_dataset_lineage(bench.request(message)).await.unwrap().into_inner()
}

fn names(answer: &pb::GetDatasetLineageResponse) -> Vec<&str> {
    answer.steps.iter().map(|step| step.output_name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_shows_what_it_made_of_what_and_a_dataset_is_followed_both_ways() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut worker = bench.worker(1).await;
    let run = run(&bench, &mut worker).await;
    let steps = of_run(&bench, &run).await;
    let [raw, data, left, right] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((raw.place.as_str(), raw.output_name.as_str(), raw.input_dataset_ids.len()), ("read", "raw", 0));
    assert_eq!(data.input_dataset_ids, std::slice::from_ref(&raw.output_dataset_id));
    assert_eq!(
        (&left.input_dataset_ids, &right.input_dataset_ids),
        (&vec![data.output_dataset_id.clone()], &left.input_dataset_ids)
    );
    assert_eq!(data.columns[0].sources[0], pb::ColumnSource { input: 0, column: "a".to_owned() });
    let registered = bench.peers.registered.lock().unwrap().clone();
    assert!(registered.iter().any(|output| output.dataset_id == left.output_dataset_id));

    let (up, down) = (pb::LineageDirection::Up, pb::LineageDirection::Down);
    let all = of_dataset(&bench, &left.output_dataset_id, up, 0).await;
    assert_eq!((names(&all), all.truncated), (vec!["left", "data", "raw"], false));
    let near = of_dataset(&bench, &left.output_dataset_id, up, 2).await;
    assert_eq!((names(&near), near.truncated), (vec!["left", "data"], true));
    let all = of_dataset(&bench, &raw.output_dataset_id, down, 0).await;
    let mut found = names(&all);
    found[1..].sort_unstable();
    assert_eq!((found, all.truncated), (vec!["data", "left", "right"], false));
    let near = of_dataset(&bench, &raw.output_dataset_id, down, 1).await;
    assert_eq!((names(&near), near.truncated), (vec!["data"], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_dataset_gets_what_a_random_id_gets() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut worker = bench.worker(1).await;
    let run = run(&bench, &mut worker).await;
    let dataset = of_run(&bench, &run).await[0].output_dataset_id.clone();
    let outsider = bench.person(UserId::new(), "member", &[]);
    let message = |id: &str| pb::GetDatasetLineageRequest { dataset_id: id.to_owned(), ..Default::default() };
    let ask = |request: tonic::Request<pb::GetDatasetLineageRequest>| async {
        Error::from(lineage(&bench).get_dataset_lineage(request).await.map(|_| ()).unwrap_err())
    };
    let hidden = ask(request_with(&outsider, message(&dataset))).await;
    let foreign = ask(bench.request_of(TenantId::new(), message(&dataset))).await;
    let random = ask(bench.request(message(&DatasetId::new().to_string()))).await;
    for error in [hidden, foreign, random] {
        assert_eq!((error.code(), error.reason()), (Code::NotFound, "DATASET_NOT_FOUND"));
    }
    let request = pb::GetRunLineageRequest { run_id: run };
    let hidden = lineage(&bench).get_run_lineage(request_with(&outsider, request)).await.unwrap_err();
    assert_eq!(hidden.code(), tonic::Code::NotFound);
    let deep = pb::GetDatasetLineageRequest { depth: 21, ..message(&dataset) };
    assert_eq!(ask(bench.request(deep)).await.violations()[0].field, "depth");
}

/// What of the published schema concerns the events that are sent.
/// Source: <https://openlineage.io/spec/2-0-2/OpenLineage.json>, `$defs` RunEvent, BaseEvent, Run, Job, Dataset and BaseFacet,
/// and the facets ParentRunFacet 1-0-1, ErrorMessageRunFacet 1-0-0, ColumnLineageDatasetFacet 1-0-1 and
/// OutputStatisticsOutputDatasetFacet 1-0-2.
fn schema() -> Value {
    let facets = |known: Value| json!({ "type": "object", "properties": known, "additionalProperties": { "$ref": "#/$defs/facet" } });
    let facet = |properties: Value, required: Value| json!({ "allOf": [{ "$ref": "#/$defs/facet" }, { "type": "object", "properties": properties, "required": required }] });
    let text = json!({ "type": "string" });
    let uri = json!({ "type": "string", "format": "uri" });
    let uuid = json!({ "type": "string", "format": "uuid" });
    let run_id = json!({ "type": "object", "properties": { "runId": uuid }, "required": ["runId"] });
    let job_name = json!({ "type": "object", "properties": { "namespace": text, "name": text }, "required": ["namespace", "name"] });
    let field = json!({
        "type": "object",
        "properties": { "namespace": text, "name": text, "field": text },
        "required": ["namespace", "name", "field"],
    });
    let fields = json!({
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": { "inputFields": { "type": "array", "items": field } },
            "required": ["inputFields"],
        },
    });
    let dataset = |own: &str, known: Value| {
        json!({
            "type": "object",
            "properties": {
                "namespace": text,
                "name": text,
                "facets": facets(json!({ "columnLineage": facet(json!({ "fields": fields }), json!(["fields"])) })),
                own: facets(known),
            },
            "required": ["namespace", "name"],
        })
    };
    let statistics = facet(json!({ "rowCount": { "type": "integer" }, "size": { "type": "integer" } }), json!([]));
    let parent = facet(json!({ "run": run_id, "job": job_name }), json!(["run", "job"]));
    let error =
        facet(json!({ "message": text, "programmingLanguage": text }), json!(["message", "programmingLanguage"]));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "facet": {
                "type": "object",
                "properties": { "_producer": uri, "_schemaURL": uri },
                "required": ["_producer", "_schemaURL"],
            },
        },
        "type": "object",
        "properties": {
            "eventType": { "enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"] },
            "eventTime": { "type": "string", "format": "date-time" },
            "producer": uri,
            "schemaURL": uri,
            "run": {
                "type": "object",
                "properties": { "runId": uuid, "facets": facets(json!({ "parent": parent, "errorMessage": error })) },
                "required": ["runId"],
            },
            "job": {
                "type": "object",
                "properties": { "namespace": text, "name": text, "facets": facets(json!({})) },
                "required": ["namespace", "name"],
            },
            "inputs": { "type": "array", "items": dataset("inputFacets", json!({})) },
            "outputs": { "type": "array", "items": dataset("outputFacets", json!({ "outputStatistics": statistics })) },
        },
        "required": ["run", "job", "eventTime", "producer", "schemaURL"],
    })
}

fn assert_valid(events: &[Value]) {
    let validator = jsonschema::options().should_validate_formats(true).build(&schema()).unwrap();
    for event in events {
        let faults: Vec<_> = validator.iter_errors(event).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?} {event:#}");
    }
}

fn read(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Type and last part of the job's name of each event.
fn told(events: &[Value]) -> Vec<String> {
    let of = |event: &Value| {
        let name = event["job"]["name"].as_str().unwrap();
        let place = name.split_once('.').map_or("run", |(_, place)| place);
        format!("{} {place}", event["eventType"].as_str().unwrap())
    };
    events.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_gets_valid_events_of_runs_and_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lineage.ndjson");
    let url = format!("file://{}", file.display());
    let bench = Bench::with(5, LEASE_MS, |config| config.openlineage_url = Some(url)).await;
    bench.open_outbox();
    let mut worker = bench.worker(1).await;
    let run = run(&bench, &mut worker).await;
    let events =
        eventually(DEADLINE, "the events", || async { Some(read(&file)).filter(|events| events.len() >= 8) }).await;
    assert_valid(&events);
    let expected = [
        "START run",
        "START read",
        "COMPLETE read",
        "START clean",
        "COMPLETE clean",
        "START split",
        "COMPLETE split",
        "COMPLETE run",
    ];
    assert_eq!(told(&events), expected);
    assert!(events.iter().all(|event| event["schemaURL"].as_str().unwrap().contains("2-0-2")));
    let clean = &events[4];
    assert_eq!(clean["run"]["facets"]["parent"]["run"]["runId"], run);
    let (input, output) = (&clean["inputs"][0], &clean["outputs"][0]);
    assert_eq!(output["outputFacets"]["outputStatistics"]["rowCount"], 5);
    let source = &output["facets"]["columnLineage"]["fields"]["b"]["inputFields"][0];
    assert_eq!((&source["name"], &source["field"]), (&input["name"], &"a".into()));
    assert_eq!(events[6]["inputs"][0]["name"], output["name"]);

    // A failure says why.
    let mut once = task("bad", &[]);
    once.max_attempts = 1;
    bench.plan(vec![once]);
    bench.execute().await;
    let next = worker.task().await;
    worker.fail(&next, false);
    let events =
        eventually(DEADLINE, "the events", || async { Some(read(&file)).filter(|events| events.len() >= 12) }).await;
    assert_valid(&events);
    assert_eq!(told(&events[8..]), ["START run", "START bad", "FAIL bad", "FAIL run"]);
    assert_eq!(events[10]["run"]["facets"]["errorMessage"]["message"], "it is bad");
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.lineage_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_is_told_later() {
    let receiver = Receiver::start(&[500, 200, 503]).await;
    let url = receiver.url.clone();
    let bench = Bench::with(5, LEASE_MS, |config| config.openlineage_url = Some(url)).await;
    bench.open_outbox();
    bench.plan(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let next = worker.task().await;
    worker.complete(&next);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    eventually(DEADLINE, "all to be told", || async {
        let waiting: i64 = bench
            .ask("SELECT (SELECT count(*) FROM orchestration.lineage_events) + (SELECT count(*) FROM orchestration.outbox)")
            .await;
        (waiting == 0).then_some(())
    })
    .await;
    let events: Vec<Value> = receiver.posts().iter().map(|post| serde_json::from_str(&post.body).unwrap()).collect();
    assert_valid(&events);
    for expected in ["START run", "START a", "COMPLETE a", "COMPLETE run"] {
        assert!(told(&events).iter().any(|one| one == expected), "{expected} {events:?}");
    }
    assert!(events.len() >= 6, "two were told again");
}
