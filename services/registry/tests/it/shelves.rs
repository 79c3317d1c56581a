//! The workflow service as the registry asks it what lies in folders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use trinity_proto::workflow as pb;
use trinity_proto::workflow::placement_service_server::PlacementService;

/// How many live things lie in each folder. Cheap to clone.
#[derive(Clone, Default)]
pub struct FakeShelves(Arc<Mutex<HashMap<String, u32>>>);

impl FakeShelves {
    pub fn set(&self, folder: &str, live: u32) {
        self.0.lock().unwrap().insert(folder.to_owned(), live);
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn not_needed<T>() -> Answer<T> {
    Err(Status::unimplemented("the registry does not call this"))
}

#[tonic::async_trait]
impl PlacementService for FakeShelves {
    async fn list_folder_contents(
        &self,
        request: Request<pb::ListFolderContentsRequest>,
    ) -> Answer<pb::ListFolderContentsResponse> {
        let known = self.0.lock().unwrap();
        let contents = |folder_id: String| {
            let live = known.get(&folder_id).copied().unwrap_or_default();
            pb::FolderContents { folder_id, live, ..pb::FolderContents::default() }
        };
        let folders = request.into_inner().folder_ids.into_iter().map(contents).collect();
        Ok(Response::new(pb::ListFolderContentsResponse { folders }))
    }
    async fn move_workflow(&self, _: Request<pb::MoveWorkflowRequest>) -> Answer<pb::MoveWorkflowResponse> {
        not_needed()
    }
    async fn move_job(&self, _: Request<pb::MoveJobRequest>) -> Answer<pb::MoveJobResponse> {
        not_needed()
    }
    async fn find_place(&self, _: Request<pb::FindPlaceRequest>) -> Answer<pb::FindPlaceResponse> {
        not_needed()
    }
}
