//! Nouns and rules; pure.

mod email;
pub(crate) mod password;
mod refresh_token;
mod role;
mod session;
mod user;

pub(crate) use email::Email;
pub(crate) use refresh_token::RefreshToken;
pub(crate) use role::Roles;
pub(crate) use session::Session;
pub(crate) use user::{Changes, NewUser, User, document, full_name, username, utc_offset};
