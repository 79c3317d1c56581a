//! Roles as people hold and give them: the built-in ones, and those that a tenant makes.

use trinity_access::{PERMISSIONS, Permissions, ROLES};
use trinity_error::{Error, Result};

/// The one role that makes owners.
pub const OWNER: &str = "owner";
const DEFAULT: &str = "viewer";
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=63;

/// One or more roles, the strongest first, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Checks the form of roles that were asked for; none means `viewer`. Whether the tenant has them, its table says.
    ///
    /// # Errors
    /// `InvalidArgument` naming the place.
    pub fn parse(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self(vec![DEFAULT.to_owned()]));
        }
        for (place, name) in names.iter().enumerate() {
            if !is_name(name) {
                return Err(Error::invalid(format!("roles[{place}]"), "is not a role"));
            }
        }
        Ok(Self::stored(names.to_vec()))
    }

    /// Takes roles as they were stored or as a token names them.
    pub fn stored(mut names: Vec<String>) -> Self {
        names.sort_by_key(|name| (rank(name), name.clone()));
        names.dedup();
        Self(names)
    }

    /// The owner's.
    pub fn owner() -> Self {
        Self(vec![OWNER.to_owned()])
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether the owner's role is among them.
    pub fn has_owner(&self) -> bool {
        self.0.iter().any(|name| name == OWNER)
    }

    /// Whether `after` lacks one of these.
    pub fn lose(&self, after: &Self) -> bool {
        self.0.iter().any(|name| !after.0.contains(name))
    }
}

/// A role that a tenant has made.
#[derive(Debug, Clone)]
pub struct CustomRole {
    pub name: String,
    pub description: String,
    pub permissions: Permissions,
    pub version: i64,
}

/// Checks the name of a role that is to be made.
///
/// # Errors
/// `InvalidArgument` naming `name`; `AlreadyExists` for a built-in one.
pub fn role_name(text: &str) -> Result<String> {
    if text.is_empty() {
        return Err(Error::required("name"));
    }
    if !is_name(text) {
        return Err(Error::invalid("name", "has 2 to 63 lower-case letters, digits and hyphens, a letter first"));
    }
    Ok(text.to_owned())
}

/// Checks the words of a role or key.
///
/// # Errors
/// `InvalidArgument` naming the place in `field`.
pub fn permissions(field: &str, words: &[String]) -> Result<Permissions> {
    match words.iter().position(|word| !Permissions::exists(word)) {
        Some(place) => Err(Error::invalid(format!("{field}[{place}]"), "is not a permission")),
        None => Ok(Permissions::of(words.iter().map(String::as_str))),
    }
}

/// The names of a set, for a row or a message.
pub fn words(permissions: Permissions) -> Vec<String> {
    permissions.names().map(str::to_owned).collect()
}

/// Every word of reading: what staff may do in a tenant at the most.
pub fn reading() -> Permissions {
    Permissions::of(PERMISSIONS.iter().map(|word| word.name).filter(|name| name.ends_with(".read")))
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    NAME_LENGTH.contains(&text.len()) && text.as_bytes()[0].is_ascii_lowercase() && text.bytes().all(plain)
}

/// 0 for the strongest built-in role; the tenant's own come after them all.
fn rank(name: &str) -> usize {
    ROLES.iter().position(|role| role.name == name).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> Roles {
        Roles::stored(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn roles_are_sorted_and_single() {
        let asked = ["viewer", "auditor", "admin", "viewer"].map(str::to_owned);
        assert_eq!(Roles::parse(&asked).unwrap().names(), ["admin", "viewer", "auditor"]);
        assert_eq!(Roles::parse(&[]).unwrap().names(), ["viewer"]);
        for name in ["", "x", "No", "a b", "1st", "ä-role", &"a".repeat(64)] {
            assert!(Roles::parse(&[name.to_owned()]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_loss_is_seen() {
        assert!(roles(&["admin", "viewer"]).lose(&roles(&["admin"])));
        assert!(!roles(&["viewer"]).lose(&roles(&["admin", "viewer"])));
    }

    #[test]
    fn reading_changes_nothing() {
        assert!(reading().has("audit.read") && reading().has("project.read"));
        assert!(reading().names().all(|word| word.ends_with(".read")));
    }
}
