//! Finding tenants, and who may ask.

use tonic::Code;
use trinity_proto::tenant::{
    CreateTenantRequest, GetCurrentTenantRequest, GetStandingRequest, GetTenantRequest, ResolveTenantRequest, Tenant,
};

use crate::stack::{Stack, reason};

impl Stack {
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
        let request = stack.by_owner(&tenant, GetCurrentTenantRequest {});
        let answer = stack.client().get_current_tenant(request).await.unwrap().into_inner();
        assert_eq!(answer.tenant.unwrap(), tenant);
    }
    let nobody = Tenant { id: trinity_ids::TenantId::new().into(), ..Tenant::default() };
    let request = stack.by_owner(&nobody, GetCurrentTenantRequest {});
    assert_eq!(stack.client().get_current_tenant(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_staff_do_what_operators_do_and_only_services_ask_for_standings() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let get = || GetTenantRequest { tenant_id: tenant.id.clone() };
    let status = stack.client().get_tenant(stack.by_owner(&tenant, get())).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(stack.client().get_tenant(get()).await.unwrap_err().code(), Code::Unauthenticated);
    let service = stack.client().get_tenant(stack.by_service(get())).await.unwrap_err();
    assert_eq!(service.code(), Code::PermissionDenied);
    let ask = || GetStandingRequest { tenant_id: tenant.id.clone() };
    for request in [stack.by_owner(&tenant, ask()), stack.by_staff(ask())] {
        assert_eq!(stack.client().get_standing(request).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let nobody = stack.by_service(GetStandingRequest { tenant_id: trinity_ids::TenantId::NIL.into() });
    assert_eq!(stack.client().get_standing(nobody).await.unwrap_err().code(), Code::NotFound);
}
