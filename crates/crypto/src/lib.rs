//! What services need of cryptography, each with one right way: hashed passwords, opaque secrets, sealed secrets,
//! codes of authenticator apps, signatures of webhooks.
//!
//! Tokens of people and services are not here: see `trinity-authz`. No primitive is written here, only chosen.

mod data_key;
mod master;
mod password;
mod secret;
mod totp;
mod webhook;

pub use data_key::{DataKey, Wrapper};
pub use master::{MasterKey, Sealer};
pub use password::Passwords;
pub use secret::{Deriver, Secret, digest};
pub use totp::TotpSecret;
pub use webhook::WebhookKey;
