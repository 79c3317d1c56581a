//! Two tenants: neither sees nor touches what is the other's, by RPC or by SQL.

use sqlx::{Connection, PgConnection};
use trinity_error::{Code, Error};
use trinity_ids::WorkflowId;
use trinity_proto::workflow as pb;
use trinity_proto::workflow::find_place_request::Thing;
use trinity_proto::workflow::placement_service_client::PlacementServiceClient;

use crate::stage::{Person, Stage, answer, new_workflow, next_version, noops};

/// Everything that a person can ask of a workflow.
pub async fn all_answers(stage: &Stage, person: &Person, id: &str) -> Vec<Error> {
    let id = || id.to_owned();
    let client = || stage.client.clone();
    let rename = pb::UpdateWorkflowRequest { workflow_id: id(), name: Some("Mine".to_owned()), ..Default::default() };
    let save = pb::SaveCanvasRequest { workflow_id: id(), ..new_workflow(person, "Mine", &noops(&["x"]).to_string()) };
    let answers = [
        stage.get(person, &id()).await.map(|_| ()),
        stage.save(person, save).await.map(|_| ()),
        answer(client().update_workflow(person.asks(rename)).await).map(|_| ()),
        answer(client().delete_workflow(person.asks(pb::DeleteWorkflowRequest { workflow_id: id() })).await)
            .map(|_| ()),
        answer(client().restore_workflow(person.asks(pb::RestoreWorkflowRequest { workflow_id: id() })).await)
            .map(|_| ()),
        answer(
            client()
                .validate_workflow(person.asks(pb::ValidateWorkflowRequest { workflow_id: id(), version: None }))
                .await,
        )
        .map(|_| ()),
        answer(
            client()
                .list_versions(person.asks(pb::ListVersionsRequest { workflow_id: id(), ..Default::default() }))
                .await,
        )
        .map(|_| ()),
        answer(client().get_version(person.asks(pb::GetVersionRequest { workflow_id: id(), version: 1 })).await)
            .map(|_| ()),
        answer(
            PlacementServiceClient::new(stage.channel.clone())
                .move_workflow(person.asks(pb::MoveWorkflowRequest { workflow_id: id(), folder_id: String::new() }))
                .await,
        )
        .map(|_| ()),
        answer(client().check_out(person.asks(pb::CheckOutRequest { workflow_id: id() })).await).map(|_| ()),
        answer(client().check_in(person.asks(pb::CheckInRequest { workflow_id: id(), ..Default::default() })).await)
            .map(|_| ()),
    ];
    answers.into_iter().map(Result::unwrap_err).collect()
}

/// Answers about what is not to be seen, beside answers about what is not there.
pub fn assert_alike(hidden: &[Error], random: &[Error]) {
    assert_eq!(hidden.len(), random.len());
    for (hidden, random) in hidden.iter().zip(random) {
        assert_eq!((hidden.code(), hidden.reason()), (Code::NotFound, "WORKFLOW_NOT_FOUND"));
        assert_eq!((hidden.reason(), hidden.to_string()), (random.reason(), random.to_string()));
        assert_eq!(tonic::Status::from(hidden.again()).details(), tonic::Status::from(random.again()).details());
    }
}

/// Asks, in another service's name, where a workflow of the person's tenant stands.
pub async fn locate(stage: &Stage, person: &Person, id: &str) -> Result<pb::FindPlaceResponse, Error> {
    let thing = Some(Thing::WorkflowId(id.to_owned()));
    let message = pb::FindPlaceRequest { tenant_id: person.tenant.into(), thing };
    answer(PlacementServiceClient::new(stage.channel.clone()).find_place(stage.by_service(message)).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_answers_as_what_does_not_exist() {
    let stage = Stage::new().await;
    let (one, two) = (stage.editor(), stage.editor());
    let workflow = stage.saved(&one, "Ours", &noops(&["a"])).await;
    let random = WorkflowId::new().to_string();
    assert_alike(&all_answers(&stage, &two, &workflow.id).await, &all_answers(&stage, &two, &random).await);
    let located = locate(&stage, &one, &workflow.id).await.unwrap();
    assert_eq!((located.owner_id, located.project_id), (one.user.to_string(), one.project.to_string()));
    for id in [&workflow.id, &random] {
        assert_eq!(locate(&stage, &two, id).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
        assert_eq!(stage.plan(&two, id, None).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
    }
    let list = pb::ListWorkflowsRequest { project_id: one.project.into(), ..Default::default() };
    let error = answer(stage.client.clone().list_workflows(two.asks(list)).await).unwrap_err();
    assert_eq!(error.reason(), "PROJECT_NOT_FOUND");
    let into = next_version(&workflow, &noops(&["x"]).to_string());
    assert_eq!(stage.save(&two, into).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
    assert_eq!(stage.get(&one, &workflow.id).await.unwrap().name, "Ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_level_security_denies_what_queries_forget() {
    let stage = Stage::new().await;
    let (one, two) = (stage.editor(), stage.editor());
    let workflow = stage.saved(&one, "Ours", &noops(&["a"])).await;
    let mut serving = PgConnection::connect(stage.db.url()).await.unwrap();
    for table in ["workflows", "workflow_versions", "workflow_atoms", "project_canvases", "workflow_executions"] {
        let seen = |tenant: String| {
            format!("SELECT set_config('app.tenant_id', '{tenant}', false); SELECT count(*) FROM {table}")
        };
        assert_eq!(count(&mut serving, seen(two.tenant.to_string())).await, 0, "{table}");
        assert_eq!(count(&mut serving, seen(String::new())).await, 0, "{table}");
        let own = count(&mut serving, seen(one.tenant.to_string())).await;
        assert_eq!(own, i64::from(table != "workflow_executions"), "{table}");
    }
    let context = format!("SET app.tenant_id = '{}'", two.tenant);
    sqlx::raw_sql(sqlx::AssertSqlSafe(context)).execute(&mut serving).await.unwrap();
    let stolen = sqlx::query("UPDATE workflows SET name = 'stolen'").execute(&mut serving).await.unwrap();
    assert_eq!(stolen.rows_affected(), 0);
    let planted = sqlx::query(
        "INSERT INTO workflow_executions (tenant_id, workflow_id, run_id, executed_at)
        VALUES ($1::uuid, $2::uuid, gen_random_uuid(), now())",
    );
    let error = planted.bind(one.tenant.uuid()).bind(&workflow.id).execute(&mut serving).await.unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
}

async fn count(connection: &mut PgConnection, script: String) -> i64 {
    let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(script)).fetch_all(connection).await.unwrap();
    sqlx::Row::get(rows.last().unwrap(), 0)
}
