//! The contract's doors: one line an RPC, into `handlers`.

mod access;
mod account;
mod delegation;
mod environment;
mod mail;
mod service_account;
mod staff;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trinity_proto::identity as pb;
use trinity_proto::identity::auth_service_server::AuthService;
use trinity_proto::identity::user_service_server::UserService;

use crate::handlers::{keys, login, me, refresh, second_step, session, user};
use crate::wiring::App;

pub(crate) struct Door {
    pub app: Arc<App>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for Door {
    async fn login(&self, request: Request<pb::LoginRequest>) -> Answer<pb::LoginResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(login::login(&self.app, &ctx, request).await?))
    }

    async fn refresh_token(&self, request: Request<pb::RefreshTokenRequest>) -> Answer<pb::RefreshTokenResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(refresh::refresh(&self.app, &ctx, &request).await?))
    }

    async fn logout(&self, request: Request<pb::LogoutRequest>) -> Answer<pb::LogoutResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(session::logout(&self.app, &ctx).await?))
    }

    async fn get_me(&self, request: Request<pb::GetMeRequest>) -> Answer<pb::GetMeResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(me::get(&self.app, &ctx).await?))
    }

    async fn list_sessions(&self, request: Request<pb::ListSessionsRequest>) -> Answer<pb::ListSessionsResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(session::list(&self.app, &ctx).await?))
    }

    async fn revoke_session(&self, request: Request<pb::RevokeSessionRequest>) -> Answer<pb::RevokeSessionResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(session::revoke(&self.app, &ctx, &request).await?))
    }

    async fn get_jwks(&self, _request: Request<pb::GetJwksRequest>) -> Answer<pb::GetJwksResponse> {
        Ok(Response::new(keys::jwks(&self.app)?))
    }

    async fn revoke_all_sessions(
        &self,
        request: Request<pb::RevokeAllSessionsRequest>,
    ) -> Answer<pb::RevokeAllSessionsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(session::revoke_all(&self.app, &ctx, &request).await?))
    }

    async fn verify_mfa(&self, request: Request<pb::VerifyMfaRequest>) -> Answer<pb::VerifyMfaResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(second_step::verify(&self.app, &ctx, &request).await?))
    }
}

#[tonic::async_trait]
impl UserService for Door {
    async fn create_user(&self, request: Request<pb::CreateUserRequest>) -> Answer<pb::CreateUserResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(user::create(&self.app, &ctx, request).await?))
    }

    async fn get_user(&self, request: Request<pb::GetUserRequest>) -> Answer<pb::GetUserResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(user::get(&self.app, &ctx, &request).await?))
    }

    async fn list_users(&self, request: Request<pb::ListUsersRequest>) -> Answer<pb::ListUsersResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(user::list(&self.app, &ctx, &request).await?))
    }

    async fn update_user(&self, request: Request<pb::UpdateUserRequest>) -> Answer<pb::UpdateUserResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(user::update(&self.app, &ctx, request).await?))
    }
}
