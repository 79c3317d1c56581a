//! What is in which folder, as identity asks registry and workflow for it: an answer of the model's own facts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::routing::post;
use futures::future::{Ready, ready};
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::{Response, Status};
use tonic_prost::ProstCodec;
use trinity_access::{Object, ObjectKind};
use trinity_proto::registry::{ExpandFoldersRequest, ExpandFoldersResponse, ExpandedFolder};
use trinity_proto::workflow::{FolderContents, ListFolderContentsRequest, ListFolderContentsResponse};
use uuid::Uuid;

/// Every object with what it is in.
#[derive(Clone, Default)]
pub(super) struct Shelves(Arc<Mutex<BTreeMap<Object, Option<Object>>>>);

impl Shelves {
    pub(super) fn put(&self, object: Object, parent: Option<Object>) {
        self.0.lock().unwrap().insert(object, parent);
    }

    /// Both services' doors, open to everybody.
    pub(super) fn routes(&self) -> Routes {
        let (folders, contents) = (self.clone(), self.clone());
        let expand = move |request: Request| async move {
            let codec = ProstCodec::<ExpandFoldersResponse, ExpandFoldersRequest>::default();
            Grpc::new(codec).unary(folders, request).await
        };
        let list = move |request: Request| async move {
            let codec = ProstCodec::<ListFolderContentsResponse, ListFolderContentsRequest>::default();
            Grpc::new(codec).unary(contents, request).await
        };
        let router = axum::Router::new()
            .route("/trinity.registry.v1.FolderService/ExpandFolders", post(expand))
            .route("/trinity.workflow.v1.PlacementService/ListFolderContents", post(list));
        Routes::from(router)
    }

    /// Those of a kind for which `holds` of what they are in.
    fn ids(&self, kind: ObjectKind, holds: impl Fn(&BTreeMap<Object, Option<Object>>, Object) -> bool) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let found = all.keys().filter(|object| object.kind == kind && holds(&all, **object));
        found.map(|object| object.id.to_string()).collect()
    }
}

fn folder(id: &str) -> Object {
    Object { kind: ObjectKind::Folder, id: id.parse::<Uuid>().unwrap() }
}

impl UnaryService<ExpandFoldersRequest> for Shelves {
    type Response = ExpandFoldersResponse;
    type Future = Ready<Result<Response<ExpandFoldersResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<ExpandFoldersRequest>) -> Self::Future {
        let expanded = |folder_id: String| {
            let around = |all: &BTreeMap<Object, Option<Object>>, object: Object| {
                std::iter::successors(all[&object], |next| all[next]).any(|next| next == folder(&folder_id))
            };
            ExpandedFolder { contained_ids: self.ids(ObjectKind::Folder, around), folder_id }
        };
        let folders = request.into_inner().folder_ids.into_iter().map(expanded).collect();
        ready(Ok(Response::new(ExpandFoldersResponse { folders })))
    }
}

impl UnaryService<ListFolderContentsRequest> for Shelves {
    type Response = ListFolderContentsResponse;
    type Future = Ready<Result<Response<ListFolderContentsResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<ListFolderContentsRequest>) -> Self::Future {
        let contents = |folder_id: String| {
            let within = |all: &BTreeMap<Object, Option<Object>>, object| all[&object] == Some(folder(&folder_id));
            FolderContents {
                workflow_ids: self.ids(ObjectKind::Workflow, within),
                job_ids: self.ids(ObjectKind::Job, within),
                live: 0,
                folder_id,
            }
        };
        let folders = request.into_inner().folder_ids.into_iter().map(contents).collect();
        ready(Ok(Response::new(ListFolderContentsResponse { folders })))
    }
}
