//! What people do about their own accounts, and invitations.

use serde_json::json;
use trinity_error::Result;
use trinity_ids::{TenantId, UserId};
use trinity_outbox::Event;

use super::{about, document};
use crate::domain::{Email, Invitation, User};

/// `password.change`.
pub fn password_changed(user: &User) -> Event {
    about("password.change", user)
}

/// `password.reset_request`; nobody has proven to be the user.
pub fn reset_requested(user: UserId, email: &Email) -> Event {
    Event {
        action: "password.reset_request",
        object_type: "user",
        object_id: user.to_string(),
        object_name: email.as_str().to_owned(),
        ..Event::default()
    }
}

/// `password.reset`; the actor is the user, whom the mailed token has proven.
pub fn password_reset(user: &User) -> Event {
    Event { actor_id: Some(user.id.to_string()), ..about("password.reset", user) }
}

/// `user.verify`; the actor is the user, whom the mailed token has proven.
pub fn email_verified(user: &User) -> Event {
    Event { actor_id: Some(user.id.to_string()), ..about("user.verify", user) }
}

/// `mfa.enable`.
pub fn mfa_enabled(user: &User) -> Event {
    about("mfa.enable", user)
}

/// `mfa.disable`.
pub fn mfa_disabled(user: &User) -> Event {
    about("mfa.disable", user)
}

/// `mfa.replace_recovery_codes`.
pub fn recovery_codes_replaced(user: &User) -> Event {
    about("mfa.replace_recovery_codes", user)
}

/// `invitation.create`.
pub fn invited(invitation: &Invitation) -> Event {
    let after = json!({ "email": invitation.email, "roles": invitation.roles, "expires_at": invitation.expires_at });
    Event {
        action: "invitation.create",
        object_type: "invitation",
        object_id: invitation.id.to_string(),
        object_name: invitation.email.clone(),
        after: Some(after.to_string()),
        ..Event::default()
    }
}

/// `invitation.revoke`.
pub fn invitation_revoked(id: String, email: String) -> Event {
    Event {
        action: "invitation.revoke",
        object_type: "invitation",
        object_id: id,
        object_name: email,
        ..Event::default()
    }
}

/// `invitation.accept` and the `user.create` that it leads to; the actor of both is the new user.
///
/// # Errors
/// `Internal` when stored settings are not JSON.
pub fn invitation_accepted(tenant: TenantId, invitation: &Invitation, user: &User) -> Result<Vec<(TenantId, Event)>> {
    let actor_id = Some(user.id.to_string());
    let accepted = Event {
        action: "invitation.accept",
        object_type: "invitation",
        object_id: invitation.id.to_string(),
        object_name: invitation.email.clone(),
        actor_id: actor_id.clone(),
        after: Some(json!({ "user_id": user.id }).to_string()),
        ..Event::default()
    };
    let created = Event { actor_id, after: Some(document(user)?), ..about("user.create", user) };
    Ok(vec![(tenant, accepted), (tenant, created)])
}
