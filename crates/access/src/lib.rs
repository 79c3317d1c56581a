//! What a caller may do, decided purely: permission words, roles, grants and containment, and what a tenant may use.
//!
//! Identity gathers an [`Access`] once; every service keeps it for at most a second and decides by itself, on the
//! objects that it owns and whose containment it knows. No I/O here, so that one model serves the service that answers
//! `Check`, the services that enforce, and the tests.

mod access;
mod object;
mod permissions;
mod roles;
mod standing;

pub use access::{Access, Grant, Reason, Visible};
pub use object::{Node, Object, ObjectKind, Path};
pub use permissions::{PERMISSIONS, Permission, Permissions};
pub use roles::{Level, ROLES, RoleSpec, role};
pub use standing::{Limits, Standing};
