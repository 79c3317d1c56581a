//! Texts that people write: how long they may be, and what they may hold.

use trinity_error::{Error, Result};

const MAX_NAME_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 10_000;

/// Reads a name: trimmed, 1 to 200 characters, none of them a control character.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub(crate) fn name(field: &str, text: &str) -> Result<String> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Error::required(field));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(Error::invalid(field, format!("is longer than {MAX_NAME_CHARS} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(field, "holds control characters"));
    }
    Ok(name.to_owned())
}

/// Reads a longer text: at most 10,000 characters.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub(crate) fn description(field: &str, text: String) -> Result<String> {
    if text.chars().count() > MAX_DESCRIPTION_CHARS {
        return Err(Error::invalid(field, format!("is longer than {MAX_DESCRIPTION_CHARS} characters")));
    }
    plain(field, text)
}

/// Passes a text that Postgres can hold.
///
/// # Errors
/// `InvalidArgument` naming `field` when it holds a zero byte.
pub(crate) fn plain(field: &str, text: String) -> Result<String> {
    if text.contains('\0') { Err(Error::invalid(field, "holds a zero byte")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_limited() {
        assert_eq!(name("name", "  Sales 2026\n").unwrap(), "Sales 2026");
        assert_eq!(name("name", &"ä".repeat(200)).unwrap().chars().count(), 200);
        for bad in ["", " \t ", &"ä".repeat(201), "a\0b", "a\nb"] {
            assert_eq!(name("name", bad).unwrap_err().violations()[0].field, "name", "{bad:?}");
        }
    }
}
