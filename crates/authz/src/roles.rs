//! The built-in roles as bundles of permission words.

/// A built-in role.
#[derive(Debug, Clone, Copy)]
pub struct RoleSpec {
    /// Its name in tokens and requests.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// Permission words, sorted.
    pub permissions: &'static [&'static str],
}

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
    "audit.read",
    "dataset.create",
    "dataset.delete",
    "dataset.read",
    "project.create",
    "project.delete",
    "project.read",
    "project.update",
    "run.control",
    "run.read",
    "user.create",
    "user.read",
    "user.update",
    "worker.read",
    "workflow.delete",
    "workflow.execute",
    "workflow.read",
    "workflow.update",
];

/// Every built-in role, the strongest first. Owners can do all that admins can; only owners make owners.
pub const ROLES: [RoleSpec; 4] = [
    RoleSpec { name: "owner", description: "Everything, and the only role that makes owners", permissions: ADMIN },
    RoleSpec { name: "admin", description: "People, projects, workflows and the audit trail", permissions: ADMIN },
    RoleSpec { name: "editor", description: "Creates and runs workflows", permissions: EDITOR },
    RoleSpec { name: "viewer", description: "Reads projects, workflows, runs and data", permissions: VIEWER },
];

/// Whether one of `roles` bundles `permission`.
#[must_use]
pub fn allows(roles: &[String], permission: &str) -> bool {
    roles.iter().any(|role| find(role).is_some_and(|spec| spec.permissions.binary_search(&permission).is_ok()))
}

/// All permissions of `roles`, sorted, each once.
#[must_use]
pub fn permissions_of(roles: &[String]) -> Vec<&'static str> {
    let mut all: Vec<_> =
        roles.iter().filter_map(|role| find(role)).flat_map(|spec| spec.permissions.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn find(name: &str) -> Option<&'static RoleSpec> {
    ROLES.iter().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_words_are_sorted() {
        for role in ROLES {
            assert!(role.permissions.is_sorted(), "{} must be sorted for the binary search", role.name);
        }
    }

    #[test]
    fn a_viewer_reads_and_does_not_write() {
        let viewer = ["viewer".to_owned()];
        assert!(allows(&viewer, "project.read"));
        assert!(!allows(&viewer, "project.update"));
        assert!(!allows(&["nobody".to_owned()], "project.read"));
    }
}
