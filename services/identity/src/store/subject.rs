//! Whether subjects exist, across the tables that hold them.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

use crate::domain::{Subject, SubjectKind};

/// Whether the tenant has the subject; keeps others from deleting it. A group also keeps its members meanwhile, so that
/// what is given to it is given to those whom the giver was checked for.
pub async fn lock(tx: &mut PgConnection, tenant: TenantId, subject: Subject) -> Result<bool> {
    let statement = match subject.kind {
        SubjectKind::User => "SELECT FROM users WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
        SubjectKind::Group => "SELECT FROM groups WHERE tenant_id = $1 AND id = $2 FOR SHARE",
        SubjectKind::ServiceAccount => "SELECT FROM service_accounts WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
    };
    Ok(sqlx::query(statement).bind(tenant).bind(subject.id).fetch_optional(tx).await?.is_some())
}
