//! What a tenant may use, as every service needs to know it at each call.

use std::collections::BTreeMap;

/// A tenant's standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// No call is answered while it is.
    pub suspended: bool,
    /// False when the subscription has expired: reads answer, writes do not.
    pub writable: bool,
    /// What the plan allows.
    pub limits: Limits,
    /// Slugs; every app when empty.
    pub allowed_apps: Vec<String>,
    /// Feature flags by name.
    pub flags: BTreeMap<String, bool>,
}

/// What a plan allows; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Active users.
    pub seats: Option<u32>,
    /// Live projects.
    pub projects: Option<u32>,
    /// Runs that have not ended.
    pub concurrent_runs: Option<u32>,
    /// Tasks at work at once.
    pub concurrent_tasks: Option<u32>,
    /// Bytes of datasets.
    pub storage_bytes: Option<u64>,
    /// HTTP requests in a minute.
    pub requests_per_minute: Option<u32>,
}

impl Standing {
    /// An active tenant without limits.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            suspended: false,
            writable: true,
            limits: Limits::default(),
            allowed_apps: Vec::new(),
            flags: BTreeMap::new(),
        }
    }

    /// Whether the tenant may see and use the app.
    #[must_use]
    pub fn allows_app(&self, slug: &str) -> bool {
        self.allowed_apps.is_empty() || self.allowed_apps.iter().any(|allowed| allowed == slug)
    }

    /// Whether the feature is on. A flag that nobody has made is off.
    #[must_use]
    pub fn has_feature(&self, flag: &str) -> bool {
        self.flags.get(flag).copied().unwrap_or(false)
    }
}
