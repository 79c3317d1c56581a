//! The services that workflow calls, answering by their contracts: registry with the built-in atoms, audit with yes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tonic::service::Routes;
use tonic::{Request, Response, Status};
use trinity_error::Error;
use trinity_ids::{FolderId, ProjectId, TenantId, UserId};
use trinity_proto::audit::audit_service_server::{AuditService, AuditServiceServer};
use trinity_proto::audit::{self, AppendBatchRequest, AppendBatchResponse, NewEvent};
use trinity_proto::common::Json;
use trinity_proto::registry as pb;
use trinity_proto::registry::atom_service_server::{AtomService, AtomServiceServer};
use trinity_proto::registry::folder_service_server::{FolderService, FolderServiceServer};
use trinity_proto::registry::project_service_server::{ProjectService, ProjectServiceServer};
use trinity_rpc::{Runtime, Service};

/// What registry knows, and what it was told. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Their owners by tenant and project.
    projects: HashMap<(String, String), UserId>,
    /// Their projects by tenant and folder.
    folders: HashMap<(String, String), ProjectId>,
    more_atoms: Vec<pb::AtomVersion>,
    /// Canvas and revision by project.
    canvases: HashMap<String, (String, u64)>,
    is_deaf: bool,
}

impl Registry {
    pub fn add_project(&self, tenant: TenantId, project: ProjectId, owner: UserId) {
        self.state().projects.insert((tenant.to_string(), project.to_string()), owner);
    }

    pub fn add_folder(&self, tenant: TenantId, project: ProjectId) -> FolderId {
        let folder = FolderId::new();
        self.state().folders.insert((tenant.to_string(), folder.to_string()), project);
        folder
    }

    pub fn remove_folder(&self, tenant: TenantId, folder: FolderId) {
        self.state().folders.remove(&(tenant.to_string(), folder.to_string()));
    }

    pub fn add_atom(&self, atom: pb::AtomVersion) {
        self.state().more_atoms.push(atom);
    }

    /// Whether it answers "unavailable" when it is told of a canvas.
    pub fn set_deaf(&self, is_deaf: bool) {
        self.state().is_deaf = is_deaf;
    }

    /// The project's canvas and its revision.
    pub fn canvas(&self, project: ProjectId) -> Option<(String, u64)> {
        self.state().canvases.get(&project.to_string()).cloned()
    }

    pub fn service(&self, runtime: &Runtime) -> Service {
        let routes = Routes::new(AtomServiceServer::new(self.clone()))
            .add_service(ProjectServiceServer::new(self.clone()))
            .add_service(FolderServiceServer::new(self.clone()));
        Service::new("registry", runtime, routes, || async { true }).unwrap()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// A built-in atom as registry shows it.
pub fn atom_version(spec: &trinity_catalog::AtomSpec) -> pb::AtomVersion {
    pb::AtomVersion {
        atom: spec.slug.clone(),
        version: spec.version.clone(),
        config_schema: Some(Json::new(&*spec.config_schema)),
        example: Some(Json::new(&*spec.example)),
        min_inputs: spec.min_inputs,
        max_inputs: spec.max_inputs,
        outputs: spec.outputs.clone(),
        passthrough: spec.passthrough,
        active: true,
        r#type: spec.kind.clone(),
        ..pb::AtomVersion::default()
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn not_here<T>() -> Answer<T> {
    Err(Status::unimplemented("not a part of this test"))
}

#[tonic::async_trait]
impl AtomService for Registry {
    async fn get_catalog(&self, _: Request<pb::GetCatalogRequest>) -> Answer<pb::GetCatalogResponse> {
        let built_in = trinity_catalog::all().iter().map(atom_version);
        let versions = built_in.chain(self.state().more_atoms.iter().cloned()).collect();
        Ok(Response::new(pb::GetCatalogResponse { versions }))
    }
    async fn list_atoms(&self, _: Request<pb::ListAtomsRequest>) -> Answer<pb::ListAtomsResponse> {
        not_here()
    }
    async fn get_atom(&self, _: Request<pb::GetAtomRequest>) -> Answer<pb::GetAtomResponse> {
        not_here()
    }
    async fn list_atom_versions(
        &self,
        _: Request<pb::ListAtomVersionsRequest>,
    ) -> Answer<pb::ListAtomVersionsResponse> {
        not_here()
    }
}

#[tonic::async_trait]
impl ProjectService for Registry {
    async fn check_project(&self, request: Request<pb::CheckProjectRequest>) -> Answer<pb::CheckProjectResponse> {
        let asked = request.into_inner();
        let owner = self.state().projects.get(&(asked.tenant_id, asked.project_id)).copied();
        let owner = owner.ok_or_else(|| Error::not_found("project"))?;
        Ok(Response::new(pb::CheckProjectResponse { owner_id: owner.into() }))
    }
    async fn apply_canvas_state(
        &self,
        request: Request<pb::ApplyCanvasStateRequest>,
    ) -> Answer<pb::ApplyCanvasStateResponse> {
        let told = request.into_inner();
        let mut state = self.state();
        if state.is_deaf {
            return Err(Error::unavailable("registry").into());
        }
        let last = state.canvases.get(&told.project_id).map_or(0, |(_, revision)| *revision);
        if told.revision > last {
            state.canvases.insert(told.project_id, (told.state.unwrap_or_default().text, told.revision));
        }
        Ok(Response::new(pb::ApplyCanvasStateResponse {}))
    }
    async fn list_apps(&self, _: Request<pb::ListAppsRequest>) -> Answer<pb::ListAppsResponse> {
        not_here()
    }
    async fn create_project(&self, _: Request<pb::CreateProjectRequest>) -> Answer<pb::CreateProjectResponse> {
        not_here()
    }
    async fn get_project(&self, _: Request<pb::GetProjectRequest>) -> Answer<pb::GetProjectResponse> {
        not_here()
    }
    async fn list_projects(&self, _: Request<pb::ListProjectsRequest>) -> Answer<pb::ListProjectsResponse> {
        not_here()
    }
    async fn update_project(&self, _: Request<pb::UpdateProjectRequest>) -> Answer<pb::UpdateProjectResponse> {
        not_here()
    }
    async fn delete_project(&self, _: Request<pb::DeleteProjectRequest>) -> Answer<pb::DeleteProjectResponse> {
        not_here()
    }
    async fn restore_project(&self, _: Request<pb::RestoreProjectRequest>) -> Answer<pb::RestoreProjectResponse> {
        not_here()
    }
}

#[tonic::async_trait]
impl FolderService for Registry {
    async fn locate_folder(&self, request: Request<pb::LocateFolderRequest>) -> Answer<pb::LocateFolderResponse> {
        let asked = request.into_inner();
        let state = self.state();
        let project = state.folders.get(&(asked.tenant_id.clone(), asked.folder_id));
        let project = project.ok_or_else(|| Error::not_found("folder"))?;
        let owner = state.projects[&(asked.tenant_id, project.to_string())];
        Ok(Response::new(pb::LocateFolderResponse {
            project_id: project.to_string(),
            project_owner_id: owner.into(),
            parent_ids: Vec::new(),
        }))
    }
    async fn expand_folders(&self, _: Request<pb::ExpandFoldersRequest>) -> Answer<pb::ExpandFoldersResponse> {
        not_here()
    }
    async fn create_folder(&self, _: Request<pb::CreateFolderRequest>) -> Answer<pb::CreateFolderResponse> {
        not_here()
    }
    async fn list_folders(&self, _: Request<pb::ListFoldersRequest>) -> Answer<pb::ListFoldersResponse> {
        not_here()
    }
    async fn get_folder(&self, _: Request<pb::GetFolderRequest>) -> Answer<pb::GetFolderResponse> {
        not_here()
    }
    async fn update_folder(&self, _: Request<pb::UpdateFolderRequest>) -> Answer<pb::UpdateFolderResponse> {
        not_here()
    }
    async fn move_folder(&self, _: Request<pb::MoveFolderRequest>) -> Answer<pb::MoveFolderResponse> {
        not_here()
    }
    async fn delete_folder(&self, _: Request<pb::DeleteFolderRequest>) -> Answer<pb::DeleteFolderResponse> {
        not_here()
    }
}

/// Takes every event, once by its id.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Vec<NewEvent>>>);

impl Audit {
    pub fn events(&self) -> Vec<NewEvent> {
        self.0.lock().unwrap().clone()
    }

    pub fn service(&self, runtime: &Runtime) -> Service {
        Service::new("audit", runtime, Routes::new(AuditServiceServer::new(self.clone())), || async { true }).unwrap()
    }
}

#[tonic::async_trait]
impl AuditService for Audit {
    async fn append_batch(&self, request: Request<AppendBatchRequest>) -> Answer<AppendBatchResponse> {
        let mut events = self.0.lock().unwrap();
        for event in request.into_inner().events {
            if !events.iter().any(|known| known.id == event.id) {
                events.push(event);
            }
        }
        Ok(Response::new(AppendBatchResponse {}))
    }
    async fn list_events(&self, _: Request<audit::ListEventsRequest>) -> Answer<audit::ListEventsResponse> {
        not_here()
    }
    async fn verify_chain(&self, _: Request<audit::VerifyChainRequest>) -> Answer<audit::VerifyChainResponse> {
        not_here()
    }
}
