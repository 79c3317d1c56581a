//! What this service announces.

use serde::Serialize;
use serde_json::value::RawValue;
use trinity_error::{Error, Result};
use trinity_outbox::Event;

use crate::domain::Tenant;

/// A tenant as the audit trail shows it.
#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    slug: &'a str,
    status: &'static str,
    suspended_reason: &'a str,
    settings: &'a RawValue,
    metadata: &'a RawValue,
    allowed_apps: &'a [String],
    domains: &'a [String],
    concurrent_tasks: u32,
    version: i64,
}

/// `tenant.create`.
///
/// # Errors
/// `Internal` when a stored document is not JSON.
pub fn created(tenant: &Tenant) -> Result<Event> {
    Ok(Event { after: Some(document(tenant)?), ..about("tenant.create", tenant) })
}

/// `tenant.update`, `tenant.suspend` or `tenant.resume`.
///
/// # Errors
/// `Internal` when a stored document is not JSON.
pub fn changed(action: &'static str, before: &Tenant, after: &Tenant) -> Result<Event> {
    Ok(Event { before: Some(document(before)?), after: Some(document(after)?), ..about(action, after) })
}

fn about(action: &'static str, tenant: &Tenant) -> Event {
    Event {
        action,
        object_type: "tenant",
        object_id: tenant.id.to_string(),
        object_name: tenant.name.clone(),
        ..Event::default()
    }
}

fn document(tenant: &Tenant) -> Result<String> {
    let document = Document {
        name: &tenant.name,
        slug: &tenant.slug,
        status: tenant.status.as_str(),
        suspended_reason: &tenant.suspended_reason,
        settings: serde_json::from_str(&tenant.settings).map_err(Error::internal)?,
        metadata: serde_json::from_str(&tenant.metadata).map_err(Error::internal)?,
        allowed_apps: &tenant.allowed_apps,
        domains: &tenant.domains,
        concurrent_tasks: tenant.concurrent_tasks,
        version: tenant.version,
    };
    serde_json::to_string(&document).map_err(Error::internal)
}
