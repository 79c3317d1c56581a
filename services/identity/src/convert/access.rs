//! Groups, roles, bindings and grants in the contract's messages.

use trinity_access::{Level, RoleSpec, Visible};
use trinity_db::Page;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{ProjectId, UserId};
use trinity_proto::identity as pb;

use super::{page_info, timestamp};
use crate::domain::{Binding, CustomRole, Grant, Group, Subject, SubjectKind, words};
use crate::store::access::Loaded;

/// Reads a subject.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn subject(subject: Option<&pb::Subject>) -> Result<Subject> {
    let subject = subject.ok_or_else(|| Error::required("subject"))?;
    let kind = match subject.r#type() {
        pb::SubjectType::User => SubjectKind::User,
        pb::SubjectType::Group => SubjectKind::Group,
        pb::SubjectType::ServiceAccount => SubjectKind::ServiceAccount,
        pb::SubjectType::Unspecified => return Err(Error::required("subject.type")),
    };
    // Why as a user's: an id of any kind reads alike.
    let id: UserId = parse_id("subject.id", &subject.id)?;
    Ok(Subject { kind, id: id.uuid() })
}

/// Reads a project's id, which may be empty.
///
/// # Errors
/// `InvalidArgument` naming `project_id`.
pub fn project(id: &str) -> Result<Option<ProjectId>> {
    if id.is_empty() { Ok(None) } else { parse_id("project_id", id).map(Some) }
}

/// Reads a level.
///
/// # Errors
/// `InvalidArgument` naming `level`.
pub fn level(level: pb::Level) -> Result<Level> {
    match level {
        pb::Level::View => Ok(Level::View),
        pb::Level::Edit => Ok(Level::Edit),
        pb::Level::Admin => Ok(Level::Admin),
        pb::Level::Unspecified => Err(Error::required("level")),
    }
}

const fn of_level(level: Level) -> pb::Level {
    match level {
        Level::View => pb::Level::View,
        Level::Edit => pb::Level::Edit,
        Level::Admin => pb::Level::Admin,
    }
}

impl From<Subject> for pb::Subject {
    fn from(subject: Subject) -> Self {
        let kind = match subject.kind {
            SubjectKind::User => pb::SubjectType::User,
            SubjectKind::Group => pb::SubjectType::Group,
            SubjectKind::ServiceAccount => pb::SubjectType::ServiceAccount,
        };
        Self { r#type: kind.into(), id: subject.id.to_string() }
    }
}

impl From<Group> for pb::Group {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name,
            description: group.description,
            version: group.version.unsigned_abs(),
            member_ids: group.members.into_iter().map(String::from).collect(),
            created_at: Some(timestamp(group.created_at)),
            updated_at: Some(timestamp(group.updated_at)),
        }
    }
}

/// A built-in role.
pub fn built_in(role: &RoleSpec) -> pb::Role {
    pb::Role {
        name: role.name.to_owned(),
        description: role.description.to_owned(),
        permissions: words(role.permissions()),
        built_in: true,
        version: 1,
    }
}

impl From<CustomRole> for pb::Role {
    fn from(role: CustomRole) -> Self {
        Self {
            name: role.name,
            description: role.description,
            permissions: words(role.permissions),
            built_in: false,
            version: role.version.unsigned_abs(),
        }
    }
}

impl From<Binding> for pb::RoleBinding {
    fn from(binding: Binding) -> Self {
        Self {
            id: binding.id.to_string(),
            role: binding.role,
            subject: Some(binding.subject.into()),
            project_id: binding.project.map(String::from).unwrap_or_default(),
            created_by: binding.created_by.map(String::from).unwrap_or_default(),
            created_at: Some(timestamp(binding.created_at)),
        }
    }
}

impl From<Grant> for pb::Grant {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id.to_string(),
            object_type: grant.object.kind.name().to_owned(),
            object_id: grant.object.id.to_string(),
            subject: Some(grant.subject.into()),
            level: of_level(grant.level).into(),
            starts_at: grant.starts_at.map(timestamp),
            expires_at: grant.expires_at.map(timestamp),
            created_by: grant.created_by.to_string(),
            created_at: Some(timestamp(grant.created_at)),
        }
    }
}

/// A page of groups.
pub fn group_page(page: Page<Group>) -> pb::ListGroupsResponse {
    let info = page_info(&page);
    pb::ListGroupsResponse { groups: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}

/// A page of bindings.
pub fn binding_page(page: Page<Binding>) -> pb::ListRoleBindingsResponse {
    let info = page_info(&page);
    pb::ListRoleBindingsResponse { bindings: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}

/// A page of grants.
pub fn grant_page(page: Page<Grant>) -> pb::ListGrantsResponse {
    let info = page_info(&page);
    pb::ListGrantsResponse { grants: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}

/// Where a caller has a permission.
pub fn accessible(visible: Visible) -> pb::ListAccessibleResponse {
    let texts = |ids: Vec<uuid::Uuid>| ids.into_iter().map(|id| id.to_string()).collect();
    pb::ListAccessibleResponse {
        everything: visible.everything,
        owned: visible.owner.is_some(),
        project_ids: texts(visible.projects),
        folder_ids: texts(visible.folders),
        job_ids: texts(visible.jobs),
        workflow_ids: texts(visible.workflows),
    }
}

/// All that a caller may do, for the services, with what his grants on folders reach.
pub fn loaded(loaded: Loaded, reaches: Vec<pb::Reach>) -> pb::GetAccessResponse {
    let access = loaded.access;
    let project = |(id, permissions): (uuid::Uuid, _)| pb::ProjectPermissions {
        project_id: id.to_string(),
        permissions: words(permissions),
    };
    let grant = |grant: trinity_access::Grant| pb::Grant {
        id: grant.id.to_string(),
        object_type: grant.object.kind.name().to_owned(),
        object_id: grant.object.id.to_string(),
        level: of_level(grant.level).into(),
        starts_at: grant.starts_at.map(timestamp),
        expires_at: grant.expires_at.map(timestamp),
        ..pb::Grant::default()
    };
    pb::GetAccessResponse {
        name: access.name,
        roles: access.roles,
        permissions: words(access.tenant),
        projects: access.projects.into_iter().map(project).collect(),
        grants: access.grants.into_iter().map(grant).collect(),
        scopes: loaded.scopes,
        key_expires_at: loaded.key_expires_at.map(timestamp),
        reaches,
    }
}
