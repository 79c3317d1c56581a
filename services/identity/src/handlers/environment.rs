//! Environment variables of users, sealed under their tenant's data key. Values leave to runs alone, and to no log,
//! announcement or error.

use std::collections::HashMap;

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{TenantId, UserId};
use trinity_proto::identity as pb;

use super::access::power;
use super::entry::require_tenant;
use crate::domain::{place, variable_name, variable_value};
use crate::store::variable::{self, Sealed};
use crate::wiring::App;
use crate::{error, events, store, vault};

/// How many variables a user may have.
const LIMIT: i64 = 200;

/// Lists the names of the caller's variables.
///
/// # Errors
/// `PermissionDenied` `PERSON_REQUIRED`.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListVariablesResponse> {
    let (tenant, user) = (ctx.tenant()?, ctx.user()?);
    let mut tx = app.db.begin(ctx).await?;
    let variables = variable::list(&mut tx, tenant, user).await?;
    Ok(pb::ListVariablesResponse { variables: variables.into_iter().map(Into::into).collect() })
}

/// Sets a variable of the caller.
///
/// # Errors
/// `InvalidArgument` naming the field; `ResourceExhausted` `VARIABLE_LIMIT_REACHED`; `PermissionDenied`
/// `PERSON_REQUIRED` or `SUBSCRIPTION_EXPIRED`.
pub async fn set(app: &App, ctx: &RequestContext, request: pb::SetVariableRequest) -> Result<pb::SetVariableResponse> {
    power::require_writable(ctx)?;
    let name = variable_name(&request.name)?;
    variable_value(&request.value)?;
    let (tenant, user) = (ctx.tenant()?, ctx.user()?);
    let mut tx = app.db.begin(ctx).await?;
    let key = vault::current(&mut tx, &app.wrapper, tenant).await?;
    let sealed = key.sealer.seal(&place(tenant, user, &name), request.value.as_bytes())?;
    let value = Sealed { name, key_generation: key.generation, sealed };
    let set = variable::put(&mut tx, tenant, user, &value).await?;
    if variable::count(&mut tx, tenant, user).await? > LIMIT {
        return Err(error::variable_limit(LIMIT));
    }
    trinity_outbox::write(&mut tx, ctx, events::program::variable_set(&value.name)).await?;
    tx.commit().await?;
    Ok(pb::SetVariableResponse { variable: Some(set.into()) })
}

/// Deletes a variable of the caller.
///
/// # Errors
/// `NotFound`; `PermissionDenied` `PERSON_REQUIRED` or `SUBSCRIPTION_EXPIRED`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteVariableRequest,
) -> Result<pb::DeleteVariableResponse> {
    power::require_writable(ctx)?;
    let name = variable_name(&request.name)?;
    let mut tx = app.db.begin(ctx).await?;
    if !variable::delete(&mut tx, ctx.tenant()?, ctx.user()?, &name).await? {
        return Err(Error::not_found("variable"));
    }
    trinity_outbox::write(&mut tx, ctx, events::program::variable_deleted(&name)).await?;
    tx.commit().await?;
    Ok(pb::DeleteVariableResponse {})
}

/// Opens variables of an active user for a run of his.
///
/// # Errors
/// `InvalidArgument` naming the field; `Internal` when a value does not open at its place.
pub async fn reveal(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RevealVariablesRequest,
) -> Result<pb::RevealVariablesResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let user: UserId = parse_id("user_id", &request.user_id)?;
    let ctx = ctx.for_tenant(tenant);
    let mut tx = app.db.begin(&ctx).await?;
    let sealed = variable::list_sealed(&mut tx, tenant, user, &request.names).await?;
    let keys = vault::all(&mut tx, &app.wrapper, tenant).await?;
    drop(tx);
    let mut values = HashMap::new();
    for value in sealed {
        let opened = keys
            .get(&value.key_generation)
            .and_then(|key| key.open(&place(tenant, user, &value.name), &value.sealed))
            .and_then(|plain| String::from_utf8(plain).ok());
        let plain = opened.ok_or_else(|| Error::internal("a stored variable does not open at its place"))?;
        values.insert(value.name, plain);
    }
    Ok(pb::RevealVariablesResponse { values })
}

/// Destroys a tenant's data keys, and all that is sealed under them.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` for an unknown tenant.
pub async fn destroy_key(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DestroyTenantKeyRequest,
) -> Result<pb::DestroyTenantKeyResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    require_tenant(app, ctx, tenant).await?;
    let ctx = ctx.for_tenant(tenant);
    let mut tx = app.db.begin(&ctx).await?;
    let keys = store::tenant_key::destroy(&mut tx, tenant).await?;
    variable::delete_all(&mut tx, tenant).await?;
    trinity_outbox::write(&mut tx, &ctx, events::staff::key_destroyed(tenant, keys)).await?;
    tx.commit().await?;
    Ok(pb::DestroyTenantKeyResponse {})
}
