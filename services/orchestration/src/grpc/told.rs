//! Notifications, webhook targets and lineage.

use tonic::{Request, Response};
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::lineage_service_server::LineageService;
use trinity_proto::orchestration::notification_service_server::NotificationService;
use trinity_rpc::open;

use super::{Answer, Door};
use crate::handlers::{lineage, notification, webhook_target};

#[tonic::async_trait]
impl NotificationService for Door {
    async fn list_notifications(
        &self,
        request: Request<pb::ListNotificationsRequest>,
    ) -> Answer<pb::ListNotificationsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(notification::list(&self.app, &ctx, request).await?))
    }
    async fn read_notifications(
        &self,
        request: Request<pb::ReadNotificationsRequest>,
    ) -> Answer<pb::ReadNotificationsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(notification::read(&self.app, &ctx, request).await?))
    }
    async fn create_webhook_target(
        &self,
        request: Request<pb::CreateWebhookTargetRequest>,
    ) -> Answer<pb::CreateWebhookTargetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(webhook_target::create(&self.app, &ctx, request).await?))
    }
    async fn list_webhook_targets(
        &self,
        request: Request<pb::ListWebhookTargetsRequest>,
    ) -> Answer<pb::ListWebhookTargetsResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(webhook_target::list(&self.app, &ctx).await?))
    }
    async fn delete_webhook_target(
        &self,
        request: Request<pb::DeleteWebhookTargetRequest>,
    ) -> Answer<pb::DeleteWebhookTargetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(webhook_target::delete(&self.app, &ctx, request).await?))
    }
    async fn list_webhook_deliveries(
        &self,
        request: Request<pb::ListWebhookDeliveriesRequest>,
    ) -> Answer<pb::ListWebhookDeliveriesResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(webhook_target::list_deliveries(&self.app, &ctx, request).await?))
    }
}

#[tonic::async_trait]
impl LineageService for Door {
    async fn get_run_lineage(&self, request: Request<pb::GetRunLineageRequest>) -> Answer<pb::GetRunLineageResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(lineage::of_run(&self.app, &ctx, request).await?))
    }
    async fn get_dataset_lineage(
        &self,
        request: Request<pb::GetDatasetLineageRequest>,
    ) -> Answer<pb::GetDatasetLineageResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(lineage::of_dataset(&self.app, &ctx, request).await?))
    }
}
