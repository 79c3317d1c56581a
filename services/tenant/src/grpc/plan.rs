//! Plans, subscriptions, flags, usage and budgets.

use tonic::{Request, Response};
use trinity_proto::tenant as pb;
use trinity_proto::tenant::plan_service_server::PlanService;
use trinity_rpc::open;

use super::{Answer, Door};
use crate::handlers::{budget, flag, plan, subscription, usage};

#[tonic::async_trait]
impl PlanService for Door {
    async fn list_plans(&self, request: Request<pb::ListPlansRequest>) -> Answer<pb::ListPlansResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(plan::list(&self.app, &ctx).await?))
    }

    async fn set_plan(&self, request: Request<pb::SetPlanRequest>) -> Answer<pb::SetPlanResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(plan::set(&self.app, &ctx, request).await?))
    }

    async fn get_subscription(
        &self,
        request: Request<pb::GetSubscriptionRequest>,
    ) -> Answer<pb::GetSubscriptionResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(subscription::get(&self.app, &ctx).await?))
    }

    async fn set_subscription(
        &self,
        request: Request<pb::SetSubscriptionRequest>,
    ) -> Answer<pb::SetSubscriptionResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(subscription::set(&self.app, &ctx, request).await?))
    }

    async fn list_flags(&self, request: Request<pb::ListFlagsRequest>) -> Answer<pb::ListFlagsResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(flag::list(&self.app, &ctx).await?))
    }

    async fn set_flag_default(
        &self,
        request: Request<pb::SetFlagDefaultRequest>,
    ) -> Answer<pb::SetFlagDefaultResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(flag::set_default(&self.app, &ctx, &request).await?))
    }

    async fn set_tenant_flag(&self, request: Request<pb::SetTenantFlagRequest>) -> Answer<pb::SetTenantFlagResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(flag::set_own(&self.app, &ctx, &request).await?))
    }

    async fn get_usage(&self, request: Request<pb::GetUsageRequest>) -> Answer<pb::GetUsageResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(usage::get(&self.app, &ctx, &request).await?))
    }

    async fn record_usage(&self, request: Request<pb::RecordUsageRequest>) -> Answer<pb::RecordUsageResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(usage::record(&self.app, &ctx, request).await?))
    }

    async fn set_budget(&self, request: Request<pb::SetBudgetRequest>) -> Answer<pb::SetBudgetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(budget::set(&self.app, &ctx, request).await?))
    }

    async fn list_budgets(&self, request: Request<pb::ListBudgetsRequest>) -> Answer<pb::ListBudgetsResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(budget::list(&self.app, &ctx).await?))
    }

    async fn delete_budget(&self, request: Request<pb::DeleteBudgetRequest>) -> Answer<pb::DeleteBudgetResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(budget::delete(&self.app, &ctx, &request).await?))
    }
}
