//! Built-in roles as people hold and give them.

use trinity_access::ROLES;
use trinity_error::{Error, Result};

const OWNER: &str = "owner";
const DEFAULT: &str = "viewer";

/// One or more built-in roles, the strongest first, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Checks roles that were asked for; none means `viewer`.
    ///
    /// # Errors
    /// `InvalidArgument` naming the place.
    pub fn parse(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self(vec![DEFAULT.to_owned()]));
        }
        for (place, name) in names.iter().enumerate() {
            if !ROLES.iter().any(|role| role.name == name) {
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

    /// The one role that makes owners.
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

    /// Whether the strongest of these is at least as strong as every one of `others`: nobody gives or takes what is
    /// above himself.
    pub fn reaches(&self, others: &Self) -> bool {
        let strongest = |roles: &Self| roles.0.iter().map(|name| rank(name)).min().unwrap_or(usize::MAX);
        strongest(self) < ROLES.len() && strongest(self) <= strongest(others)
    }

    /// Whether `after` lacks one of these.
    pub fn lose(&self, after: &Self) -> bool {
        self.0.iter().any(|name| !after.0.contains(name))
    }
}

/// 0 for the strongest role; beyond all for what is no role.
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
    fn roles_are_known_sorted_and_single() {
        let asked = ["viewer", "admin", "viewer"].map(str::to_owned);
        assert_eq!(Roles::parse(&asked).unwrap().names(), ["admin", "viewer"]);
        assert_eq!(Roles::parse(&[]).unwrap().names(), ["viewer"]);
        assert!(Roles::parse(&["god".to_owned()]).is_err());
    }

    #[test]
    fn nobody_reaches_above_himself() {
        assert!(roles(&["owner"]).reaches(&roles(&["owner"])));
        assert!(roles(&["admin"]).reaches(&roles(&["admin", "viewer"])));
        assert!(!roles(&["admin"]).reaches(&roles(&["viewer", "owner"])));
        assert!(roles(&["viewer", "owner"]).reaches(&roles(&["admin"])));
        assert!(!roles(&["god"]).reaches(&roles(&["viewer"])));
        assert!(!roles(&[]).reaches(&roles(&["viewer"])));
        assert!(!roles(&[]).reaches(&roles(&[])));
    }

    #[test]
    fn a_loss_is_seen() {
        assert!(roles(&["admin", "viewer"]).lose(&roles(&["admin"])));
        assert!(!roles(&["viewer"]).lose(&roles(&["admin", "viewer"])));
    }
}
