//! Feature flags: a default, and values of single tenants.

use tonic::{Code, Status};
use trinity_proto::tenant::{Flag, ListFlagsRequest, SetFlagDefaultRequest, SetTenantFlagRequest, Tenant};

use crate::stack::{Stack, actions, field, reason};

impl Stack {
    async fn set_default(&self, name: &str, enabled: bool) -> Result<(), Status> {
        let request = SetFlagDefaultRequest { name: name.to_owned(), enabled, description: "live preview".to_owned() };
        self.plans().set_flag_default(self.by_staff(request)).await.map(|_| ())
    }

    async fn set_own(&self, tenant: &Tenant, name: &str, enabled: Option<bool>) -> Result<(), Status> {
        let request = SetTenantFlagRequest { tenant_id: tenant.id.clone(), name: name.to_owned(), enabled };
        self.plans().set_tenant_flag(self.by_staff(request)).await.map(|_| ())
    }

    async fn flags(&self, tenant: &Tenant) -> Vec<Flag> {
        let request = self.by(tenant, "viewer", ListFlagsRequest {});
        self.plans().list_flags(request).await.unwrap().into_inner().flags
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_own_value_goes_before_the_default() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    assert!(stack.standing(&one).await.flags.is_empty());
    stack.set_default("live.preview", false).await.unwrap();
    stack.set_own(&one, "live.preview", Some(true)).await.unwrap();
    let both =
        async || (stack.standing(&one).await.flags["live.preview"], stack.standing(&two).await.flags["live.preview"]);
    assert_eq!(both().await, (true, false));
    stack.set_default("live.preview", true).await.unwrap();
    stack.set_own(&one, "live.preview", Some(false)).await.unwrap();
    assert_eq!(both().await, (false, true));
    let shown = |tenant: Vec<Flag>| (tenant[0].name.clone(), tenant[0].enabled, tenant[0].own);
    assert_eq!(shown(stack.flags(&one).await), ("live.preview".to_owned(), false, true));
    assert_eq!(shown(stack.flags(&two).await), ("live.preview".to_owned(), true, false));
    for _ in 0..2 {
        stack.set_own(&one, "live.preview", None).await.unwrap();
        stack.set_default("live.preview", true).await.unwrap();
    }
    assert_eq!(both().await, (true, true));

    assert_eq!(actions(&stack.events(&one).await), ["tenant.create", "flag.set", "flag.set", "flag.set"]);
    assert_eq!(actions(&stack.events(&two).await), ["tenant.create"]);
    assert_eq!(actions(&stack.platform_events().await), ["flag.set_default", "flag.set_default"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_flags_and_bad_names_are_refused() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let nobody = Tenant { id: trinity_ids::TenantId::new().into(), ..Tenant::default() };
    stack.set_default("known", false).await.unwrap();
    for (status, word) in [
        (stack.set_own(&tenant, "unknown", Some(true)).await.unwrap_err(), "FLAG_NOT_FOUND"),
        (stack.set_own(&nobody, "known", Some(true)).await.unwrap_err(), "TENANT_NOT_FOUND"),
    ] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, word));
    }
    assert_eq!(field(&stack.set_default("Not a flag", true).await.unwrap_err()), "name");
    let owner = SetFlagDefaultRequest { name: "known".to_owned(), enabled: true, ..SetFlagDefaultRequest::default() };
    let refused = stack.plans().set_flag_default(stack.by_owner(&tenant, owner)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(!stack.standing(&tenant).await.flags["known"]);
}
