//! Mails of other services.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::mail_service_server::MailService;

use super::{Answer, Door};
use crate::handlers::mail;

#[tonic::async_trait]
impl MailService for Door {
    async fn send_mail(&self, request: Request<pb::SendMailRequest>) -> Answer<pb::SendMailResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(mail::send(&self.app, &ctx, &request).await?))
    }
}
