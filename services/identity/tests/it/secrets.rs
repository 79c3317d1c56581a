//! Environment variables: sealed under the tenant's key, at their place, and never in clear anywhere else.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tonic::{Code, Status};
use trinity_identity::Config;
use trinity_proto::identity::{
    DeleteVariableRequest, DestroyTenantKeyRequest, ListVariablesRequest, LoginResponse, RevealVariablesRequest,
    SetVariableRequest,
};
use trinity_rpc::Service;
use trinity_testkit::eventually;

use crate::access::id_of;
use crate::stack::{READY_LIMIT, Stack, by, environment_of, field, reason, tenant_of, wait_ready};

const VALUE: &str = "correct-horse-9f31";

impl Stack {
    pub async fn set(&self, login: &LoginResponse, name: &str, value: &str) -> Result<(), Status> {
        let request = SetVariableRequest { name: name.to_owned(), value: value.to_owned() };
        self.environment().set_variable(by(login, request)).await.map(|_| ())
    }

    async fn names(&self, login: &LoginResponse) -> Vec<String> {
        let answer = self.environment().list_variables(by(login, ListVariablesRequest {})).await.unwrap();
        answer.into_inner().variables.into_iter().map(|variable| variable.name).collect()
    }

    fn ask(&self, login: &LoginResponse, names: &[&str]) -> tonic::Request<RevealVariablesRequest> {
        self.by_service(RevealVariablesRequest {
            tenant_id: tenant_of(login),
            user_id: id_of(login),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    async fn reveal(&self, login: &LoginResponse, names: &[&str]) -> Result<HashMap<String, String>, Status> {
        Ok(self.environment().reveal_variables(self.ask(login, names)).await?.into_inner().values)
    }

    async fn reveal_by(&self, service: &Service, login: &LoginResponse) -> Result<HashMap<String, String>, Status> {
        Ok(environment_of(service).reveal_variables(self.ask(login, &[])).await?.into_inner().values)
    }

    async fn destroy(&self, tenant_id: &str) -> Result<(), Status> {
        let request = self.by_staff(DestroyTenantKeyRequest { tenant_id: tenant_id.to_owned() });
        self.environment().destroy_tenant_key(request).await.map(|_| ())
    }
}

fn pairs(values: &[(&str, &str)]) -> HashMap<String, String> {
    values.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_is_set_listed_revealed_to_services_and_deleted() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    stack.set(&owner, "TOKEN", "first").await.unwrap();
    stack.set(&owner, "TOKEN", VALUE).await.unwrap();
    stack.set(&owner, "URL", "https://x.example").await.unwrap();
    assert_eq!(stack.names(&owner).await, ["TOKEN", "URL"]);
    assert!(stack.names(&ada).await.is_empty());
    let all = pairs(&[("TOKEN", VALUE), ("URL", "https://x.example")]);
    assert_eq!(stack.reveal(&owner, &[]).await.unwrap(), all);
    assert_eq!(stack.reveal(&owner, &["TOKEN", "NONE"]).await.unwrap(), pairs(&[("TOKEN", VALUE)]));
    assert!(stack.reveal(&ada, &[]).await.unwrap().is_empty());
    let request = stack.ask(&owner, &[]).into_inner();
    let refused = stack.environment().reveal_variables(by(&owner, request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "not even the user sees them again");

    let gone = DeleteVariableRequest { name: "TOKEN".to_owned() };
    stack.environment().delete_variable(by(&owner, gone.clone())).await.unwrap();
    assert_eq!(stack.names(&owner).await, ["URL"]);
    let again = stack.environment().delete_variable(by(&owner, gone)).await.unwrap_err();
    assert_eq!(reason(&again), "VARIABLE_NOT_FOUND");
    let long = "x".repeat(32 * 1024 + 1);
    for (name, value, at_fault) in
        [("token", "v", "name"), ("1A", "v", "name"), ("", "v", "name"), ("A", "", "value"), ("A", &long, "value")]
    {
        let status = stack.set(&owner, name, value).await.unwrap_err();
        assert_eq!(field(&status), at_fault);
        assert!(!format!("{status:?}").contains(&long));
    }
    stack.set(&owner, "A", &long[1..]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_table_holds_a_value_in_clear() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.set(&owner, "TOKEN", VALUE).await.unwrap();
    let mut admin = stack.db.admin().await;
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'identity'")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    assert!(tables.contains(&"variables".to_owned()) && tables.contains(&"outbox".to_owned()));
    let in_hex = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for table in tables {
        let query =
            sqlx::AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM identity.{table} AS t"));
        let text: String = sqlx::query_scalar(query).fetch_one(&mut admin).await.unwrap();
        assert!(!text.contains(VALUE) && !text.contains(&in_hex), "{table} holds the value");
    }
    let told = stack.events_of("variable.set").await;
    assert_eq!((told.len(), told[0].3.as_str()), (1, "TOKEN"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_moved_to_another_place_does_not_open() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    let foreign = stack.tenant("other").await;
    for (login, value) in [(&owner, VALUE), (&ada, "hers"), (&foreign, "theirs")] {
        stack.set(login, "TOKEN", value).await.unwrap();
        stack.set(login, "OTHER", "else").await.unwrap();
    }
    let swap = "UPDATE identity.variables AS to_row
        SET sealed = from_row.sealed, key_generation = from_row.key_generation
        FROM identity.variables AS from_row
        WHERE from_row.user_id = $1::uuid AND from_row.name = 'TOKEN' AND to_row.user_id = $2::uuid AND to_row.name = $3";
    for (thief, name) in [(&ada, "TOKEN"), (&foreign, "TOKEN"), (&owner, "OTHER")] {
        stack.tamper(sqlx::query(swap).bind(id_of(&owner)).bind(id_of(thief)).bind(name)).await;
        let status = stack.reveal(thief, &[name]).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains(VALUE));
    }
    assert_eq!(stack.reveal(&owner, &["TOKEN"]).await.unwrap(), pairs(&[("TOKEN", VALUE)]));
    let keys = "UPDATE identity.tenant_keys AS k SET wrapped = (
            SELECT o.wrapped FROM identity.tenant_keys AS o WHERE o.tenant_id = $1::uuid
        )
        WHERE k.tenant_id = $2::uuid";
    stack.tamper(sqlx::query(keys).bind(tenant_of(&owner)).bind(tenant_of(&foreign))).await;
    assert_eq!(stack.reveal(&foreign, &["OTHER"]).await.unwrap_err().code(), Code::Internal, "nor does a key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_key_takes_over_and_the_old_one_is_no_longer_needed() {
    let stack = Stack::start().await;
    let (owner, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    stack.set(&owner, "TOKEN", VALUE).await.unwrap();
    stack.set(&other, "TOKEN", "theirs").await.unwrap();
    let new = || STANDARD.encode([8; 32]);
    let old = stack.config().master_key;
    let alone = stack.replica_with(Config { master_key: new(), ..stack.config() }).await;
    assert_eq!(
        stack.reveal_by(&alone, &owner).await.unwrap_err().code(),
        Code::Internal,
        "not without the old one yet"
    );

    let config = Config { master_key: new(), previous_master_key: Some(old), ..stack.config() };
    let during = stack.replica_with(config).await;
    wait_ready(&during).await;
    assert_eq!(stack.reveal_by(&during, &owner).await.unwrap(), pairs(&[("TOKEN", VALUE)]));
    let folder = std::env::temp_dir().join(format!("{}.key", trinity_ids::TenantId::new()));
    std::fs::write(&folder, format!("{}\n", new())).unwrap();
    let config = Config { master_key: String::new(), master_key_file: Some(folder.clone()), ..stack.config() };
    let after = stack.replica_with(config).await;
    std::fs::remove_file(&folder).unwrap();
    eventually(READY_LIMIT, "the keys to be wrapped anew", || async {
        let both = (stack.reveal_by(&after, &owner).await, stack.reveal_by(&after, &other).await);
        (both.0.is_ok() && both.1.is_ok()).then_some(())
    })
    .await;
    assert_eq!(stack.reveal_by(&after, &owner).await.unwrap(), pairs(&[("TOKEN", VALUE)]));
    wait_ready(&after).await;
    assert_eq!(stack.reveal(&owner, &[]).await.unwrap_err().code(), Code::Internal, "the old master opens nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destroying_a_tenants_key_destroys_its_secrets_alone() {
    let stack = Stack::start().await;
    let (owner, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    stack.set(&owner, "TOKEN", VALUE).await.unwrap();
    stack.set(&other, "TOKEN", "theirs").await.unwrap();
    stack.tamper(sqlx::query("CREATE TABLE identity.kept AS SELECT * FROM identity.variables WHERE true")).await;
    stack.destroy(&tenant_of(&owner)).await.unwrap();
    assert!(stack.reveal(&owner, &[]).await.unwrap().is_empty());
    stack
        .tamper(
            sqlx::query("INSERT INTO identity.variables SELECT * FROM identity.kept WHERE tenant_id = $1::uuid")
                .bind(tenant_of(&owner)),
        )
        .await;
    assert_eq!(stack.reveal(&owner, &[]).await.unwrap_err().code(), Code::Internal, "not even from a copy of the rows");
    assert_eq!(stack.reveal(&other, &[]).await.unwrap(), pairs(&[("TOKEN", "theirs")]));

    stack.set(&owner, "TOKEN", "new").await.unwrap();
    assert_eq!(stack.reveal(&owner, &[]).await.unwrap(), pairs(&[("TOKEN", "new")]), "a new key has a new generation");
    let unknown = stack.destroy(&trinity_ids::TenantId::new().to_string()).await.unwrap_err();
    assert_eq!(reason(&unknown), "TENANT_NOT_FOUND");
    assert_eq!(stack.events_of("tenant.destroy_key").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_a_bounded_number_of_variables() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for number in 0..200 {
        stack.set(&owner, &format!("V{number}"), "x").await.unwrap();
    }
    let status = stack.set(&owner, "ONE_MORE", "x").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "VARIABLE_LIMIT_REACHED"));
    stack.set(&owner, "V7", "another").await.unwrap();
}
