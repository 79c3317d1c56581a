//! What this service announces.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use trinity_error::{Error, Result};
use trinity_outbox::Event;

use crate::domain::{Alert, Tenant};

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
    erase_after: Option<DateTime<Utc>>,
    version: i64,
}

/// `tenant.create`.
///
/// # Errors
/// `Internal` when a stored document is not JSON.
pub fn created(tenant: &Tenant) -> Result<Event> {
    Ok(Event { after: Some(document(tenant)?), ..about("tenant.create", tenant) })
}

/// Any other event of a tenant: `tenant.update`, `tenant.suspend` …
///
/// # Errors
/// `Internal` when a stored document is not JSON.
pub fn changed(action: &'static str, before: &Tenant, after: &Tenant) -> Result<Event> {
    Ok(Event { before: Some(document(before)?), after: Some(document(after)?), ..about(action, after) })
}

/// What happened to something that is not a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub action: &'static str,
    /// The kind of thing.
    pub kind: &'static str,
    pub id: &'a str,
    pub name: &'a str,
}

/// A change of a plan, subscription, flag, domain or budget; `None` where there was or is none.
///
/// # Errors
/// `Internal` when it cannot be written as JSON.
pub fn set<T: Serialize>(subject: Subject<'_>, before: Option<&T>, after: Option<&T>) -> Result<Event> {
    let text = |thing: &T| serde_json::to_string(thing).map_err(Error::internal);
    Ok(Event {
        action: subject.action,
        object_type: subject.kind,
        object_id: subject.id.to_owned(),
        object_name: subject.name.to_owned(),
        before: before.map(text).transpose()?,
        after: after.map(text).transpose()?,
        ..Event::default()
    })
}

/// `budget.alert`.
///
/// # Errors
/// `Internal` when it cannot be written as JSON.
pub fn alert(alert: &Alert) -> Result<Event> {
    let id = alert.metric.as_str();
    let name = format!("{} % of {} {id}", alert.percent, alert.monthly_amount);
    set(Subject { action: "budget.alert", kind: "budget", id, name: &name }, None, Some(alert))
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
        erase_after: tenant.erase_after,
        version: tenant.version,
    };
    serde_json::to_string(&document).map_err(Error::internal)
}
