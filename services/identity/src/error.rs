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

/// Nobody gives, takes or touches what he does not have himself.
pub fn role_too_strong() -> Error {
    Error::new(Code::PermissionDenied, "ROLE_TOO_STRONG", "this is about more than you may do yourself")
}

/// Another group of the tenant has this name.
pub fn group_name_taken() -> Error {
    taken("name", "GROUP_NAME_TAKEN", "another group has this name")
}

/// Another role has this name, be it built in or the tenant's own.
pub fn role_name_taken() -> Error {
    taken("name", "ROLE_NAME_TAKEN", "another role has this name")
}

/// Another service account of the tenant has this name.
pub fn service_account_name_taken() -> Error {
    taken("name", "SERVICE_ACCOUNT_NAME_TAKEN", "another service account has this name")
}

/// The subject has the role there already.
pub fn binding_exists() -> Error {
    Error::new(Code::AlreadyExists, "BINDING_EXISTS", "the subject has this role there already")
}

/// Built-in roles are what they are.
pub fn built_in_role() -> Error {
    Error::new(Code::FailedPrecondition, "BUILT_IN_ROLE", "built-in roles do not change")
}

/// The change would leave the installation without active staff.
pub fn last_staff() -> Error {
    Error::new(Code::FailedPrecondition, "LAST_STAFF", "an installation keeps at least one active member of staff")
}

/// The user has as many variables as anybody may have.
pub fn variable_limit(limit: i64) -> Error {
    Error::new(Code::ResourceExhausted, "VARIABLE_LIMIT_REACHED", format!("a user has at most {limit} variables"))
        .with_metadata("limit", limit.to_string())
}

/// Too many wrong passwords and codes came from the caller's address.
pub fn too_many_attempts(seconds: f64) -> Error {
    Error::new(
        Code::ResourceExhausted,
        "TOO_MANY_ATTEMPTS",
        "too many wrong attempts from your address, try again later",
    )
    .with_metadata("retry_after_seconds", format!("{:.0}", seconds.ceil()))
}

/// A one-time token that is unknown, spent, expired, another tenant's or malformed: one answer for all.
pub fn invalid_token() -> Error {
    wrong("token", "INVALID_TOKEN", "this token is not good, or not any more")
}

/// The caller's own password, asked for again, was wrong, or the account is locked: one answer for both.
pub fn wrong_password(field: &str) -> Error {
    wrong(field, "WRONG_PASSWORD", "the password is wrong")
}

/// The caller's code was wrong or spent, or the account is locked: one answer for all.
pub fn wrong_code() -> Error {
    wrong("code", "WRONG_CODE", "the code is wrong or was used before")
}

/// A login's second step without a good first one.
pub fn invalid_mfa_token() -> Error {
    Error::new(Code::Unauthenticated, "INVALID_MFA_TOKEN", "sign in again")
}

/// A login's second step with a wrong or spent code, or to a locked account: one answer for all.
pub fn invalid_mfa_code() -> Error {
    Error::new(Code::Unauthenticated, "INVALID_MFA_CODE", "the code is wrong or was used before")
}

/// The second factor is on.
pub fn mfa_enabled() -> Error {
    Error::new(Code::FailedPrecondition, "MFA_ENABLED", "the second factor is on already")
}

/// The second factor is off.
pub fn mfa_not_enabled() -> Error {
    Error::new(Code::FailedPrecondition, "MFA_NOT_ENABLED", "the second factor is not on")
}

/// Nobody began to set up an authenticator app.
pub fn totp_not_enrolled() -> Error {
    Error::new(Code::FailedPrecondition, "TOTP_NOT_ENROLLED", "begin to set up an authenticator app first")
}

/// The password is good beside a second factor, and too short without one.
pub fn password_too_short_alone() -> Error {
    Error::new(
        Code::FailedPrecondition,
        "PASSWORD_TOO_SHORT",
        "set a longer password first: this one would stand alone",
    )
}

/// The tenant's plan has no seat left.
pub fn seat_limit_reached(seats: u32) -> Error {
    Error::new(Code::ResourceExhausted, "SEAT_LIMIT_REACHED", format!("the plan has {seats} seats, and all are taken"))
        .with_metadata("limit", seats.to_string())
}

/// The tenant's subscription has run out.
pub fn subscription_expired() -> Error {
    Error::new(
        Code::PermissionDenied,
        "SUBSCRIPTION_EXPIRED",
        "the subscription has expired, so nothing can be changed",
    )
}

fn wrong(field: &str, reason: &'static str, message: &str) -> Error {
    Error::new(Code::InvalidArgument, reason, message).with_violation(field, "invalid", message)
}

fn taken(field: &str, reason: &'static str, message: &str) -> Error {
    Error::new(Code::AlreadyExists, reason, message).with_violation(field, "taken", message)
}
