//! Between the contract's messages and the domain.

pub mod access;
pub mod program;

use chrono::{DateTime, Datelike, Utc};
use trinity_authz::JsonWebKey;
use trinity_db::Page;
use trinity_error::{Error, Result};
use trinity_ids::SessionId;
use trinity_proto::Timestamp;
use trinity_proto::common::{Json, PageInfo};
use trinity_proto::identity as pb;

use crate::domain::{self, Changes, Email, Invitation, NewUser, Roles, Session, User};

impl TryFrom<&pb::CreateUserRequest> for NewUser {
    type Error = Error;

    fn try_from(request: &pb::CreateUserRequest) -> Result<Self> {
        Ok(Self {
            email: Email::parse(&request.email)?,
            username: domain::username(&request.username)?,
            full_name: domain::full_name(&request.full_name)?,
            roles: Roles::parse(&request.roles)?,
        })
    }
}

impl TryFrom<&pb::CreateFirstOwnerRequest> for NewUser {
    type Error = Error;

    fn try_from(request: &pb::CreateFirstOwnerRequest) -> Result<Self> {
        Ok(Self {
            email: Email::parse(&request.email)?,
            username: String::new(),
            full_name: domain::full_name(&request.full_name)?,
            roles: Roles::owner(),
        })
    }
}

impl TryFrom<pb::UpdateUserRequest> for Changes {
    type Error = Error;

    fn try_from(request: pb::UpdateUserRequest) -> Result<Self> {
        Ok(Self {
            version: request.version.map(version).transpose()?,
            full_name: request.full_name.as_deref().map(domain::full_name).transpose()?,
            active: request.active,
            roles: if request.roles.is_empty() { None } else { Some(Roles::parse(&request.roles)?) },
            settings: request.settings.map(|json| domain::document(json.text)).transpose()?,
            utc_offset_minutes: request.utc_offset_minutes.map(domain::utc_offset).transpose()?,
            photo_url: request.photo_url.as_deref().map(domain::photo_url).transpose()?,
        })
    }
}

impl From<User> for pb::User {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            username: user.username,
            full_name: user.full_name,
            utc_offset_minutes: user.utc_offset_minutes,
            settings: Some(Json::new(user.settings)),
            active: user.active,
            verified: user.verified,
            roles: user.roles.names().to_vec(),
            version: user.version.unsigned_abs(),
            last_login_at: user.last_login_at.map(timestamp),
            created_at: Some(timestamp(user.created_at)),
            updated_at: Some(timestamp(user.updated_at)),
            photo_url: user.photo_url,
            mfa_enabled: user.mfa_enabled,
        }
    }
}

/// A page of users.
pub fn user_page(page: Page<User>) -> pb::ListUsersResponse {
    let info = page_info(&page);
    pb::ListUsersResponse { users: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}

impl From<Invitation> for pb::Invitation {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email,
            roles: invitation.roles,
            invited_by: invitation.invited_by.to_string(),
            created_at: Some(timestamp(invitation.created_at)),
            expires_at: Some(timestamp(invitation.expires_at)),
        }
    }
}

/// A page of invitations.
pub fn invitation_page(page: Page<Invitation>) -> pb::ListInvitationsResponse {
    let info = page_info(&page);
    pb::ListInvitationsResponse { invitations: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}

/// Where a page stands in its list.
pub fn page_info<T>(page: &Page<T>) -> PageInfo {
    PageInfo {
        page: Some(page.request.page),
        per_page: page.request.per_page,
        total: Some(page.total),
        total_pages: Some(page.total_pages()),
        next_page_token: page.next_page_token(),
    }
}

/// A session as its user sees it who is now in the session `current`.
pub fn session(session: Session, current: SessionId) -> pb::Session {
    pb::Session {
        id: session.id.to_string(),
        ip: session.ip,
        user_agent: session.user_agent,
        current: session.id == current,
        created_at: Some(timestamp(session.created_at)),
        last_used_at: Some(timestamp(session.last_used_at)),
        expires_at: Some(timestamp(session.expires_at)),
    }
}

/// A public key as JWKS shows it. Source: RFC 8037, section 2.
pub fn jwk(key: JsonWebKey) -> pb::Jwk {
    pb::Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        kid: key.kid,
        x: key.x,
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
    }
}

/// The version that a change starts from.
///
/// # Errors
/// `InvalidArgument` naming `version`.
pub fn version(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|_| Error::invalid("version", "is too large"))
}

/// A moment that a caller has named.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub fn moment(field: &str, at: Timestamp) -> Result<DateTime<Utc>> {
    let nanos = u32::try_from(at.nanos).ok();
    // Why microseconds: that is what is stored, and so what is answered.
    let at = nanos.and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos / 1000 * 1000));
    at.filter(|at| (2000..10_000).contains(&at.year())).ok_or_else(|| Error::invalid(field, "is not a time"))
}

pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default() }
}
