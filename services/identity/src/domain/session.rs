//! One login on one device.

use chrono::{DateTime, Utc};
use trinity_ids::SessionId;

/// A live session as its user sees it.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub ip: String,
    pub user_agent: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}
