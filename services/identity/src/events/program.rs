//! What is announced of service accounts, keys and variables: never a secret.

use serde_json::{Value, json};
use trinity_outbox::Event;

use super::access::{about, document};
use crate::domain::{ApiKey, ServiceAccount};

/// `service_account.create`.
pub fn account_created(account: &ServiceAccount) -> Event {
    Event { after: document(&of_account(account)), ..about_account("service_account.create", account) }
}

/// `service_account.delete`.
pub fn account_deleted(account: &ServiceAccount) -> Event {
    Event { before: document(&of_account(account)), ..about_account("service_account.delete", account) }
}

/// `api_key.create`.
pub fn key_created(key: &ApiKey) -> Event {
    Event { after: document(&of_key(key)), ..about_key("api_key.create", key) }
}

/// `api_key.revoke`.
pub fn key_revoked(key: &ApiKey) -> Event {
    Event { before: document(&of_key(key)), ..about_key("api_key.revoke", key) }
}

/// `variable.set`: that it was, not to what.
pub fn variable_set(name: &str) -> Event {
    about("variable.set", "variable", name.to_owned(), name.to_owned())
}

/// `variable.delete`.
pub fn variable_deleted(name: &str) -> Event {
    about("variable.delete", "variable", name.to_owned(), name.to_owned())
}

fn about_account(action: &'static str, account: &ServiceAccount) -> Event {
    about(action, "service_account", account.id.to_string(), account.name.clone())
}

fn about_key(action: &'static str, key: &ApiKey) -> Event {
    about(action, "api_key", key.id.to_string(), key.name.clone())
}

fn of_account(account: &ServiceAccount) -> Value {
    json!({
        "name": account.name,
        "description": account.description,
        "owner_id": account.owner,
        "roles": account.roles.names(),
    })
}

fn of_key(key: &ApiKey) -> Value {
    json!({
        "service_account_id": key.account,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "expires_at": key.expires_at,
    })
}
