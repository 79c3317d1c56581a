//! Operators of the installation.

use chrono::{DateTime, Utc};
use trinity_error::{Error, Result};
use trinity_ids::StaffId;

const REASON_CHARS: std::ops::RangeInclusive<usize> = 10..=500;

/// An operator.
#[derive(Debug, Clone)]
pub struct Staff {
    pub id: StaffId,
    pub email: String,
    pub full_name: String,
    pub active: bool,
    pub last_login_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Checks why a tenant is to be entered.
///
/// # Errors
/// `InvalidArgument` naming `reason`.
pub fn reason(text: &str) -> Result<String> {
    let text = text.trim();
    if !REASON_CHARS.contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(Error::invalid("reason", "has 10 to 500 characters, all printable"));
    }
    Ok(text.to_owned())
}

/// Checks as what a tenant is to be entered; `viewer` unless it is said.
///
/// # Errors
/// `InvalidArgument` naming `role`.
pub fn entry_role(text: &str) -> Result<&'static str> {
    match text {
        "" | "viewer" => Ok("viewer"),
        "admin" => Ok("admin"),
        _ => Err(Error::invalid("role", "is \"viewer\" or \"admin\"")),
    }
}
