//! What every handler works with.

use std::sync::Arc;

use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Error, Result};

use crate::catalog::CatalogCache;
use crate::domain::catalog::Catalog;
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
        let checked = check(canvas, self.catalog.get(ctx).await?).await?;
        if checked.misses_atoms()
            && let Some(newer) = self.catalog.newer(ctx).await
        {
            return check(canvas, newer).await;
        }
        Ok(checked)
    }
}

/// Looks through a canvas on a thread that may be busy for long: hundreds of expressions take a while to parse.
async fn check(canvas: &str, catalog: Arc<Catalog>) -> Result<Checked> {
    let canvas = canvas.to_owned();
    let checked = tokio::task::spawn_blocking(move || validate::check(&canvas, &catalog));
    checked.await.map_err(Error::internal)
}
