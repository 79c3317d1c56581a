//! What is announced of groups, roles, bindings and grants.

use serde_json::{Value, json};
use trinity_ids::UserId;
use trinity_outbox::Event;

use crate::domain::{Binding, CustomRole, Grant, Group};

/// `group.create`.
pub fn group_created(group: &Group) -> Event {
    Event { after: document(&of_group(group)), ..about_group("group.create", group) }
}

/// `group.update`.
pub fn group_updated(before: &Group, after: &Group) -> Event {
    Event {
        before: document(&of_group(before)),
        after: document(&of_group(after)),
        ..about_group("group.update", after)
    }
}

/// `group.delete`.
pub fn group_deleted(group: &Group) -> Event {
    Event { before: document(&of_group(group)), ..about_group("group.delete", group) }
}

/// `group.add_member`.
pub fn member_added(group: &Group, user: UserId) -> Event {
    Event { after: document(&json!({ "user_id": user })), ..about_group("group.add_member", group) }
}

/// `group.remove_member`.
pub fn member_removed(group: &Group, user: UserId) -> Event {
    Event { before: document(&json!({ "user_id": user })), ..about_group("group.remove_member", group) }
}

/// `role.create`.
pub fn role_created(role: &CustomRole) -> Event {
    Event { after: document(&of_role(role)), ..about_role("role.create", role) }
}

/// `role.update`.
pub fn role_updated(before: &CustomRole, after: &CustomRole) -> Event {
    Event { before: document(&of_role(before)), after: document(&of_role(after)), ..about_role("role.update", after) }
}

/// `role.delete`.
pub fn role_deleted(role: &CustomRole) -> Event {
    Event { before: document(&of_role(role)), ..about_role("role.delete", role) }
}

/// `binding.create`.
pub fn binding_created(binding: &Binding) -> Event {
    Event { after: document(&of_binding(binding)), ..about_binding("binding.create", binding) }
}

/// `binding.delete`.
pub fn binding_deleted(binding: &Binding) -> Event {
    Event { before: document(&of_binding(binding)), ..about_binding("binding.delete", binding) }
}

/// `grant.create`.
pub fn grant_created(grant: &Grant) -> Event {
    Event { after: document(&of_grant(grant)), ..about_grant("grant.create", grant) }
}

/// `grant.delete`.
pub fn grant_deleted(grant: &Grant) -> Event {
    Event { before: document(&of_grant(grant)), ..about_grant("grant.delete", grant) }
}

fn about_group(action: &'static str, group: &Group) -> Event {
    about(action, "group", group.id.to_string(), group.name.clone())
}

fn about_role(action: &'static str, role: &CustomRole) -> Event {
    about(action, "role", role.name.clone(), role.name.clone())
}

fn about_binding(action: &'static str, binding: &Binding) -> Event {
    about(action, "binding", binding.id.to_string(), binding.role.clone())
}

fn about_grant(action: &'static str, grant: &Grant) -> Event {
    about(action, "grant", grant.id.to_string(), grant.level.name().to_owned())
}

pub(super) fn about(action: &'static str, object_type: &'static str, id: String, name: String) -> Event {
    Event { action, object_type, object_id: id, object_name: name, ..Event::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "events have a document or none")]
pub(super) fn document(value: &Value) -> Option<String> {
    Some(value.to_string())
}

fn of_group(group: &Group) -> Value {
    json!({ "name": group.name, "description": group.description, "version": group.version })
}

fn of_role(role: &CustomRole) -> Value {
    let permissions: Vec<_> = role.permissions.names().collect();
    json!({ "description": role.description, "permissions": permissions, "version": role.version })
}

fn of_binding(binding: &Binding) -> Value {
    json!({
        "role": binding.role,
        "subject_type": binding.subject.kind.name(),
        "subject_id": binding.subject.id,
        "project_id": binding.project,
    })
}

fn of_grant(grant: &Grant) -> Value {
    json!({
        "object_type": grant.object.kind.name(),
        "object_id": grant.object.id,
        "subject_type": grant.subject.kind.name(),
        "subject_id": grant.subject.id,
        "level": grant.level.name(),
        "starts_at": grant.starts_at,
        "expires_at": grant.expires_at,
    })
}
