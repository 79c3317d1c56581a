//! Programs act within their key's scopes, and what they make belongs to the person who answers for them.

use std::sync::Arc;

use tonic::{Code, async_trait};
use trinity_access::{Access, Permissions, Standing};
use trinity_authz::{ApiKeyText, Authenticator, Directory, JsonWebKey};
use trinity_context::Caller;
use trinity_error::Result;
use trinity_ids::{ApiKeyId, ServiceAccountId, TenantId, UserId};
use trinity_proto::registry as pb;
use trinity_testkit::TestTokens;

use crate::stand::{Stand, reason};

/// Knows one program, which is an editor with a key for less.
struct OneProgram {
    key: String,
    tenant: TenantId,
    responsible: UserId,
}

#[async_trait]
impl Directory for OneProgram {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        Ok(Vec::new())
    }
    async fn access(&self, _: &Caller) -> Result<Option<Access>> {
        let scopes = Permissions::of(["project.create", "project.read", "dataset.create"]);
        let tenant = trinity_access::role("editor").unwrap().permissions();
        Ok(Some(Access { tenant, scopes: Some(scopes), ..Access::default() }))
    }
    async fn standing(&self, _: TenantId) -> Result<Standing> {
        Ok(Standing::unlimited())
    }
    async fn api_key(&self, key: &ApiKeyText) -> Result<Option<Caller>> {
        let caller = Caller::ServiceAccount {
            tenant: self.tenant,
            account: ServiceAccountId::new(),
            key: ApiKeyId::new(),
            owner: self.responsible,
        };
        Ok((key.text() == self.key).then_some(caller))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_makes_belongs_to_who_answers_for_it() {
    let (tenant, responsible) = (TenantId::new(), UserId::new());
    let key = ApiKeyText::new("test", ApiKeyId::new(), [7; 32]).text().to_owned();
    let tokens = TestTokens::new();
    let directory = OneProgram { key: key.clone(), tenant, responsible };
    let authenticator = Arc::new(Authenticator::new("trinity", tokens.service_key(), directory));
    let stand = Stand::with(tokens, authenticator).await;
    let program = Stand::program(tenant, responsible, &key);

    let project = stand.create_project(&program, "Weather", "{}").await.unwrap();
    assert_eq!(project.owner_id, responsible.to_string());
    let dataset = stand.upload(&program, &project.id, "a.csv", b"a\n1\n").await.unwrap();
    assert_eq!(dataset.created_by, responsible.to_string());

    let update = pb::UpdateProjectRequest { project_id: project.id.clone(), ..pb::UpdateProjectRequest::default() };
    let refused = stand.projects().update_project(program.says(update)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "beyond the key's scopes, though the program sees the project");
    let list = pb::ListDatasetsRequest { project_id: project.id, ..pb::ListDatasetsRequest::default() };
    assert_eq!(stand.datasets().list_datasets(program.says(list)).await.unwrap_err().code(), Code::PermissionDenied);
    for dataset in [dataset.id, trinity_ids::DatasetId::new().to_string()] {
        let refused = stand.preview(&program, &dataset, 1).await.unwrap_err();
        assert_eq!(reason(&refused), "PERMISSION_DENIED", "a key that reads no datasets is told the same of each");
    }
}
