//! Service accounts, keys, staff and variables in the contract's messages.

use trinity_db::Page;
use trinity_proto::identity as pb;

use super::{page_info, timestamp};
use crate::domain::{ApiKey, ServiceAccount, Staff, Variable};

impl From<ServiceAccount> for pb::ServiceAccount {
    fn from(account: ServiceAccount) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name,
            description: account.description,
            owner_id: account.owner.to_string(),
            roles: account.roles.names().to_vec(),
            created_at: Some(timestamp(account.created_at)),
        }
    }
}

impl From<ApiKey> for pb::ApiKey {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            service_account_id: key.account.to_string(),
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            expires_at: Some(timestamp(key.expires_at)),
            last_used_at: key.last_used_at.map(timestamp),
            revoked_at: key.revoked_at.map(timestamp),
            created_at: Some(timestamp(key.created_at)),
        }
    }
}

impl From<Staff> for pb::Staff {
    fn from(staff: Staff) -> Self {
        Self {
            id: staff.id.to_string(),
            email: staff.email,
            full_name: staff.full_name,
            active: staff.active,
            last_login_at: staff.last_login_at.map(timestamp),
            created_at: Some(timestamp(staff.created_at)),
        }
    }
}

impl From<Variable> for pb::Variable {
    fn from(variable: Variable) -> Self {
        Self { name: variable.name, updated_at: Some(timestamp(variable.updated_at)) }
    }
}

/// A page of accounts.
pub fn account_page(page: Page<ServiceAccount>) -> pb::ListServiceAccountsResponse {
    let info = page_info(&page);
    let service_accounts = page.items.into_iter().map(Into::into).collect();
    pb::ListServiceAccountsResponse { service_accounts, page: Some(info) }
}

/// A page of keys.
pub fn key_page(page: Page<ApiKey>) -> pb::ListApiKeysResponse {
    let info = page_info(&page);
    pb::ListApiKeysResponse { api_keys: page.items.into_iter().map(Into::into).collect(), page: Some(info) }
}
