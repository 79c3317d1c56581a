//! Who somebody is and what he may do: tokens, API keys, and what this process remembers of them for a second.
//!
//! No network here: everything comes through [`Directory`], which `trinity-rpc` implements over the services.

mod api_key;
mod authenticator;
mod memory;
mod service_token;
mod user_token;

pub use api_key::ApiKeyText;
pub use authenticator::{Authenticator, Directory};
pub use service_token::ServiceKey;
pub use user_token::{
    ACCESS_TOKEN_SECONDS, AccessClaims, Claims, JsonWebKey, STAFF_TOKEN_SECONDS, StaffClaims, TokenSigner, UserTokens,
};
