//! The table `apps`.

use sqlx::PgConnection;
use trinity_error::Result;

use crate::domain::project::CatalogApp;

/// Lists the apps of the installation.
pub(crate) async fn list(tx: &mut PgConnection) -> Result<Vec<CatalogApp>> {
    let rows: Vec<(String, String, String, bool)> =
        sqlx::query_as("SELECT slug, name, description, active FROM apps WHERE active ORDER BY slug")
            .fetch_all(tx)
            .await?;
    let app = |(slug, name, description, active)| CatalogApp { slug, name, description, active };
    Ok(rows.into_iter().map(app).collect())
}
