//! An open door for one address.

use chrono::{DateTime, Utc};
use trinity_ids::{InvitationId, UserId};

/// An invitation as it is stored, but for its token.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub id: InvitationId,
    pub email: String,
    pub roles: Vec<String>,
    pub invited_by: UserId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}
