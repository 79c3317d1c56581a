//! Nouns and rules; pure.

mod binding;
mod email;
mod group;
mod invitation;
mod mail;
mod one_time_token;
pub(crate) mod password;
pub(crate) mod recovery_code;
mod refresh_token;
mod role;
mod service_account;
mod session;
mod staff;
mod subject;
mod user;
mod variable;

pub(crate) use binding::{Binding, Grant, NewBinding, NewGrant, period};
pub(crate) use email::Email;
pub(crate) use group::{Group, description, name};
pub(crate) use invitation::Invitation;
pub(crate) use mail::Mail;
pub(crate) use one_time_token::{OneTimeToken, Purpose};
pub(crate) use refresh_token::RefreshToken;
pub(crate) use role::{CustomRole, OWNER, Roles, permissions, reading, role_name, words};
pub(crate) use service_account::{ApiKey, NewApiKey, ServiceAccount, expiry};
pub(crate) use session::Session;
pub(crate) use staff::{Staff, entry_role, reason};
pub(crate) use subject::{Subject, SubjectKind};
pub(crate) use user::{Changes, NewUser, User, document, full_name, photo_url, username, utc_offset};
pub(crate) use variable::{Variable, place, variable_name, variable_value};
