//! Follows saves: tells registry each project's canvas, at least once, however long registry was away.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::Deserialize;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Code, Result};
use trinity_ids::{ProjectId, TenantId};
use trinity_outbox::{Delivery, Sink};

use crate::registry::{CanvasState, Registry};
use crate::{events, store};

/// The sink of the outbox's relay.
#[derive(Debug)]
pub struct CanvasFollower {
    pub db: Db,
    pub registry: Registry,
}

/// What a save's event says of its project.
#[derive(Deserialize)]
struct SavedWorkflow {
    project_id: ProjectId,
}

#[async_trait]
impl Sink for CanvasFollower {
    async fn deliver(&self, events: &[Delivery]) -> Result<()> {
        for (tenant, project) in projects_of(events) {
            self.follow(tenant, project).await?;
        }
        Ok(())
    }
}

impl CanvasFollower {
    /// Tells the newest canvas, whichever save it was that called for it.
    async fn follow(&self, tenant: TenantId, project: ProjectId) -> Result<()> {
        let ctx = RequestContext::service("workflow").for_tenant(tenant);
        let mut tx = self.db.begin(&ctx).await?;
        let Some(row) = store::canvas::find(&mut tx, tenant, project).await? else { return Ok(()) };
        drop(tx);
        let state = CanvasState { project, canvas: row.canvas, revision: row.revision };
        match self.registry.apply_canvas(&ctx, tenant, state).await {
            // Why: what registry refuses for good must not hold up the events behind it.
            Err(error) if matches!(error.code(), Code::InvalidArgument | Code::FailedPrecondition) => {
                tracing::error!(%error, %project, "registry refuses a canvas");
                Ok(())
            }
            other => other,
        }
    }
}

/// Each project that was saved into, once.
fn projects_of(events: &[Delivery]) -> BTreeSet<(TenantId, ProjectId)> {
    let saves = events.iter().filter(|event| event.action == events::SAVE);
    saves
        .filter_map(|event| {
            let saved: SavedWorkflow = serde_json::from_str(event.after.as_deref()?).ok()?;
            Some((event.tenant, saved.project_id))
        })
        .collect()
}
