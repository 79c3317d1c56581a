//! The table `domains`.

use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::HostName;
use crate::error;

/// Gives domains to a tenant, in order, so that two callers who want the same ones never wait for each other in a ring.
///
/// # Errors
/// `AlreadyExists` `DOMAIN_TAKEN` naming the place in the request.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, domains: &[(usize, HostName)]) -> Result<()> {
    for (place, domain) in domains {
        sqlx::query("INSERT INTO domains (tenant_id, domain) VALUES ($1, $2)")
            .bind(tenant)
            .bind(domain.as_str())
            .execute(&mut *tx)
            .await
            .map_err(|fault| {
                let taken = Error::breaches(&fault, "domains_domain_key");
                if taken { error::domain_taken(*place) } else { fault.into() }
            })?;
    }
    Ok(())
}
