//! Switches.

use serde::Serialize;
use trinity_error::{Error, Result};

use super::text;

const MIN_CHARS: usize = 2;
const MAX_CHARS: usize = 63;
const MAX_DESCRIPTION_CHARS: usize = 500;

/// A flag as one tenant has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub name: String,
    pub enabled: bool,
    /// Whether the tenant has a value of its own.
    pub own: bool,
    pub description: String,
}

/// A flag with its default, as the installation has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlagDefault {
    pub name: String,
    pub enabled: bool,
    pub description: String,
}

impl FlagDefault {
    /// Checks a flag that was given.
    ///
    /// # Errors
    /// `InvalidArgument` naming the field.
    pub fn new(flag: &str, enabled: bool, description: &str) -> Result<Self> {
        let description = text("description", description, MAX_DESCRIPTION_CHARS)?;
        Ok(Self { name: name(flag)?, enabled, description })
    }
}

/// Checks a flag's name: lower-case letters, digits, dots and hyphens, 2 to 63 of them.
///
/// # Errors
/// `InvalidArgument` naming `name`.
pub fn name(name: &str) -> Result<String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    if (MIN_CHARS..=MAX_CHARS).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid("name", format!("has {MIN_CHARS} to {MAX_CHARS} lower-case letters, digits, dots, hyphens")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        assert!(name("live.preview-2").is_ok());
        for text in ["", "a", "Live", "a b", "a_b", "ä1", &"x".repeat(64)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }
}
