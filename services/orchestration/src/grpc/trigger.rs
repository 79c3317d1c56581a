//! Schedules, calendars and hooks.

use tonic::{Request, Response};
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::calendar_service_server::CalendarService;
use trinity_proto::orchestration::hook_service_server::HookService;
use trinity_proto::orchestration::schedule_service_server::ScheduleService;
use trinity_rpc::open;

use super::{Answer, Door};
use crate::handlers::{calendar, hook, incoming, schedule};

#[tonic::async_trait]
impl ScheduleService for Door {
    async fn create_schedule(&self, request: Request<pb::CreateScheduleRequest>) -> Answer<pb::CreateScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::create(&self.app, &ctx, request).await?))
    }
    async fn get_schedule(&self, request: Request<pb::GetScheduleRequest>) -> Answer<pb::GetScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::get(&self.app, &ctx, request).await?))
    }
    async fn list_schedules(&self, request: Request<pb::ListSchedulesRequest>) -> Answer<pb::ListSchedulesResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::list(&self.app, &ctx, request).await?))
    }
    async fn update_schedule(&self, request: Request<pb::UpdateScheduleRequest>) -> Answer<pb::UpdateScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::update(&self.app, &ctx, request).await?))
    }
    async fn delete_schedule(&self, request: Request<pb::DeleteScheduleRequest>) -> Answer<pb::DeleteScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::delete(&self.app, &ctx, request).await?))
    }
    async fn pause_schedule(&self, request: Request<pb::PauseScheduleRequest>) -> Answer<pb::PauseScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::pause(&self.app, &ctx, request).await?))
    }
    async fn resume_schedule(&self, request: Request<pb::ResumeScheduleRequest>) -> Answer<pb::ResumeScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::resume(&self.app, &ctx, request).await?))
    }
    async fn list_fires(&self, request: Request<pb::ListFiresRequest>) -> Answer<pb::ListFiresResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::list_fires(&self.app, &ctx, request).await?))
    }
    async fn preview_schedule(
        &self,
        request: Request<pb::PreviewScheduleRequest>,
    ) -> Answer<pb::PreviewScheduleResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(schedule::preview(&self.app, &ctx, request).await?))
    }
}

#[tonic::async_trait]
impl CalendarService for Door {
    async fn create_calendar(&self, request: Request<pb::CreateCalendarRequest>) -> Answer<pb::CreateCalendarResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(calendar::create(&self.app, &ctx, request).await?))
    }
    async fn get_calendar(&self, request: Request<pb::GetCalendarRequest>) -> Answer<pb::GetCalendarResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(calendar::get(&self.app, &ctx, request).await?))
    }
    async fn list_calendars(&self, request: Request<pb::ListCalendarsRequest>) -> Answer<pb::ListCalendarsResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(calendar::list(&self.app, &ctx).await?))
    }
    async fn update_calendar(&self, request: Request<pb::UpdateCalendarRequest>) -> Answer<pb::UpdateCalendarResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(calendar::update(&self.app, &ctx, request).await?))
    }
    async fn delete_calendar(&self, request: Request<pb::DeleteCalendarRequest>) -> Answer<pb::DeleteCalendarResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(calendar::delete(&self.app, &ctx, request).await?))
    }
}

#[tonic::async_trait]
impl HookService for Door {
    async fn create_hook(&self, request: Request<pb::CreateHookRequest>) -> Answer<pb::CreateHookResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(hook::create(&self.app, &ctx, request).await?))
    }
    async fn get_hook(&self, request: Request<pb::GetHookRequest>) -> Answer<pb::GetHookResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(hook::get(&self.app, &ctx, request).await?))
    }
    async fn list_hooks(&self, request: Request<pb::ListHooksRequest>) -> Answer<pb::ListHooksResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(hook::list(&self.app, &ctx, request).await?))
    }
    async fn update_hook(&self, request: Request<pb::UpdateHookRequest>) -> Answer<pb::UpdateHookResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(hook::update(&self.app, &ctx, request).await?))
    }
    async fn rotate_hook(&self, request: Request<pb::RotateHookRequest>) -> Answer<pb::RotateHookResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(hook::rotate(&self.app, &ctx, request).await?))
    }
    async fn delete_hook(&self, request: Request<pb::DeleteHookRequest>) -> Answer<pb::DeleteHookResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(hook::delete(&self.app, &ctx, request).await?))
    }
    async fn receive_hook(&self, request: Request<pb::ReceiveHookRequest>) -> Answer<pb::ReceiveHookResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(incoming::receive(&self.app, &ctx, request).await?))
    }
}
