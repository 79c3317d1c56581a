//! What every service needs to know of a tenant at each call.

use std::collections::HashMap;

use super::{Limits, Status};

/// A tenant's standing at the moment of reading.
#[derive(Debug, Clone)]
pub struct Standing {
    pub status: Status,
    /// Whether the subscription is active and has not ended.
    pub writable: bool,
    pub limits: Limits,
    /// Every app when empty.
    pub allowed_apps: Vec<String>,
    pub flags: HashMap<String, bool>,
}
