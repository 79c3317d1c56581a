//! A company.

use chrono::{DateTime, Utc};
use trinity_ids::TenantId;

use super::{HostName, Slug};

/// Whether a tenant may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    Suspended,
    /// Suspended for good: the grace period of a request for erasure has passed.
    Erasing,
}

impl Status {
    /// The word under which it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Erasing => "erasing",
        }
    }

    /// Reads a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Erasing].into_iter().find(|status| status.as_str() == word)
    }
}

/// A tenant as it is stored. Documents are JSON texts.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub slug: String,
    pub status: Status,
    pub suspended_reason: String,
    pub settings: String,
    pub metadata: String,
    pub allowed_apps: Vec<String>,
    pub domains: Vec<String>,
    /// From the plan when 0.
    pub concurrent_tasks: u32,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When the grace period of an erasure ends.
    pub erase_after: Option<DateTime<Utc>>,
}

/// Where a tenant is in its life.
#[derive(Debug, Clone)]
pub struct Life {
    pub status: Status,
    /// Why it is suspended.
    pub reason: String,
    pub erase_after: Option<DateTime<Utc>>,
}

/// A tenant that is to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    pub name: String,
    pub slug: Slug,
    /// With each domain's place in the request.
    pub domains: Vec<(usize, HostName)>,
    pub allowed_apps: Vec<String>,
    pub settings: String,
    pub metadata: String,
}

/// What is to change; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub version: Option<i64>,
    pub name: Option<String>,
    pub settings: Option<String>,
    pub metadata: Option<String>,
    /// Every app when it is empty.
    pub allowed_apps: Option<Vec<String>>,
    pub concurrent_tasks: Option<i32>,
}
