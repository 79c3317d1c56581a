//! Users who share roles and grants.

use chrono::{DateTime, Utc};
use trinity_error::{Error, Result};
use trinity_ids::{GroupId, UserId};

const MAX_NAME_CHARS: usize = 100;
const MAX_DESCRIPTION_CHARS: usize = 1000;

/// A group as it is stored.
#[derive(Debug, Clone)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    pub description: String,
    pub version: i64,
    pub members: Vec<UserId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Checks the name of a group, service account or key.
///
/// # Errors
/// `InvalidArgument` naming `name`.
pub fn name(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::required("name"));
    }
    if text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) {
        return Err(Error::invalid("name", format!("has at most {MAX_NAME_CHARS} characters, all printable")));
    }
    Ok(text.to_owned())
}

/// Checks a description, which may be empty.
///
/// # Errors
/// `InvalidArgument` naming `description`.
pub fn description(text: &str) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION_CHARS || text.contains('\0') {
        return Err(Error::invalid("description", format!("has at most {MAX_DESCRIPTION_CHARS} characters")));
    }
    Ok(text.to_owned())
}
