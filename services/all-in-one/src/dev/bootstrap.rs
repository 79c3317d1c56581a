//! The first member of staff, and the demo tenant with its owner, which that one makes as any operator would.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use trinity_authz::ServiceKey;
use trinity_proto::identity::staff_service_client::StaffServiceClient;
use trinity_proto::identity::{CreateFirstOwnerRequest, LoginStaffRequest};
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_proto::tenant::{CreateTenantRequest, ResolveTenantRequest, SetSubscriptionRequest};

use crate::Variables;

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// A login that will work.
#[derive(Clone, Debug)]
pub struct Login {
    /// Empty for staff.
    pub tenant: String,
    pub email: String,
    pub password: String,
}

/// Makes the first member of staff, straight in the database, by the settings of `file`; nothing when there he is.
pub async fn first_staff(file: &Path, staff: &Login) -> Result<()> {
    let variables = Variables::from([("TRINITY_CONFIG".to_owned(), file.display().to_string())]);
    let config = trinity_config::load_from("identity", &variables)?;
    match trinity_identity::create_staff(&config, &staff.email, &staff.password, "Demo Operator").await {
        Err(error) if error.downcast_ref().is_some_and(is_taken) => Ok(()),
        other => other,
    }
}

fn is_taken(error: &trinity_error::Error) -> bool {
    error.code() == trinity_error::Code::AlreadyExists
}

/// Makes what is missing of the demo tenant and its owner, as `staff`.
pub async fn ensure(grpc_url: &str, key: &ServiceKey, staff: &Login, owner: &Login) -> Result<()> {
    let channel = Endpoint::from_shared(grpc_url.to_owned())?.timeout(CALL_LIMIT).connect().await?;
    let token = sign_in(channel.clone(), staff).await.context("signing in as staff")?;
    let wanted = ResolveTenantRequest { slug: owner.tenant.clone(), ..ResolveTenantRequest::default() };
    let found = match TenantServiceClient::new(channel.clone()).resolve_tenant(bearing(&key.token(), wanted)?).await {
        Ok(answer) => answer.into_inner().tenant.context("an answer without a tenant")?.id,
        Err(status) if status.code() == Code::NotFound => {
            tenant(channel.clone(), &token, &owner.tenant).await.context("making the demo tenant")?
        }
        Err(status) => return Err(status).context("looking for the demo tenant"),
    };
    first_owner(channel, &token, found, owner).await.context("making the demo owner")
}

async fn sign_in(channel: Channel, staff: &Login) -> Result<String> {
    let login = LoginStaffRequest { email: staff.email.clone(), password: staff.password.clone() };
    Ok(StaffServiceClient::new(channel).login_staff(login).await?.into_inner().access_token)
}

async fn tenant(channel: Channel, token: &str, slug: &str) -> Result<String> {
    let new = CreateTenantRequest { name: "Demo".to_owned(), slug: slug.to_owned(), ..CreateTenantRequest::default() };
    let made = TenantServiceClient::new(channel.clone()).create_tenant(bearing(token, new)?).await?.into_inner().tenant;
    let id = made.context("an answer without a tenant")?.id;
    let plan = SetSubscriptionRequest {
        tenant_id: id.clone(),
        plan: "enterprise".to_owned(),
        ..SetSubscriptionRequest::default()
    };
    PlanServiceClient::new(channel).set_subscription(bearing(token, plan)?).await?;
    Ok(id)
}

async fn first_owner(channel: Channel, token: &str, tenant_id: String, login: &Login) -> Result<()> {
    let first = CreateFirstOwnerRequest {
        tenant_id,
        email: login.email.clone(),
        password: login.password.clone(),
        full_name: "Demo Owner".to_owned(),
    };
    match StaffServiceClient::new(channel).create_first_owner(bearing(token, first)?).await {
        Ok(_) => Ok(()),
        // The tenant has people already: a second start.
        Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::AlreadyExists) => Ok(()),
        Err(status) => Err(status.into()),
    }
}

fn bearing<T>(token: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}
