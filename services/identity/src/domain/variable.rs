//! Environment variables of users: their names, and where a value belongs.

use chrono::{DateTime, Utc};
use trinity_error::{Error, Result};
use trinity_ids::{TenantId, UserId};

const MAX_NAME_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 32 * 1024;

/// A variable without its value.
#[derive(Debug, Clone)]
pub struct Variable {
    pub name: String,
    pub updated_at: DateTime<Utc>,
}

/// Checks a variable's name.
///
/// # Errors
/// `InvalidArgument` naming `name`.
pub fn variable_name(text: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if text.is_empty() {
        return Err(Error::required("name"));
    }
    if text.len() > MAX_NAME_BYTES || !text.as_bytes()[0].is_ascii_uppercase() || !text.bytes().all(plain) {
        return Err(Error::invalid(
            "name",
            format!("has at most {MAX_NAME_BYTES} upper-case letters, digits and underscores, a letter first"),
        ));
    }
    Ok(text.to_owned())
}

/// Checks a variable's value; it is never in the message.
///
/// # Errors
/// `InvalidArgument` naming `value`.
pub fn variable_value(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::required("value"));
    }
    if text.len() > MAX_VALUE_BYTES || text.contains('\0') {
        return Err(Error::invalid("value", format!("has at most {MAX_VALUE_BYTES} bytes, none of them zero")));
    }
    Ok(())
}

/// The place of a value, to which it is sealed: moved to another tenant, user or name, it does not open.
pub fn place(tenant: TenantId, user: UserId, name: &str) -> Vec<u8> {
    let ids = [tenant.uuid().into_bytes(), user.uuid().into_bytes()].concat();
    [b"variable/", ids.as_slice(), name.as_bytes()].concat()
}
