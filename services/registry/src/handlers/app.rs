//! Apps.

use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_proto::registry as pb;

use crate::app::App;
use crate::store;

/// Lists the apps that the caller's tenant may use.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListAppsResponse> {
    let standing = ctx.standing()?;
    let mut tx = app.db.begin(ctx).await?;
    let apps = store::app::list(&mut tx).await?;
    let apps = apps.into_iter().filter(|app| standing.allows_app(&app.slug)).map(Into::into).collect();
    Ok(pb::ListAppsResponse { apps })
}
