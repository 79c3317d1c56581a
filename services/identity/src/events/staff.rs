//! What is announced of staff: in the installation's own trail, or in that of the tenant that is concerned.

use serde_json::json;
use trinity_ids::{SessionId, StaffId, TenantId};
use trinity_outbox::Event;

use super::access::{about, document};
use crate::domain::{Email, Staff};

/// `staff.create`.
pub fn created(staff: &Staff) -> Event {
    let after = json!({ "email": staff.email, "full_name": staff.full_name });
    Event { after: document(&after), ..about_staff("staff.create", staff) }
}

/// `staff.deactivate`.
pub fn deactivated(staff: &Staff) -> Event {
    Event { after: document(&json!({ "active": false })), ..about_staff("staff.deactivate", staff) }
}

/// `staff.login` that succeeded.
pub fn logged_in(staff: &Staff, session: SessionId) -> Event {
    Event { after: document(&json!({ "session_id": session })), ..about_staff("staff.login", staff) }
}

/// `staff.login` that was refused. Nobody has proven to be the member of staff.
pub fn login_refused(staff: Option<StaffId>, email: &Email) -> Event {
    let id = staff.map(String::from).unwrap_or_default();
    let event = about("staff.login", "staff", id, email.as_str().to_owned());
    Event { outcome: Some("UNAUTHENTICATED".to_owned()), ..event }
}

/// `staff.logout`.
pub fn logged_out(session: SessionId) -> Event {
    about("staff.logout", "session", session.to_string(), String::new())
}

/// `staff.enter`, for the tenant that was entered to read.
pub fn entered(tenant: TenantId, entry: SessionId, role: &str, reason: &str) -> Event {
    let after = json!({ "session_id": entry, "role": role, "reason": reason });
    Event { after: document(&after), ..about("staff.enter", "tenant", tenant.to_string(), String::new()) }
}

/// `tenant.destroy_key`.
pub fn key_destroyed(tenant: TenantId, keys: u64) -> Event {
    let before = json!({ "keys": keys });
    Event { before: document(&before), ..about("tenant.destroy_key", "tenant", tenant.to_string(), String::new()) }
}

fn about_staff(action: &'static str, staff: &Staff) -> Event {
    about(action, "staff", staff.id.to_string(), staff.email.clone())
}
