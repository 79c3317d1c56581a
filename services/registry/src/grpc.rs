//! The doors: one line per RPC, into the handlers.

use std::sync::Arc;

use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};
use trinity_proto::registry as pb;
use trinity_proto::registry::atom_service_server::AtomService;
use trinity_proto::registry::dataset_service_server::DatasetService;
use trinity_proto::registry::project_service_server::ProjectService;
use trinity_rpc::open;

use crate::app::App;
use crate::handlers::{app, atom, dataset, download, internal, preview, project, upload};

mod folder;

/// Answers every RPC of this service.
#[derive(Clone)]
pub(crate) struct Door {
    pub app: Arc<App>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ProjectService for Door {
    async fn list_apps(&self, request: Request<pb::ListAppsRequest>) -> Answer<pb::ListAppsResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(app::list(&self.app, &ctx).await?))
    }

    async fn create_project(&self, request: Request<pb::CreateProjectRequest>) -> Answer<pb::CreateProjectResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(project::create(&self.app, &ctx, request).await?))
    }

    async fn get_project(&self, request: Request<pb::GetProjectRequest>) -> Answer<pb::GetProjectResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(project::get(&self.app, &ctx, request).await?))
    }

    async fn list_projects(&self, request: Request<pb::ListProjectsRequest>) -> Answer<pb::ListProjectsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(project::list(&self.app, &ctx, request).await?))
    }

    async fn update_project(&self, request: Request<pb::UpdateProjectRequest>) -> Answer<pb::UpdateProjectResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(project::update(&self.app, &ctx, request).await?))
    }

    async fn delete_project(&self, request: Request<pb::DeleteProjectRequest>) -> Answer<pb::DeleteProjectResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(project::delete(&self.app, &ctx, request).await?))
    }

    async fn restore_project(&self, request: Request<pb::RestoreProjectRequest>) -> Answer<pb::RestoreProjectResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(project::restore(&self.app, &ctx, request).await?))
    }

    async fn check_project(&self, request: Request<pb::CheckProjectRequest>) -> Answer<pb::CheckProjectResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(internal::check_project(&self.app, &ctx, request).await?))
    }

    async fn apply_canvas_state(
        &self,
        request: Request<pb::ApplyCanvasStateRequest>,
    ) -> Answer<pb::ApplyCanvasStateResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(internal::apply_canvas_state(&self.app, &ctx, request).await?))
    }
}

#[tonic::async_trait]
impl AtomService for Door {
    async fn list_atoms(&self, request: Request<pb::ListAtomsRequest>) -> Answer<pb::ListAtomsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(atom::list(&self.app, &ctx, request).await?))
    }

    async fn get_atom(&self, request: Request<pb::GetAtomRequest>) -> Answer<pb::GetAtomResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(atom::get(&self.app, &ctx, request).await?))
    }

    async fn list_atom_versions(
        &self,
        request: Request<pb::ListAtomVersionsRequest>,
    ) -> Answer<pb::ListAtomVersionsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(atom::list_versions(&self.app, &ctx, request).await?))
    }

    async fn get_catalog(&self, _: Request<pb::GetCatalogRequest>) -> Answer<pb::GetCatalogResponse> {
        Ok(Response::new(atom::catalog(&self.app).await?))
    }
}

#[tonic::async_trait]
impl DatasetService for Door {
    type DownloadDatasetStream = BoxStream<'static, Result<pb::DownloadDatasetResponse, Status>>;

    async fn upload_dataset(
        &self,
        request: Request<Streaming<pb::UploadDatasetRequest>>,
    ) -> Answer<pb::UploadDatasetResponse> {
        let (ctx, stream) = open(request);
        Ok(Response::new(upload::upload(&self.app, ctx, stream).await?))
    }

    async fn list_datasets(&self, request: Request<pb::ListDatasetsRequest>) -> Answer<pb::ListDatasetsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(dataset::list(&self.app, &ctx, request).await?))
    }

    async fn get_dataset(&self, request: Request<pb::GetDatasetRequest>) -> Answer<pb::GetDatasetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(dataset::get(&self.app, &ctx, request).await?))
    }

    async fn get_dataset_schema(
        &self,
        request: Request<pb::GetDatasetSchemaRequest>,
    ) -> Answer<pb::GetDatasetSchemaResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(dataset::get_schema(&self.app, &ctx, request).await?))
    }

    async fn preview_dataset(&self, request: Request<pb::PreviewDatasetRequest>) -> Answer<pb::PreviewDatasetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(preview::preview(&self.app, &ctx, request).await?))
    }

    async fn download_dataset(
        &self,
        request: Request<pb::DownloadDatasetRequest>,
    ) -> Answer<Self::DownloadDatasetStream> {
        let (ctx, request) = open(request);
        Ok(Response::new(download::download(&self.app, ctx, request).await?))
    }

    async fn delete_dataset(&self, request: Request<pb::DeleteDatasetRequest>) -> Answer<pb::DeleteDatasetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(dataset::delete(&self.app, &ctx, request).await?))
    }

    async fn resolve_datasets(
        &self,
        request: Request<pb::ResolveDatasetsRequest>,
    ) -> Answer<pb::ResolveDatasetsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(internal::resolve_datasets(&self.app, &ctx, request).await?))
    }

    async fn register_outputs(
        &self,
        request: Request<pb::RegisterOutputsRequest>,
    ) -> Answer<pb::RegisterOutputsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(internal::register_outputs(&self.app, &ctx, request).await?))
    }
}
