//! The permission words, and sets of them.

/// A word that an RPC's policy asks for.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    /// Such as `project.update`.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
}

const fn word(name: &'static str, description: &'static str) -> Permission {
    Permission { name, description }
}

/// Every permission, sorted by name. A word's place is its bit in [`Permissions`].
pub const PERMISSIONS: [Permission; 26] = [
    word("access.manage", "Change groups, roles and role bindings"),
    word("access.read", "See groups, role bindings and what others may do"),
    word("audit.read", "Read and verify the audit trail"),
    word("dataset.create", "Upload datasets"),
    word("dataset.delete", "Delete datasets"),
    word("dataset.read", "See, preview and download datasets"),
    word("grant.manage", "Share an object with others, and see with whom it is shared"),
    word("owner.manage", "Make and unmake owners"),
    word("project.create", "Create projects"),
    word("project.delete", "Delete and restore projects"),
    word("project.read", "See projects"),
    word("project.update", "Change projects"),
    word("run.control", "Cancel, pause and resume runs"),
    word("run.read", "See runs, their tasks and logs"),
    word("service_account.manage", "Make and delete service accounts and API keys"),
    word("service_account.read", "See service accounts and API keys"),
    word("tenant.read", "See the tenant's domains, usage and budgets"),
    word("tenant.update", "Change the tenant's domains and budgets"),
    word("user.create", "Add and invite users"),
    word("user.read", "See users"),
    word("user.update", "Change users"),
    word("worker.read", "See workers"),
    word("workflow.delete", "Delete and restore workflows"),
    word("workflow.execute", "Run workflows"),
    word("workflow.read", "See workflows and their versions"),
    word("workflow.update", "Save and change workflows"),
];

/// A set of permission words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

impl Permissions {
    /// No word.
    pub const NONE: Self = Self(0);
    /// Every word.
    pub const ALL: Self = Self(u64::MAX >> (64 - PERMISSIONS.len()));

    /// The words of `names` that exist.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().filter_map(bit).fold(0, |set, bit| set | bit))
    }

    /// Whether `name` is a permission at all.
    #[must_use]
    pub fn exists(name: &str) -> bool {
        bit(name).is_some()
    }

    /// Whether the word is in the set. A word that does not exist never is.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        bit(name).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Whether every word of `others` is in the set.
    #[must_use]
    pub const fn covers(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// The words of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The words that are in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The words, sorted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        PERMISSIONS.iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, word)| word.name)
    }
}

fn bit(name: &str) -> Option<u64> {
    PERMISSIONS.binary_search_by(|word| word.name.cmp(name)).ok().map(|place| 1 << place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_fit() {
        assert!(PERMISSIONS.is_sorted_by_key(|word| word.name), "the binary search needs them sorted");
        assert!(PERMISSIONS.len() <= 64, "a set has 64 bits");
        assert_eq!(Permissions::ALL.names().count(), PERMISSIONS.len());
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = Permissions::of(["project.read", "run.read", "no.such"]);
        assert_eq!(set.names().collect::<Vec<_>>(), ["project.read", "run.read"]);
        assert!(set.has("run.read") && !set.has("run.control") && !set.has("no.such"));
        assert!(set.covers(Permissions::of(["run.read"])) && !Permissions::NONE.covers(set));
        assert_eq!(set.union(Permissions::of(["audit.read"])).intersection(set), set);
    }
}
