//! Which keys the store accepts: relative, plain, and inside the store whatever a caller was given.

use object_store::path::Path;

use crate::{Error, Result};

/// The longest accepted key in bytes.
const MAX_KEY_BYTES: usize = 1_000;

/// Accepts `segment/segment/…` of letters, digits and `. _ - =`, no segment starting with a dot.
///
/// # Errors
/// `InvalidKey` for anything else: empty and absolute keys, `..`, control characters, `#`, `%`, backslashes.
pub fn check(key: &str) -> Result<()> {
    let plain = !key.is_empty() && key.len() <= MAX_KEY_BYTES && key.split('/').all(is_plain_segment);
    if plain { Ok(()) } else { Err(Error::InvalidKey(key.escape_debug().take(200).collect())) }
}

fn is_plain_segment(segment: &str) -> bool {
    !segment.is_empty()
        && !segment.starts_with('.')
        && !segment.contains("..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-=".contains(&byte))
}

/// The key as the store's own path type.
pub(crate) fn path(key: &str) -> Result<Path> {
    check(key)?;
    Path::parse(key).map_err(|_| Error::InvalidKey(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn keys_that_leave_the_store_are_refused() {
        for bad in
            ["", "/etc/passwd", "a/../b", "..", ".", "a//b", "a/", "a\\b", "a/%2e%2e/b", "a\0b", "a#1", ".hidden", "ä"]
        {
            assert!(check(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(check(&"a".repeat(1_001)).is_err());
    }

    #[test]
    fn keys_of_the_layout_are_accepted() {
        check("tenant-0190/project-0190/shared/0190/data.csv").unwrap();
        check("a/b_c/d=1/e.tar.gz").unwrap();
    }
}
