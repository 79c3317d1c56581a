//! Two tenants: neither sees nor touches what is the other's, by RPC or by SQL.

use sqlx::{Connection, PgConnection};
use trinity_error::{Code, Error};
use trinity_ids::WorkflowId;
use trinity_proto::workflow as pb;

use crate::stage::{Person, Stage, answer, new_workflow, next_version, noops};

/// Everything that can be asked of a workflow.
async fn all_answers(stage: &Stage, person: &Person, id: &str) -> Vec<Error> {
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
        answer(client().check_out(person.asks(pb::CheckOutRequest { workflow_id: id() })).await).map(|_| ()),
        answer(client().check_in(person.asks(pb::CheckInRequest { workflow_id: id(), ..Default::default() })).await)
            .map(|_| ()),
        stage.plan(person, &id(), None).await.map(|_| ()),
    ];
    answers.into_iter().map(Result::unwrap_err).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_answers_as_what_does_not_exist() {
    let stage = Stage::new().await;
    let (one, two) = (stage.editor(), stage.editor());
    let workflow = stage.saved(&one, "Ours", &noops(&["a"])).await;
    let foreign = all_answers(&stage, &two, &workflow.id).await;
    let random = all_answers(&stage, &two, &WorkflowId::new().to_string()).await;
    for (foreign, random) in foreign.iter().zip(&random) {
        assert_eq!(foreign.code(), Code::NotFound);
        assert_eq!((foreign.reason(), foreign.to_string()), (random.reason(), random.to_string()));
    }
    let list = pb::ListWorkflowsRequest { project_id: one.project.into(), ..Default::default() };
    let error = answer(stage.client.clone().list_workflows(two.asks(list)).await).unwrap_err();
    assert_eq!(error.reason(), "PROJECT_NOT_FOUND");
    let into = next_version(&workflow, &noops(&["x"]).to_string());
    assert_eq!(stage.save(&two, into).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
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
