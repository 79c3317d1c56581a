//! The demo tenant and its owner, made through the services' own doors with a service token.

use std::time::Duration;

use anyhow::{Context, Result};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use trinity_authz::ServiceKey;
use trinity_proto::identity::CreateFirstOwnerRequest;
use trinity_proto::identity::user_service_client::UserServiceClient;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_proto::tenant::{CreateTenantRequest, ResolveTenantRequest};

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// A login that will work.
#[derive(Clone, Debug)]
pub struct Login {
    pub tenant: String,
    pub email: String,
    pub password: String,
}

/// Makes what is missing of a login's tenant and owner.
pub async fn ensure(grpc_url: &str, key: &ServiceKey, login: &Login) -> Result<()> {
    let channel = Endpoint::from_shared(grpc_url.to_owned())?.timeout(CALL_LIMIT).connect().await?;
    let tenant_id = tenant(channel.clone(), key, &login.tenant).await.context("making the demo tenant")?;
    owner(channel, key, &tenant_id, login).await.context("making the demo owner")
}

async fn tenant(channel: Channel, key: &ServiceKey, slug: &str) -> Result<String> {
    let mut client = TenantServiceClient::new(channel);
    let wanted = ResolveTenantRequest { slug: slug.to_owned(), ..ResolveTenantRequest::default() };
    let found = match client.resolve_tenant(signed(key, wanted)?).await {
        Ok(answer) => answer.into_inner().tenant,
        Err(status) if status.code() == Code::NotFound => {
            let new = CreateTenantRequest {
                name: "Demo".to_owned(),
                slug: slug.to_owned(),
                ..CreateTenantRequest::default()
            };
            client.create_tenant(signed(key, new)?).await?.into_inner().tenant
        }
        Err(status) => return Err(status.into()),
    };
    Ok(found.context("an answer without a tenant")?.id)
}

async fn owner(channel: Channel, key: &ServiceKey, tenant_id: &str, login: &Login) -> Result<()> {
    let first = CreateFirstOwnerRequest {
        tenant_id: tenant_id.to_owned(),
        email: login.email.clone(),
        password: login.password.clone(),
        full_name: "Demo Owner".to_owned(),
    };
    match UserServiceClient::new(channel).create_first_owner(signed(key, first)?).await {
        Ok(_) => Ok(()),
        // The tenant has people already: a second start.
        Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::AlreadyExists) => Ok(()),
        Err(status) => Err(status.into()),
    }
}

fn signed<T>(key: &ServiceKey, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {}", key.token()).parse()?);
    Ok(request)
}
