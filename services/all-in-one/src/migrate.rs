//! Every service's schema, brought to the newest version by its owner.

use anyhow::{Context, Result};
use serde::Deserialize;
use sqlx::migrate::Migrator;

use crate::Variables;

/// Every service with its migrations.
pub fn migrators() -> [(&'static str, &'static Migrator); 6] {
    [
        ("tenant", &trinity_tenant::MIGRATOR),
        ("identity", &trinity_identity::MIGRATOR),
        ("registry", &trinity_registry::MIGRATOR),
        ("workflow", &trinity_workflow::MIGRATOR),
        ("orchestration", &trinity_orchestration::MIGRATOR),
        ("audit", &trinity_audit::MIGRATOR),
    ]
}

/// Migrates all services at once; `owner_url` gives each one's URL in its owner's role.
///
/// # Errors
/// Names the service whose migration failed.
pub async fn each(owner_url: impl Fn(&str) -> Result<String>) -> Result<()> {
    let mut steps = Vec::new();
    for (service, migrator) in migrators() {
        let url = owner_url(service)?;
        steps.push(async move {
            trinity_db::migrate(&url, migrator).await.with_context(|| format!("migrating the schema of {service}"))
        });
    }
    futures::future::try_join_all(steps).await?;
    Ok(())
}

/// Migrates all services by the settings `TRINITY_<SERVICE>_OWNER_URL`.
///
/// # Errors
/// Names the setting that is missing, or the service whose migration failed.
pub async fn by_settings(variables: &Variables) -> Result<()> {
    #[derive(Deserialize)]
    struct Owner {
        owner_url: String,
    }
    each(|service| Ok(trinity_config::load_from::<Owner>(service, variables)?.owner_url)).await
}
