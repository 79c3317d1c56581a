//! A tenant service of the tests' own: it remembers what it was told of usage.

use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;
use trinity_proto::tenant::plan_service_server::PlanService;

/// Remembers every batch, those too whose answer got lost.
#[derive(Clone, Default)]
pub struct FakePlans {
    batches: Arc<Mutex<Vec<pb::RecordUsageRequest>>>,
    answers_to_lose: Arc<Mutex<usize>>,
}

impl FakePlans {
    pub fn lose_answers(&self, count: usize) {
        *self.answers_to_lose.lock().unwrap() = count;
    }

    /// The batches so far that say something of a tenant.
    pub fn batches(&self, tenant: TenantId) -> Vec<pb::RecordUsageRequest> {
        let tenant = tenant.to_string();
        let of_tenant = |batch: &&pb::RecordUsageRequest| batch.entries.iter().any(|entry| entry.tenant_id == tenant);
        self.batches.lock().unwrap().iter().filter(of_tenant).cloned().collect()
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn not_needed<T>() -> Answer<T> {
    Err(Status::unimplemented("the registry does not call this"))
}

#[tonic::async_trait]
impl PlanService for FakePlans {
    async fn record_usage(&self, request: Request<pb::RecordUsageRequest>) -> Answer<pb::RecordUsageResponse> {
        self.batches.lock().unwrap().push(request.into_inner());
        let mut to_lose = self.answers_to_lose.lock().unwrap();
        if *to_lose > 0 {
            *to_lose -= 1;
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(Response::new(pb::RecordUsageResponse {}))
    }

    async fn list_plans(&self, _: Request<pb::ListPlansRequest>) -> Answer<pb::ListPlansResponse> {
        not_needed()
    }
    async fn set_plan(&self, _: Request<pb::SetPlanRequest>) -> Answer<pb::SetPlanResponse> {
        not_needed()
    }
    async fn get_subscription(&self, _: Request<pb::GetSubscriptionRequest>) -> Answer<pb::GetSubscriptionResponse> {
        not_needed()
    }
    async fn set_subscription(&self, _: Request<pb::SetSubscriptionRequest>) -> Answer<pb::SetSubscriptionResponse> {
        not_needed()
    }
    async fn list_flags(&self, _: Request<pb::ListFlagsRequest>) -> Answer<pb::ListFlagsResponse> {
        not_needed()
    }
    async fn set_flag_default(&self, _: Request<pb::SetFlagDefaultRequest>) -> Answer<pb::SetFlagDefaultResponse> {
        not_needed()
    }
    async fn set_tenant_flag(&self, _: Request<pb::SetTenantFlagRequest>) -> Answer<pb::SetTenantFlagResponse> {
        not_needed()
    }
    async fn get_usage(&self, _: Request<pb::GetUsageRequest>) -> Answer<pb::GetUsageResponse> {
        not_needed()
    }
    async fn set_budget(&self, _: Request<pb::SetBudgetRequest>) -> Answer<pb::SetBudgetResponse> {
        not_needed()
    }
    async fn list_budgets(&self, _: Request<pb::ListBudgetsRequest>) -> Answer<pb::ListBudgetsResponse> {
        not_needed()
    }
    async fn delete_budget(&self, _: Request<pb::DeleteBudgetRequest>) -> Answer<pb::DeleteBudgetResponse> {
        not_needed()
    }
}
