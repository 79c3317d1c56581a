//! The refusals that only this service has.

use trinity_error::{Code, Error};

/// Unknown tenant, unknown user, wrong password, inactive or locked account: one answer for all.
pub fn invalid_credentials() -> Error {
    Error::new(Code::Unauthenticated, "INVALID_CREDENTIALS", "tenant, e-mail or password is wrong")
}

/// A refresh token that is unknown, spent, expired, revoked or malformed: one answer for all.
pub fn invalid_refresh_token() -> Error {
    Error::new(Code::Unauthenticated, "INVALID_REFRESH_TOKEN", "sign in again")
}

/// Told only to those who have proven who they are.
pub fn tenant_suspended() -> Error {
    Error::new(Code::PermissionDenied, "TENANT_SUSPENDED", "this tenant is suspended")
}

/// Another user of the tenant has this e-mail.
pub fn email_taken() -> Error {
    taken("email", "EMAIL_TAKEN", "another user has this e-mail")
}

/// Another user of the tenant has this username.
pub fn username_taken() -> Error {
    taken("username", "USERNAME_TAKEN", "another user has this username")
}

/// The tenant has its first user already.
pub fn tenant_has_users() -> Error {
    Error::new(Code::FailedPrecondition, "TENANT_HAS_USERS", "this tenant has users already")
}

/// The change would leave the tenant without an active owner.
pub fn last_owner() -> Error {
    Error::new(Code::FailedPrecondition, "LAST_OWNER", "a tenant keeps at least one active owner")
}

/// The caller's strongest role is weaker than what the change is about.
pub fn role_too_strong() -> Error {
    Error::new(Code::PermissionDenied, "ROLE_TOO_STRONG", "this needs a role at least as strong as the one concerned")
}

fn taken(field: &str, reason: &'static str, message: &str) -> Error {
    Error::new(Code::AlreadyExists, reason, message).with_violation(field, "taken", message)
}
