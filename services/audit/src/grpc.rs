//! The doors: one line per RPC, into the handlers.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trinity_ids::TenantId;
use trinity_proto::audit as pb;
use trinity_proto::audit::audit_service_server::AuditService;
use trinity_proto::audit::platform_audit_service_server::PlatformAuditService;
use trinity_rpc::open;

use crate::app::App;
use crate::convert;
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

/// The installation's own trail is the chain of the nil tenant; the guard lets in only those who are in no tenant.
#[tonic::async_trait]
impl PlatformAuditService for Door {
    async fn list_platform_events(
        &self,
        request: Request<pb::ListPlatformEventsRequest>,
    ) -> Answer<pb::ListPlatformEventsResponse> {
        let (ctx, request) = open(request);
        let request = convert::list_request(request);
        let answer = list::list(&self.app, &ctx.for_tenant(TenantId::NIL), request).await?;
        Ok(Response::new(convert::platform_list(answer)))
    }

    async fn verify_platform_chain(
        &self,
        request: Request<pb::VerifyPlatformChainRequest>,
    ) -> Answer<pb::VerifyPlatformChainResponse> {
        let (ctx, _) = open(request);
        let answer = verify::verify(&self.app, &ctx.for_tenant(TenantId::NIL)).await?;
        Ok(Response::new(convert::platform_verification(answer)))
    }
}
