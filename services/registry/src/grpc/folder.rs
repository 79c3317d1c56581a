//! The door of folders.

use tonic::{Request, Response};
use trinity_proto::registry as pb;
use trinity_proto::registry::folder_service_server::FolderService;
use trinity_rpc::open;

use super::{Answer, Door};
use crate::handlers::{folder, internal};

#[tonic::async_trait]
impl FolderService for Door {
    async fn create_folder(&self, request: Request<pb::CreateFolderRequest>) -> Answer<pb::CreateFolderResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(folder::create(&self.app, &ctx, request).await?))
    }

    async fn list_folders(&self, request: Request<pb::ListFoldersRequest>) -> Answer<pb::ListFoldersResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(folder::list(&self.app, &ctx, request).await?))
    }

    async fn get_folder(&self, request: Request<pb::GetFolderRequest>) -> Answer<pb::GetFolderResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(folder::get(&self.app, &ctx, request).await?))
    }

    async fn update_folder(&self, request: Request<pb::UpdateFolderRequest>) -> Answer<pb::UpdateFolderResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(folder::update(&self.app, &ctx, request).await?))
    }

    async fn move_folder(&self, request: Request<pb::MoveFolderRequest>) -> Answer<pb::MoveFolderResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(folder::relocate(&self.app, &ctx, request).await?))
    }

    async fn delete_folder(&self, request: Request<pb::DeleteFolderRequest>) -> Answer<pb::DeleteFolderResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(folder::delete(&self.app, &ctx, request).await?))
    }

    async fn locate_folder(&self, request: Request<pb::LocateFolderRequest>) -> Answer<pb::LocateFolderResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(internal::locate_folder(&self.app, &ctx, request).await?))
    }

    async fn expand_folders(&self, request: Request<pb::ExpandFoldersRequest>) -> Answer<pb::ExpandFoldersResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(internal::expand_folders(&self.app, &ctx, request).await?))
    }
}
