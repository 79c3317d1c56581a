//! Everything that one caller may do, and the decisions that follow from it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use trinity_ids::UserId;
use uuid::Uuid;

use crate::object::{Node, Object, ObjectKind, Path};
use crate::permissions::Permissions;
use crate::roles::Level;

/// An object shared with the caller (or with a group of his), for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which one.
    pub id: Uuid,
    /// What it is on.
    pub object: Object,
    /// What it lets do.
    pub level: Level,
    /// At once when `None`.
    pub starts_at: Option<DateTime<Utc>>,
    /// Never when `None`.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Grant {
    /// Whether it holds at `now`: from its start, until just before its end.
    #[must_use]
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// A role in the whole tenant.
    Tenant,
    /// A role in this project.
    Project(Uuid),
    /// Who made an object may do with it what [`Level::Admin`] says.
    Ownership(Object),
    /// The object, or what contains it, is shared with the caller.
    Grant(&'a Grant),
}

/// Where a caller has a permission, for lists that are filtered in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visible {
    /// Everywhere: nothing else matters then.
    pub everything: bool,
    /// On what this person owns.
    pub owner: Option<UserId>,
    /// On these and all that they contain.
    pub projects: Vec<Uuid>,
    /// On these and all that they contain.
    pub folders: Vec<Uuid>,
    /// On these.
    pub jobs: Vec<Uuid>,
    /// On these.
    pub workflows: Vec<Uuid>,
}

/// What one caller may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// How the audit trail shows the caller.
    pub name: String,
    /// Names of the roles in the whole tenant.
    pub roles: Vec<String>,
    /// In the whole tenant.
    pub tenant: Permissions,
    /// By project.
    pub projects: BTreeMap<Uuid, Permissions>,
    /// In no particular order.
    pub grants: Vec<Grant>,
    /// The person whose own objects are the caller's; none for programs and staff.
    pub owner: Option<UserId>,
    /// Words beyond which an API key never goes; `None` when it has no such limit.
    pub scopes: Option<Permissions>,
}

impl Access {
    /// Whether the caller has the permission in the whole tenant.
    #[must_use]
    pub fn allows_in_tenant(&self, permission: &str) -> bool {
        self.may(permission) && self.tenant.has(permission)
    }

    /// Whether the caller has the permission on the object of `path` at `now`.
    #[must_use]
    pub fn allows(&self, permission: &str, path: &Path, now: DateTime<Utc>) -> bool {
        self.reasons(permission, Some(path), now).next().is_some()
    }

    /// All that the caller may do on the object of `path` at `now`.
    #[must_use]
    pub fn permissions_on(&self, path: &Path, now: DateTime<Utc>) -> Permissions {
        let mut all = self.tenant;
        for node in path.nodes() {
            if self.owns(node) {
                all = all.union(Level::Admin.permissions());
            }
            if node.object.kind == ObjectKind::Project
                && let Some(permissions) = self.projects.get(&node.object.id)
            {
                all = all.union(*permissions);
            }
            for grant in self.grants.iter().filter(|grant| grant.object == node.object && grant.holds(now)) {
                all = all.union(grant.level.permissions());
            }
        }
        self.scopes.map_or(all, |scopes| all.intersection(scopes))
    }

    /// Everything that gives the caller the permission: on the object of `path`, or in the tenant without one.
    pub fn reasons<'a>(
        &'a self,
        permission: &'a str,
        path: Option<&'a Path>,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Reason<'a>> {
        let in_scope = self.may(permission);
        let tenant = (in_scope && self.tenant.has(permission)).then_some(Reason::Tenant);
        let nodes = path.filter(|_| in_scope).map(Path::nodes).unwrap_or_default();
        tenant.into_iter().chain(nodes.iter().flat_map(move |node| self.reasons_at(permission, node, now)))
    }

    fn reasons_at<'a>(
        &'a self,
        permission: &'a str,
        node: &'a Node,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Reason<'a>> {
        let owned = self.owns(node) && Level::Admin.permissions().has(permission);
        let bound = node.object.kind == ObjectKind::Project
            && self.projects.get(&node.object.id).is_some_and(|permissions| permissions.has(permission));
        let grants = self.grants.iter().filter(move |grant| {
            grant.object == node.object && grant.holds(now) && grant.level.permissions().has(permission)
        });
        owned
            .then_some(Reason::Ownership(node.object))
            .into_iter()
            .chain(bound.then_some(Reason::Project(node.object.id)))
            .chain(grants.map(Reason::Grant))
    }

    /// Where the caller has the permission at `now`.
    #[must_use]
    pub fn visible(&self, permission: &str, now: DateTime<Utc>) -> Visible {
        if !self.may(permission) {
            return Visible::default();
        }
        if self.tenant.has(permission) {
            return Visible { everything: true, ..Visible::default() };
        }
        let mut objects: BTreeSet<Object> = self
            .grants
            .iter()
            .filter(|grant| grant.holds(now) && grant.level.permissions().has(permission))
            .map(|grant| grant.object)
            .collect();
        let bound = self.projects.iter().filter(|(_, permissions)| permissions.has(permission));
        objects.extend(bound.map(|(&id, _)| Object { kind: ObjectKind::Project, id }));
        let of = |kind| objects.iter().filter(|object| object.kind == kind).map(|object| object.id).collect();
        Visible {
            everything: false,
            owner: self.owner.filter(|_| Level::Admin.permissions().has(permission)),
            projects: of(ObjectKind::Project),
            folders: of(ObjectKind::Folder),
            jobs: of(ObjectKind::Job),
            workflows: of(ObjectKind::Workflow),
        }
    }

    /// Whether the scopes of the caller's key, if it has any, let him have the permission at all.
    #[must_use]
    pub fn may(&self, permission: &str) -> bool {
        self.scopes.is_none_or(|scopes| scopes.has(permission))
    }

    fn owns(&self, node: &Node) -> bool {
        self.owner.is_some() && self.owner == node.owner
    }
}

impl Visible {
    /// Whether an object on `path` is among what is visible: what the SQL of a list must answer too.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        self.everything
            || path.nodes().iter().any(|node| {
                let listed = match node.object.kind {
                    ObjectKind::Project => &self.projects,
                    ObjectKind::Folder => &self.folders,
                    ObjectKind::Job => &self.jobs,
                    ObjectKind::Workflow => &self.workflows,
                };
                listed.contains(&node.object.id) || (self.owner.is_some() && self.owner == node.owner)
            })
    }

    /// Whether nothing at all can be visible.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests;
