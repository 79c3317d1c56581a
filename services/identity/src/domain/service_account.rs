//! Programs of a tenant, and the keys they sign in with.

use chrono::{DateTime, TimeDelta, Utc};
use trinity_access::Permissions;
use trinity_error::{Error, Result};
use trinity_ids::{ApiKeyId, ServiceAccountId, UserId};

use super::Roles;

/// How long a key lives unless it is said.
const DEFAULT_LIFETIME: TimeDelta = TimeDelta::days(90);
const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(366);

/// A program.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    pub id: ServiceAccountId,
    pub name: String,
    pub description: String,
    /// The person who answers for it.
    pub owner: UserId,
    pub roles: Roles,
    pub created_at: DateTime<Utc>,
}

/// A key without its text.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub account: ServiceAccountId,
    pub name: String,
    pub prefix: String,
    pub scopes: Vec<String>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    pub account: ServiceAccountId,
    pub name: String,
    /// No limit when it is empty.
    pub scopes: Permissions,
    pub expires_at: DateTime<Utc>,
}

/// Checks when a key is to end.
///
/// # Errors
/// `InvalidArgument` naming `expires_at`.
pub fn expiry(asked: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let expires_at = asked.unwrap_or(now + DEFAULT_LIFETIME);
    if expires_at <= now || expires_at > now + LONGEST_LIFETIME {
        return Err(Error::invalid("expires_at", "is in the next 366 days"));
    }
    Ok(expires_at)
}
