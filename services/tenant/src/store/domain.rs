//! The table `domains`.

use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::HostName;
use crate::error;

/// Gives domains to a new tenant, in order, so that two callers who want the same ones never wait for each other in a
/// ring.
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
                if taken { error::domain_taken(&format!("domains[{place}]")) } else { fault.into() }
            })?;
    }
    Ok(())
}

/// Gives a tenant one more domain that is not among its own.
///
/// # Errors
/// `AlreadyExists` `DOMAIN_TAKEN`.
pub async fn add(tx: &mut PgConnection, tenant: TenantId, domain: &HostName) -> Result<()> {
    sqlx::query("INSERT INTO domains (tenant_id, domain) VALUES ($1, $2)")
        .bind(tenant)
        .bind(domain.as_str())
        .execute(tx)
        .await
        .map_err(|fault| {
            let taken = Error::breaches(&fault, "domains_domain_key");
            if taken { error::domain_taken("domain") } else { fault.into() }
        })?;
    Ok(())
}

/// Lists a tenant's domains.
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<String>> {
    let query = sqlx::query_scalar("SELECT domain FROM domains WHERE tenant_id = $1 ORDER BY domain");
    Ok(query.bind(tenant).fetch_all(tx).await?)
}

/// Takes a domain away; tells whether the tenant had it.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, domain: &HostName) -> Result<bool> {
    let query = sqlx::query("DELETE FROM domains WHERE tenant_id = $1 AND domain = $2");
    Ok(query.bind(tenant).bind(domain.as_str()).execute(tx).await?.rows_affected() > 0)
}
