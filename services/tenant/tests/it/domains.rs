//! Domains of tenants: each belongs to one.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::tenant::{AddDomainRequest, ListDomainsRequest, RemoveDomainRequest, Tenant};

use crate::stack::{Stack, actions, field, reason};

impl Stack {
    async fn add_domain(&self, tenant: &Tenant, domain: &str) -> Result<(), Status> {
        let request = AddDomainRequest { domain: domain.to_owned() };
        self.client().add_domain(self.by_owner(tenant, request)).await.map(|_| ())
    }

    async fn remove_domain(&self, tenant: &Tenant, domain: &str) -> Result<(), Status> {
        let request = RemoveDomainRequest { domain: domain.to_owned() };
        self.client().remove_domain(self.by_owner(tenant, request)).await.map(|_| ())
    }

    async fn domains(&self, tenant: &Tenant) -> Vec<String> {
        let request = self.by_owner(tenant, ListDomainsRequest {});
        self.client().list_domains(request).await.unwrap().into_inner().domains
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_to_its_own_domains_alone() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    stack.add_domain(&one, "Data.One.example.").await.unwrap();
    stack.add_domain(&one, "data.one.example").await.unwrap();
    assert_eq!(stack.domains(&one).await, ["data.one.example"], "twice is once");
    assert!(stack.domains(&two).await.is_empty());

    let status = stack.add_domain(&two, "DATA.one.example").await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str(), field(&status).as_str()),
        (Code::AlreadyExists, "DOMAIN_TAKEN", "domain")
    );
    let foreign = stack.remove_domain(&two, "data.one.example").await.unwrap_err();
    let unknown = stack.remove_domain(&two, "nobody.example").await.unwrap_err();
    assert_eq!((foreign.code(), reason(&foreign).as_str()), (Code::NotFound, "DOMAIN_NOT_FOUND"));
    assert_eq!((foreign.message(), foreign.details()), (unknown.message(), unknown.details()));
    assert_eq!(field(&stack.add_domain(&one, "one.example:80").await.unwrap_err()), "domain");

    stack.remove_domain(&one, "data.ONE.example").await.unwrap();
    assert_eq!(actions(&stack.events(&one).await), ["tenant.create", "domain.add", "domain.remove"]);
    stack.add_domain(&two, "data.one.example").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_tenants_gets_the_domain() {
    let stack = Stack::start().await;
    let tenants = join_all((0..8).map(|number| async move { format!("tenant-{number}") })).await;
    let tenants = join_all(tenants.iter().map(|slug| stack.tenant(slug))).await;
    let answers = join_all(tenants.iter().map(|tenant| stack.add_domain(tenant, "wanted.example"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "DOMAIN_TAKEN"));
    }
    let owners: i64 = sqlx::query_scalar("SELECT count(*) FROM tenant.domains WHERE domain = 'wanted.example'")
        .fetch_one(&mut stack.db.admin().await)
        .await
        .unwrap();
    assert_eq!(owners, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_do_not_pass_the_cap() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let names: Vec<_> = (0..30).map(|number| format!("d{number}.example")).collect();
    let answers = join_all(names.iter().map(|name| stack.add_domain(&tenant, name))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 20);
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "DOMAIN_LIMIT_REACHED"));
    }
    assert_eq!(stack.domains(&tenant).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn domains_are_the_admins_business() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let add = stack.by(&tenant, "editor", AddDomainRequest { domain: "acme.example".to_owned() });
    assert_eq!(stack.client().add_domain(add).await.unwrap_err().code(), Code::PermissionDenied);
    let staff = stack.by_staff(AddDomainRequest { domain: "acme.example".to_owned() });
    assert_eq!(stack.client().add_domain(staff).await.unwrap_err().code(), Code::PermissionDenied);
    assert!(stack.domains(&tenant).await.is_empty());
}
