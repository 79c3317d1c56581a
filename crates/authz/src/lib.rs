//! Who somebody is and what his roles let him do: tokens, deny-lists and the built-in roles.
//!
//! No network here: keys and deny-lists come through [`Directory`], which `trinity-rpc` implements over the services.

mod authenticator;
mod denylist;
mod roles;
mod service_token;
mod user_token;

pub use authenticator::{Authenticator, Directory};
pub use denylist::DenyList;
pub use roles::{ROLES, RoleSpec, allows, permissions_of};
pub use service_token::ServiceKey;
pub use user_token::{ACCESS_TOKEN_SECONDS, AccessClaims, JsonWebKey, TokenSigner, UserTokens};
