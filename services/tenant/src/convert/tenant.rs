//! Tenants, their pages and standings.

use trinity_db::Page;
use trinity_error::{Error, Result};
use trinity_proto::common::{Json, PageInfo};
use trinity_proto::tenant as pb;

use super::timestamp;
use crate::domain::{self, Changes, NewTenant, Slug, Standing, Status, Tenant};

/// How many tasks of one tenant may run at once at the most.
const MAX_CONCURRENT_TASKS: u32 = 1000;

impl TryFrom<pb::CreateTenantRequest> for NewTenant {
    type Error = Error;

    fn try_from(request: pb::CreateTenantRequest) -> Result<Self> {
        let name = domain::name(&request.name)?;
        let slug = if request.slug.is_empty() { Slug::from_name(&name)? } else { Slug::parse(&request.slug)? };
        Ok(Self {
            slug,
            name,
            domains: domain::domains(&request.domains)?,
            allowed_apps: domain::apps(&request.allowed_apps)?,
            settings: document("settings", request.settings)?.unwrap_or_else(|| "{}".to_owned()),
            metadata: document("metadata", request.metadata)?.unwrap_or_else(|| "{}".to_owned()),
        })
    }
}

impl TryFrom<pb::UpdateTenantRequest> for Changes {
    type Error = Error;

    fn try_from(request: pb::UpdateTenantRequest) -> Result<Self> {
        Ok(Self {
            version: request.version.map(version).transpose()?,
            name: request.name.as_deref().map(domain::name).transpose()?,
            settings: document("settings", request.settings)?,
            metadata: document("metadata", request.metadata)?,
            allowed_apps: allowed_apps(&request.allowed_apps, request.all_apps)?,
            concurrent_tasks: request.concurrent_tasks.map(concurrent_tasks).transpose()?,
        })
    }
}

impl From<Tenant> for pb::Tenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name,
            slug: tenant.slug,
            status: pb::TenantStatus::from(tenant.status).into(),
            settings: Some(Json::new(tenant.settings)),
            metadata: Some(Json::new(tenant.metadata)),
            allowed_apps: tenant.allowed_apps,
            domains: tenant.domains,
            concurrent_tasks: tenant.concurrent_tasks,
            version: tenant.version.unsigned_abs(),
            created_at: Some(timestamp(tenant.created_at)),
            updated_at: Some(timestamp(tenant.updated_at)),
            erase_after: tenant.erase_after.map(timestamp),
        }
    }
}

impl From<Status> for pb::TenantStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Suspended => Self::Suspended,
            Status::Erasing => Self::Erasing,
        }
    }
}

impl From<Standing> for pb::GetStandingResponse {
    fn from(standing: Standing) -> Self {
        Self {
            status: pb::TenantStatus::from(standing.status).into(),
            writable: standing.writable,
            limits: Some(standing.limits.into()),
            allowed_apps: standing.allowed_apps,
            flags: standing.flags,
        }
    }
}

/// A page of tenants.
pub fn tenant_page(page: Page<Tenant>) -> pb::ListTenantsResponse {
    let info = PageInfo {
        page: Some(page.request.page),
        per_page: page.request.per_page,
        total: Some(page.total),
        total_pages: Some(page.total_pages()),
        next_page_token: page.next_page_token(),
    };
    pb::ListTenantsResponse { tenants: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}

/// `None` leaves them as they are.
fn allowed_apps(given: &[String], all: bool) -> Result<Option<Vec<String>>> {
    match (given.is_empty(), all) {
        (true, false) => Ok(None),
        (true, true) => Ok(Some(Vec::new())),
        (false, false) => domain::apps(given).map(Some),
        (false, true) => Err(Error::invalid("all_apps", "cannot stand beside allowed_apps")),
    }
}

fn document(field: &str, json: Option<Json>) -> Result<Option<String>> {
    json.map(|json| domain::document(field, json.text)).transpose()
}

fn version(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|_| Error::invalid("version", "is too large"))
}

fn concurrent_tasks(tasks: u32) -> Result<i32> {
    match i32::try_from(tasks) {
        Ok(number) if tasks <= MAX_CONCURRENT_TASKS => Ok(number),
        _ => Err(Error::invalid("concurrent_tasks", format!("is at most {MAX_CONCURRENT_TASKS}"))),
    }
}
