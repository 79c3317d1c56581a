//! Nouns and rules; pure.

mod host_name;
mod slug;
mod tenant;
mod values;

pub(crate) use host_name::HostName;
pub(crate) use slug::Slug;
pub(crate) use tenant::{Changes, NewTenant, Status, Tenant};
pub(crate) use values::{apps, document, domains, name, text};
