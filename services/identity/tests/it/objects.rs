//! Projects, folders, workflows and jobs as identity asks for them, without the services that have them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::routing::post;
use futures::future::{Ready, ready};
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::{Response, Status};
use tonic_prost::ProstCodec;
use trinity_error::Error;
use trinity_proto::registry::{
    CheckProjectRequest, CheckProjectResponse, ExpandFoldersRequest, ExpandFoldersResponse, ExpandedFolder,
    LocateFolderRequest, LocateFolderResponse,
};
use trinity_proto::workflow::find_place_request::Thing;
use trinity_proto::workflow::{
    FindPlaceRequest, FindPlaceResponse, FolderContents, ListFolderContentsRequest, ListFolderContentsResponse,
};

/// By tenant and id.
type Known<T> = HashMap<(String, String), T>;

#[derive(Clone, Default)]
pub struct Objects(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    projects: Known<CheckProjectResponse>,
    folders: Known<LocateFolderResponse>,
    workflows: Known<FindPlaceResponse>,
    jobs: Known<FindPlaceResponse>,
}

fn key(tenant: &str, id: &str) -> (String, String) {
    (tenant.to_owned(), id.to_owned())
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Objects {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A project of this owner; the answer is its id.
    pub fn project(&self, tenant: &str, owner_id: &str) -> String {
        let (id, answer) = (new_id(), CheckProjectResponse { owner_id: owner_id.to_owned() });
        self.state().projects.insert(key(tenant, &id), answer);
        id
    }

    /// A folder in a project, and in another folder of it unless `parent` is empty; the answer is its id.
    pub fn folder(&self, tenant: &str, project_id: &str, parent: &str) -> String {
        let id = new_id();
        self.move_folder(tenant, &id, project_id, parent);
        id
    }

    /// Puts a folder somewhere else; what is in it stays in it.
    pub fn move_folder(&self, tenant: &str, id: &str, project_id: &str, parent: &str) {
        let mut state = self.state();
        let project_owner_id = state.projects[&key(tenant, project_id)].owner_id.clone();
        let mut parent_ids = Vec::new();
        if !parent.is_empty() {
            parent_ids = vec![parent.to_owned()];
            parent_ids.extend(state.folders[&key(tenant, parent)].parent_ids.iter().cloned());
        }
        let place = LocateFolderResponse { project_id: project_id.to_owned(), project_owner_id, parent_ids };
        state.folders.insert(key(tenant, id), place);
    }

    /// A workflow in a project; the answer is its id.
    pub fn workflow(&self, tenant: &str, owner_id: &str, project_id: &str) -> String {
        self.workflow_in(tenant, owner_id, project_id, "")
    }

    /// A workflow in a folder of a project.
    pub fn workflow_in(&self, tenant: &str, owner_id: &str, project_id: &str, folder_id: &str) -> String {
        let id = new_id();
        let mut state = self.state();
        let place = state.place(tenant, owner_id, project_id, folder_id);
        state.workflows.insert(key(tenant, &id), place);
        id
    }

    /// A job in a project, and in a folder of it unless `folder_id` is empty; the answer is its id.
    pub fn job(&self, tenant: &str, owner_id: &str, project_id: &str, folder_id: &str) -> String {
        let id = new_id();
        let mut state = self.state();
        let place = state.place(tenant, owner_id, project_id, folder_id);
        state.jobs.insert(key(tenant, &id), place);
        id
    }

    /// Deletes a project.
    pub fn remove(&self, tenant: &str, project_id: &str) {
        self.state().projects.remove(&key(tenant, project_id));
    }

    /// Both services' doors, open to everybody.
    pub fn routes(&self) -> Routes {
        macro_rules! door {
            ($request:ty, $response:ty) => {{
                let objects = self.clone();
                post(move |request: Request| async move {
                    let codec = ProstCodec::<$response, $request>::default();
                    Grpc::new(codec).unary(Answering(objects), request).await
                })
            }};
        }
        let (registry, workflow) = ("/trinity.registry.v1", "/trinity.workflow.v1");
        let router = axum::Router::new()
            .route(&format!("{registry}.ProjectService/CheckProject"), door!(CheckProjectRequest, CheckProjectResponse))
            .route(&format!("{registry}.FolderService/LocateFolder"), door!(LocateFolderRequest, LocateFolderResponse))
            .route(
                &format!("{registry}.FolderService/ExpandFolders"),
                door!(ExpandFoldersRequest, ExpandFoldersResponse),
            )
            .route(&format!("{workflow}.PlacementService/FindPlace"), door!(FindPlaceRequest, FindPlaceResponse))
            .route(
                &format!("{workflow}.PlacementService/ListFolderContents"),
                door!(ListFolderContentsRequest, ListFolderContentsResponse),
            );
        Routes::from(router)
    }
}

impl State {
    fn place(&self, tenant: &str, owner_id: &str, project_id: &str, folder_id: &str) -> FindPlaceResponse {
        FindPlaceResponse {
            owner_id: owner_id.to_owned(),
            project_id: project_id.to_owned(),
            project_owner_id: self.projects[&key(tenant, project_id)].owner_id.clone(),
            folder_id: folder_id.to_owned(),
        }
    }

    fn expand(&self, tenant: &str, folder_id: String) -> ExpandedFolder {
        let within = |place: &LocateFolderResponse| place.parent_ids.contains(&folder_id);
        let contained = self.folders.iter().filter(|((of, _), place)| of == tenant && within(place));
        let contained_ids = contained.map(|((_, id), _)| id.clone()).collect();
        ExpandedFolder { folder_id, contained_ids }
    }

    fn contents(&self, tenant: &str, folder_id: String) -> FolderContents {
        let lying = |known: &Known<FindPlaceResponse>| {
            let there = known.iter().filter(|((of, _), place)| of == tenant && place.folder_id == folder_id);
            there.map(|((_, id), _)| id.clone()).collect::<Vec<_>>()
        };
        let (workflow_ids, job_ids) = (lying(&self.workflows), lying(&self.jobs));
        FolderContents { folder_id, live: 0, workflow_ids, job_ids }
    }
}

/// One answer of the services.
struct Answering(Objects);

macro_rules! answers {
    ($request:ty, $response:ty, $answer:expr) => {
        impl UnaryService<$request> for Answering {
            type Response = $response;
            type Future = Ready<Result<Response<$response>, Status>>;

            fn call(&mut self, request: tonic::Request<$request>) -> Self::Future {
                let answer: fn(&State, $request) -> Result<$response, Error> = $answer;
                ready(answer(&self.0.state(), request.into_inner()).map(Response::new).map_err(Status::from))
            }
        }
    };
}

fn found<T: Clone>(known: &Known<T>, tenant: String, id: String, noun: &str) -> Result<T, Error> {
    known.get(&(tenant, id)).cloned().ok_or_else(|| Error::not_found(noun))
}

answers!(CheckProjectRequest, CheckProjectResponse, |state, asked| {
    found(&state.projects, asked.tenant_id, asked.project_id, "project")
});
answers!(LocateFolderRequest, LocateFolderResponse, |state, asked| {
    found(&state.folders, asked.tenant_id, asked.folder_id, "folder")
});
answers!(FindPlaceRequest, FindPlaceResponse, |state, asked| match asked.thing.unwrap() {
    Thing::WorkflowId(id) => found(&state.workflows, asked.tenant_id, id, "workflow"),
    Thing::JobId(id) => found(&state.jobs, asked.tenant_id, id, "job"),
});
answers!(ExpandFoldersRequest, ExpandFoldersResponse, |state, asked| {
    let live = asked.folder_ids.into_iter().filter(|id| state.folders.contains_key(&key(&asked.tenant_id, id)));
    Ok(ExpandFoldersResponse { folders: live.map(|id| state.expand(&asked.tenant_id, id)).collect() })
});
answers!(ListFolderContentsRequest, ListFolderContentsResponse, |state, asked| {
    let contents = asked.folder_ids.into_iter().map(|id| state.contents(&asked.tenant_id, id));
    Ok(ListFolderContentsResponse { folders: contents.collect() })
});
