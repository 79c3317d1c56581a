//! Finding tenants, and who may ask.

use tonic::Code;
use trinity_proto::tenant::{
    CreateTenantRequest, GetCurrentTenantRequest, GetTenantRequest, ListSuspendedTenantsRequest, ResolveTenantRequest,
};

use crate::stack::{Stack, reason};

impl Stack {
    pub async fn suspended(&self) -> Vec<String> {
        let request = self.by_service(ListSuspendedTenantsRequest {});
        self.client().list_suspended_tenants(request).await.unwrap().into_inner().tenant_ids
    }

    async fn resolve(&self, slug: &str, domain: &str) -> Result<String, Code> {
        let request = self.by_service(ResolveTenantRequest { slug: slug.to_owned(), domain: domain.to_owned() });
        match self.client().resolve_tenant(request).await {
            Ok(answer) => Ok(answer.into_inner().tenant.unwrap().slug),
            Err(status) => Err(status.code()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_finds_its_tenant_by_slug_or_domain() {
    let stack = Stack::start().await;
    let domains = vec!["data.acme.com".to_owned(), "acme.example".to_owned()];
    let request = CreateTenantRequest { name: "Acme".to_owned(), domains, ..Default::default() };
    stack.create(request).await.unwrap();
    stack.tenant("other").await;
    assert_eq!(stack.resolve("Acme", "").await.as_deref(), Ok("acme"));
    assert_eq!(stack.resolve("", "DATA.acme.com").await.as_deref(), Ok("acme"));
    assert_eq!(stack.resolve("other", "acme.example").await.as_deref(), Ok("other"), "the slug goes first");
    assert_eq!(stack.resolve("nobody", "acme.example").await.as_deref(), Ok("acme"));
    for (slug, domain) in [("", ""), ("nobody", ""), ("", "nobody.example"), ("a\0b", "c\0d"), ("' OR 1=1", "--")] {
        assert_eq!(stack.resolve(slug, domain).await, Err(Code::NotFound), "{slug:?} {domain:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_their_own_tenant() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    for tenant in [one, two] {
        let request = stack.by_owner(tenant.id.parse().unwrap(), GetCurrentTenantRequest {});
        let answer = stack.client().get_current_tenant(request).await.unwrap().into_inner();
        assert_eq!(answer.tenant.unwrap(), tenant);
    }
    let request = stack.by_owner(trinity_ids::TenantId::new(), GetCurrentTenantRequest {});
    assert_eq!(stack.client().get_current_tenant(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_may_not_do_what_operators_do() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let id = tenant.id.parse().unwrap();
    let ask = || GetTenantRequest { tenant_id: tenant.id.clone() };
    let status = stack.client().get_tenant(stack.by_owner(id, ask())).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(stack.client().get_tenant(ask()).await.unwrap_err().code(), Code::Unauthenticated);
    let internal = stack.by_owner(id, ListSuspendedTenantsRequest {});
    assert_eq!(stack.client().list_suspended_tenants(internal).await.unwrap_err().code(), Code::PermissionDenied);
}
