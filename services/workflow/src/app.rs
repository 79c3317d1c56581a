//! What every handler works with.

use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;

use crate::catalog::CatalogCache;
use crate::domain::validate::{self, Checked};
use crate::registry::Registry;

/// The doors of this service.
#[derive(Debug, Clone)]
pub struct App {
    pub db: Db,
    pub catalog: CatalogCache,
    pub registry: Registry,
}

impl App {
    /// Looks through a canvas, with a newer catalogue when an atom is not in the one at hand.
    ///
    /// # Errors
    /// `Unavailable` when no catalogue was ever had and registry does not answer.
    pub async fn check(&self, ctx: &RequestContext, canvas: &str) -> Result<Checked> {
        let catalog = self.catalog.get(ctx).await?;
        let checked = validate::check(canvas, &catalog);
        if checked.misses_atoms()
            && let Some(newer) = self.catalog.newer(ctx).await
        {
            return Ok(validate::check(canvas, &newer));
        }
        Ok(checked)
    }
}
