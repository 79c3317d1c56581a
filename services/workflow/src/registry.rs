//! What this service asks of registry about projects and folders.

use std::time::Duration;

use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_ids::{FolderId, ProjectId, TenantId, UserId};
use trinity_proto::common::Json;
use trinity_proto::registry::folder_service_client::FolderServiceClient;
use trinity_proto::registry::project_service_client::ProjectServiceClient;
use trinity_proto::registry::{ApplyCanvasStateRequest, CheckProjectRequest, LocateFolderRequest};
use trinity_rpc::{Channel, Peers};

use crate::domain::spot::Spot;

/// How long a save waits for registry to follow; the relay tells it again.
const APPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    client: ProjectServiceClient<Channel>,
    folders: FolderServiceClient<Channel>,
    peers: Peers,
}

/// A project's canvas as registry is to show it.
#[derive(Debug, Clone)]
pub struct CanvasState {
    pub project: ProjectId,
    pub canvas: String,
    /// Grows with every save in the project.
    pub revision: i64,
}

impl Registry {
    /// # Errors
    /// Names the setting of registry when it is missing.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        let registry = peers.channel("registry")?;
        let folders = FolderServiceClient::new(registry.clone());
        Ok(Self { client: ProjectServiceClient::new(registry), folders, peers: peers.clone() })
    }

    /// Checks that a live project of the caller's tenant has this id, and tells who owns it.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when registry does not answer.
    pub async fn check_project(&self, ctx: &RequestContext, project: ProjectId) -> Result<UserId> {
        let message = CheckProjectRequest { tenant_id: ctx.tenant()?.into(), project_id: project.into() };
        let answer = self.client.clone().check_project(self.peers.request(ctx, message)).await?.into_inner();
        answer.owner_id.parse().map_err(Error::internal)
    }

    /// Finds a live folder of the caller's tenant, and tells of which project it is and who owns that.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when registry does not answer.
    pub async fn locate_folder(&self, ctx: &RequestContext, folder: FolderId) -> Result<Spot> {
        let message = LocateFolderRequest { tenant_id: ctx.tenant()?.into(), folder_id: folder.into() };
        let answer = self.folders.clone().locate_folder(self.peers.request(ctx, message)).await?.into_inner();
        Ok(Spot {
            project: answer.project_id.parse().map_err(Error::internal)?,
            project_owner: answer.project_owner_id.parse().map_err(Error::internal)?,
            folder: Some(folder),
        })
    }

    /// Tells a project's canvas; older revisions than the one that registry has change nothing there.
    ///
    /// # Errors
    /// `Unavailable` when registry does not answer. A project that is gone is no error.
    pub async fn apply_canvas(&self, ctx: &RequestContext, tenant: TenantId, state: CanvasState) -> Result<()> {
        let message = ApplyCanvasStateRequest {
            tenant_id: tenant.into(),
            project_id: state.project.into(),
            state: Some(Json::new(state.canvas)),
            revision: state.revision.unsigned_abs(),
        };
        match self.client.clone().apply_canvas_state(self.peers.request(ctx, message)).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(()),
            Err(status) => Err(status.into()),
        }
    }

    /// Tells a project's canvas at once, if registry answers soon.
    pub async fn apply_canvas_soon(&self, ctx: &RequestContext, tenant: TenantId, state: CanvasState) {
        let told = tokio::time::timeout(APPLY_TIMEOUT, self.apply_canvas(ctx, tenant, state)).await;
        match told {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.code() != Code::Unavailable => {
                tracing::warn!(%error, "registry refuses a canvas");
            }
            _ => tracing::info!("registry does not answer; the relay will tell it of the canvas"),
        }
    }
}
