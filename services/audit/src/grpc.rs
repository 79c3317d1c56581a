//! The doors: one line per RPC, into the handlers.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trinity_proto::audit as pb;
use trinity_proto::audit::audit_service_server::AuditService;
use trinity_rpc::open;

use crate::app::App;
use crate::handlers::{append, list, verify};

/// Answers every RPC of this service.
#[derive(Clone)]
pub(crate) struct Door {
    pub app: Arc<App>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuditService for Door {
    async fn append_batch(&self, request: Request<pb::AppendBatchRequest>) -> Answer<pb::AppendBatchResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(append::append(&self.app, &ctx, request).await?))
    }

    async fn list_events(&self, request: Request<pb::ListEventsRequest>) -> Answer<pb::ListEventsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(list::list(&self.app, &ctx, request).await?))
    }

    async fn verify_chain(&self, request: Request<pb::VerifyChainRequest>) -> Answer<pb::VerifyChainResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(verify::verify(&self.app, &ctx).await?))
    }
}
