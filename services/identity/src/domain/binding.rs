//! Roles given to subjects, and objects shared with them.

use chrono::{DateTime, Utc};
use trinity_access::{Level, Object};
use trinity_error::{Error, Result};
use trinity_ids::{BindingId, GrantId, ProjectId, UserId};

use super::Subject;

/// A role given to a subject.
#[derive(Debug, Clone)]
pub struct Binding {
    pub id: BindingId,
    pub role: String,
    pub subject: Subject,
    /// The whole tenant when `None`.
    pub project: Option<ProjectId>,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
}

/// A binding that is to be made.
#[derive(Debug, Clone)]
pub struct NewBinding {
    pub role: String,
    pub subject: Subject,
    pub project: Option<ProjectId>,
}

/// An object shared with a user or group.
#[derive(Debug, Clone)]
pub struct Grant {
    pub id: GrantId,
    pub object: Object,
    pub subject: Subject,
    pub level: Level,
    pub starts_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
}

/// A grant that is to be made.
#[derive(Debug, Clone)]
pub struct NewGrant {
    pub object: Object,
    pub subject: Subject,
    pub level: Level,
    pub starts_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Checks when a grant is to begin and end.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn period(starts_at: Option<DateTime<Utc>>, expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    match expires_at {
        Some(end) if end <= now => Err(Error::invalid("expires_at", "is over already")),
        Some(end) if starts_at.is_some_and(|start| start >= end) => {
            Err(Error::invalid("starts_at", "is not before expires_at"))
        }
        _ => Ok(()),
    }
}
