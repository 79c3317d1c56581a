//! What this service announces.

pub mod access;
pub mod account;
pub mod program;
pub mod staff;

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use trinity_error::{Error, Result};
use trinity_ids::{SessionId, UserId};
use trinity_outbox::Event;

use crate::domain::{Email, User};

/// A user as the audit trail shows it: never the password's hash.
#[derive(Serialize)]
struct Document<'a> {
    email: &'a str,
    username: &'a str,
    full_name: &'a str,
    utc_offset_minutes: i32,
    settings: &'a RawValue,
    roles: &'a [String],
    active: bool,
    verified: bool,
    photo_url: &'a str,
    mfa_enabled: bool,
    version: i64,
}

/// `user.create`.
///
/// # Errors
/// `Internal` when stored settings are not JSON.
pub fn user_created(user: &User) -> Result<Event> {
    Ok(Event { after: Some(document(user)?), ..about("user.create", user) })
}

/// `user.update`.
///
/// # Errors
/// `Internal` when stored settings are not JSON.
pub fn user_updated(before: &User, after: &User) -> Result<Event> {
    Ok(Event { before: Some(document(before)?), after: Some(document(after)?), ..about("user.update", after) })
}

/// `auth.login` that succeeded; the actor is the user who was nobody before it.
pub fn logged_in(user: &User, session: SessionId) -> Event {
    Event {
        actor_id: Some(user.id.to_string()),
        after: Some(json!({ "session_id": session }).to_string()),
        ..about("auth.login", user)
    }
}

/// `auth.login` that was refused. Nobody has proven to be the user.
pub fn login_refused(user: Option<UserId>, email: &Email, outcome: &str) -> Event {
    Event {
        action: "auth.login",
        outcome: Some(outcome.to_owned()),
        object_type: "user",
        object_id: user.map(String::from).unwrap_or_default(),
        object_name: email.as_str().to_owned(),
        ..Event::default()
    }
}

/// `auth.logout`.
pub fn logged_out(session: SessionId) -> Event {
    about_session("auth.logout", session)
}

/// `session.revoke`.
pub fn session_revoked(session: SessionId) -> Event {
    about_session("session.revoke", session)
}

/// `session.revoke_all`.
pub fn sessions_revoked(user: UserId, revoked: u32) -> Event {
    Event {
        action: "session.revoke_all",
        object_type: "user",
        object_id: user.to_string(),
        after: Some(json!({ "revoked": revoked }).to_string()),
        ..Event::default()
    }
}

/// `session.reuse`: a spent refresh token came again, so the session was ended.
pub fn token_reused(session: SessionId, user: UserId) -> Event {
    Event {
        outcome: Some("UNAUTHENTICATED".to_owned()),
        after: Some(json!({ "user_id": user }).to_string()),
        ..about_session("session.reuse", session)
    }
}

fn about(action: &'static str, user: &User) -> Event {
    Event {
        action,
        object_type: "user",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        ..Event::default()
    }
}

fn about_session(action: &'static str, session: SessionId) -> Event {
    Event { action, object_type: "session", object_id: session.to_string(), ..Event::default() }
}

fn document(user: &User) -> Result<String> {
    let document = Document {
        email: &user.email,
        username: &user.username,
        full_name: &user.full_name,
        utc_offset_minutes: user.utc_offset_minutes,
        settings: serde_json::from_str(&user.settings).map_err(Error::internal)?,
        roles: user.roles.names(),
        active: user.active,
        verified: user.verified,
        photo_url: &user.photo_url,
        mfa_enabled: user.mfa_enabled,
        version: user.version,
    };
    serde_json::to_string(&document).map_err(Error::internal)
}
