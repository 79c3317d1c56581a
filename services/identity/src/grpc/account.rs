//! The door of `AccountService`.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::account_service_server::AccountService;

use super::{Answer, Door};
use crate::handlers::{email, invitation, mfa, password};

#[tonic::async_trait]
impl AccountService for Door {
    async fn change_password(&self, request: Request<pb::ChangePasswordRequest>) -> Answer<pb::ChangePasswordResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(password::change(&self.app, &ctx, request).await?))
    }

    async fn request_password_reset(
        &self,
        request: Request<pb::RequestPasswordResetRequest>,
    ) -> Answer<pb::RequestPasswordResetResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(password::request_reset(&self.app, &ctx, &request).await?))
    }

    async fn reset_password(&self, request: Request<pb::ResetPasswordRequest>) -> Answer<pb::ResetPasswordResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(password::reset(&self.app, &ctx, request).await?))
    }

    async fn request_email_verification(
        &self,
        request: Request<pb::RequestEmailVerificationRequest>,
    ) -> Answer<pb::RequestEmailVerificationResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(email::request_verification(&self.app, &ctx).await?))
    }

    async fn verify_email(&self, request: Request<pb::VerifyEmailRequest>) -> Answer<pb::VerifyEmailResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(email::verify(&self.app, &ctx, &request).await?))
    }

    async fn enroll_totp(&self, request: Request<pb::EnrollTotpRequest>) -> Answer<pb::EnrollTotpResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(mfa::enroll(&self.app, &ctx, request).await?))
    }

    async fn confirm_totp(&self, request: Request<pb::ConfirmTotpRequest>) -> Answer<pb::ConfirmTotpResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(mfa::confirm(&self.app, &ctx, &request).await?))
    }

    async fn disable_totp(&self, request: Request<pb::DisableTotpRequest>) -> Answer<pb::DisableTotpResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(mfa::disable(&self.app, &ctx, request).await?))
    }

    async fn replace_recovery_codes(
        &self,
        request: Request<pb::ReplaceRecoveryCodesRequest>,
    ) -> Answer<pb::ReplaceRecoveryCodesResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(mfa::replace_recovery_codes(&self.app, &ctx, request).await?))
    }

    async fn create_invitation(
        &self,
        request: Request<pb::CreateInvitationRequest>,
    ) -> Answer<pb::CreateInvitationResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(invitation::create(&self.app, &ctx, &request).await?))
    }

    async fn list_invitations(
        &self,
        request: Request<pb::ListInvitationsRequest>,
    ) -> Answer<pb::ListInvitationsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(invitation::list(&self.app, &ctx, &request).await?))
    }

    async fn revoke_invitation(
        &self,
        request: Request<pb::RevokeInvitationRequest>,
    ) -> Answer<pb::RevokeInvitationResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(invitation::revoke(&self.app, &ctx, &request).await?))
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Answer<pb::AcceptInvitationResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(invitation::accept(&self.app, &ctx, request).await?))
    }
}
