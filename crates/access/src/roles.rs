//! The built-in roles and the levels of a grant, as bundles of permission words.

use crate::permissions::Permissions;

/// A built-in role.
#[derive(Debug, Clone, Copy)]
pub struct RoleSpec {
    /// Its name in requests.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// Every word when `None`.
    words: Option<&'static [&'static str]>,
}

impl RoleSpec {
    /// What the role lets its holders do.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.words.map_or(Permissions::ALL, |words| Permissions::of(words.iter().copied()))
    }
}

const MEMBER: &[&str] = &["project.create"];

const VIEWER: &[&str] = &["dataset.read", "project.read", "run.read", "workflow.read"];

const EDITOR: &[&str] = &[
    "dataset.create",
    "dataset.delete",
    "dataset.read",
    "project.create",
    "project.read",
    "project.update",
    "run.control",
    "run.read",
    "workflow.delete",
    "workflow.execute",
    "workflow.read",
    "workflow.update",
];

const ADMIN: &[&str] = &[
    "access.manage",
    "access.read",
    "audit.read",
    "dataset.create",
    "dataset.delete",
    "dataset.read",
    "grant.manage",
    "project.create",
    "project.delete",
    "project.read",
    "project.update",
    "run.control",
    "run.read",
    "service_account.manage",
    "service_account.read",
    "tenant.read",
    "tenant.update",
    "user.create",
    "user.read",
    "user.update",
    "worker.read",
    "workflow.delete",
    "workflow.execute",
    "workflow.read",
    "workflow.update",
];

/// Every built-in role, the strongest first.
pub const ROLES: [RoleSpec; 5] = [
    RoleSpec { name: "owner", description: "Everything, and the only role that makes owners", words: None },
    RoleSpec { name: "admin", description: "People, permissions, projects and the audit trail", words: Some(ADMIN) },
    RoleSpec {
        name: "editor",
        description: "Creates, changes and runs workflows in every project",
        words: Some(EDITOR),
    },
    RoleSpec { name: "viewer", description: "Reads every project, workflow, run and dataset", words: Some(VIEWER) },
    RoleSpec {
        name: "member",
        description: "Makes projects, and sees his own and what is shared with him",
        words: Some(MEMBER),
    },
];

/// The built-in role of this name.
#[must_use]
pub fn role(name: &str) -> Option<&'static RoleSpec> {
    ROLES.iter().find(|role| role.name == name)
}

const ADMIN_LEVEL: &[&str] = &[
    "dataset.create",
    "dataset.delete",
    "dataset.read",
    "grant.manage",
    "project.delete",
    "project.read",
    "project.update",
    "run.control",
    "run.read",
    "workflow.delete",
    "workflow.execute",
    "workflow.read",
    "workflow.update",
];

const EDIT_LEVEL: &[&str] = &[
    "dataset.create",
    "dataset.read",
    "project.read",
    "project.update",
    "run.control",
    "run.read",
    "workflow.execute",
    "workflow.read",
    "workflow.update",
];

/// What a grant lets its subject do on an object and all that it contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// See it.
    View,
    /// Change and run it.
    Edit,
    /// Delete and share it too: what its owner may do.
    Admin,
}

impl Level {
    /// The words of the level.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        let words = match self {
            Self::View => VIEWER,
            Self::Edit => EDIT_LEVEL,
            Self::Admin => ADMIN_LEVEL,
        };
        Permissions::of(words.iter().copied())
    }

    /// Its name in requests and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Admin => "admin",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::View, Self::Edit, Self::Admin].into_iter().find(|level| level.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PERMISSIONS;

    #[test]
    fn every_word_of_a_role_exists() {
        for role in ROLES {
            let words = role.words.map_or(PERMISSIONS.len(), <[_]>::len);
            assert_eq!(role.permissions().names().count(), words, "{} names an unknown word", role.name);
        }
    }

    #[test]
    fn levels_grow() {
        assert!(Level::Edit.permissions().covers(Level::View.permissions()));
        assert!(Level::Admin.permissions().covers(Level::Edit.permissions()));
        assert!(!Level::Edit.permissions().has("grant.manage"));
    }
}
