//! What a tenant has paid for.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// What a plan allows; 0 stands for no limit. Each fits into a `bigint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    pub seats: u32,
    pub projects: u32,
    pub concurrent_runs: u32,
    pub concurrent_tasks: u32,
    pub storage_bytes: u64,
    pub requests_per_minute: u32,
}

/// A bundle of limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub slug: String,
    pub name: String,
    pub limits: Limits,
}

/// Whether a subscription lets its tenant write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionStatus {
    Active,
    Expired,
    Suspended,
}

impl SubscriptionStatus {
    /// The word under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
        }
    }

    /// Reads a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Expired, Self::Suspended].into_iter().find(|status| status.as_str() == word)
    }
}

/// A tenant's subscription as it is at the moment of reading: one whose end has passed is expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscription {
    pub plan: String,
    pub status: SubscriptionStatus,
    pub starts_at: DateTime<Utc>,
    /// Never without.
    pub ends_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub limits: Limits,
}

/// What a subscription is to be.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    pub plan: String,
    pub status: SubscriptionStatus,
    pub ends_at: Option<DateTime<Utc>>,
}
