//! What each RPC does: check, change, announce, answer.

use trinity_context::{Caller, RequestContext};
use trinity_error::{Error, Result};
use trinity_ids::SessionId;

pub(crate) mod access;
mod address;
pub(crate) mod api_key;
mod confirm;
pub(crate) mod email;
pub(crate) mod entry;
pub(crate) mod environment;
pub(crate) mod invitation;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod mail;
pub(crate) mod me;
pub(crate) mod mfa;
pub(crate) mod password;
pub(crate) mod refresh;
pub(crate) mod second_step;
pub(crate) mod service_account;
pub(crate) mod session;
pub(crate) mod staff;
pub(crate) mod staff_login;
pub(crate) mod user;

/// The session of the person who calls.
fn own_session(ctx: &RequestContext) -> Result<SessionId> {
    match &ctx.caller {
        Caller::User { session, .. } => Ok(*session),
        // The same answer as to whoever needs a person and is none.
        _ => Err(ctx.user().err().unwrap_or_else(Error::unauthenticated)),
    }
}
