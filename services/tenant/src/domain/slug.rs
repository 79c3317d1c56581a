//! The short name of a tenant in addresses and logins.

use trinity_error::{Error, Result};

const MIN_CHARS: usize = 2;
const MAX_CHARS: usize = 63;

/// Lower-case letters, digits and hyphens, 2 to 63 of them; hyphens stand between others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// Checks a slug that was given.
    ///
    /// # Errors
    /// `InvalidArgument` naming `slug`.
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(MIN_CHARS..=MAX_CHARS).contains(&text.len()) {
            return Err(Error::invalid("slug", format!("has {MIN_CHARS} to {MAX_CHARS} characters")));
        }
        if !text.bytes().all(allowed) {
            return Err(Error::invalid("slug", "has lower-case letters, digits and hyphens only"));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(Error::invalid("slug", "neither begins nor ends with a hyphen"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a slug of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming `slug` when the name has too few Latin letters and digits for one.
    pub fn from_name(name: &str) -> Result<Self> {
        let mut slug = String::new();
        for character in name.chars() {
            if character.is_ascii_alphanumeric() {
                slug.push(character.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(MAX_CHARS);
        let slug = slug.trim_end_matches('-');
        if slug.len() < MIN_CHARS {
            return Err(Error::invalid("slug", "cannot be made from this name, please give one"));
        }
        Self::parse(slug)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_made_from_names() {
        for (name, slug) in [("Acme, Inc.", "acme-inc"), ("  Zürich & Söhne ", "z-rich-s-hne"), ("A1", "a1")] {
            assert_eq!(Slug::from_name(name).unwrap().as_str(), slug);
        }
        assert_eq!(Slug::from_name(&"ab ".repeat(60)).unwrap().as_str().len(), 62);
        assert!(Slug::from_name("東京").is_err());
    }

    #[test]
    fn what_is_not_a_slug_is_refused() {
        for text in ["", "a", "Acme", "-acme", "acme-", "a_b", "a b", "a\0b", &"a".repeat(64)] {
            assert!(Slug::parse(text).is_err(), "{text:?}");
        }
        assert!(Slug::parse("acme-2").is_ok());
    }
}
