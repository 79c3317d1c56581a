//! Projects and workflows as identity asks for them, without the services that have them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::routing::post;
use futures::future::{Ready, ready};
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::{Response, Status};
use tonic_prost::ProstCodec;
use trinity_proto::registry::{CheckProjectRequest, CheckProjectResponse};
use trinity_proto::workflow::{LocateWorkflowRequest, LocateWorkflowResponse};

/// By tenant and id.
#[derive(Clone, Default)]
pub struct Objects {
    projects: Arc<Mutex<HashMap<(String, String), CheckProjectResponse>>>,
    workflows: Arc<Mutex<HashMap<(String, String), LocateWorkflowResponse>>>,
}

impl Objects {
    /// A project of this owner; the answer is its id.
    pub fn project(&self, tenant: &str, owner_id: &str) -> String {
        let id = trinity_ids::ProjectId::new().to_string();
        let answer = CheckProjectResponse { owner_id: owner_id.to_owned() };
        self.projects.lock().unwrap().insert((tenant.to_owned(), id.clone()), answer);
        id
    }

    /// A workflow in a project; the answer is its id.
    pub fn workflow(&self, tenant: &str, owner_id: &str, project_id: &str) -> String {
        let id = trinity_ids::WorkflowId::new().to_string();
        let project = self.projects.lock().unwrap()[&(tenant.to_owned(), project_id.to_owned())].clone();
        let answer = LocateWorkflowResponse {
            owner_id: owner_id.to_owned(),
            project_id: project_id.to_owned(),
            project_owner_id: project.owner_id,
        };
        self.workflows.lock().unwrap().insert((tenant.to_owned(), id.clone()), answer);
        id
    }

    /// Deletes a project.
    pub fn remove(&self, tenant: &str, project_id: &str) {
        self.projects.lock().unwrap().remove(&(tenant.to_owned(), project_id.to_owned()));
    }

    /// Both services' doors, open to everybody.
    pub fn routes(&self) -> Routes {
        let (projects, workflows) = (self.clone(), self.clone());
        let check = move |request: Request| async move {
            Grpc::new(ProstCodec::<CheckProjectResponse, CheckProjectRequest>::default()).unary(projects, request).await
        };
        let locate = move |request: Request| async move {
            let codec = ProstCodec::<LocateWorkflowResponse, LocateWorkflowRequest>::default();
            Grpc::new(codec).unary(workflows, request).await
        };
        let router = axum::Router::new()
            .route("/trinity.registry.v1.ProjectService/CheckProject", post(check))
            .route("/trinity.workflow.v1.WorkflowService/LocateWorkflow", post(locate));
        Routes::from(router)
    }
}

impl UnaryService<CheckProjectRequest> for Objects {
    type Response = CheckProjectResponse;
    type Future = Ready<Result<Response<CheckProjectResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<CheckProjectRequest>) -> Self::Future {
        let CheckProjectRequest { tenant_id, project_id } = request.into_inner();
        let found = self.projects.lock().unwrap().get(&(tenant_id, project_id)).cloned();
        ready(found.map(Response::new).ok_or_else(|| trinity_error::Error::not_found("project").into()))
    }
}

impl UnaryService<LocateWorkflowRequest> for Objects {
    type Response = LocateWorkflowResponse;
    type Future = Ready<Result<Response<LocateWorkflowResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<LocateWorkflowRequest>) -> Self::Future {
        let LocateWorkflowRequest { tenant_id, workflow_id } = request.into_inner();
        let found = self.workflows.lock().unwrap().get(&(tenant_id, workflow_id)).cloned();
        ready(found.map(Response::new).ok_or_else(|| trinity_error::Error::not_found("workflow").into()))
    }
}
