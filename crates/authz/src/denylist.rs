//! Sessions that were revoked and tenants that were suspended, while access tokens of theirs may still live.

use std::collections::HashSet;
use std::sync::RwLock;

use trinity_ids::{SessionId, TenantId};

/// What must be refused although its token is sound.
#[derive(Debug, Default)]
pub struct DenyList {
    sessions: RwLock<HashSet<SessionId>>,
    tenants: RwLock<HashSet<TenantId>>,
}

impl DenyList {
    /// Takes over the whole list of revoked sessions.
    pub fn set_sessions(&self, sessions: HashSet<SessionId>) {
        *self.sessions.write().unwrap_or_else(std::sync::PoisonError::into_inner) = sessions;
    }

    /// Takes over the whole list of suspended tenants.
    pub fn set_tenants(&self, tenants: HashSet<TenantId>) {
        *self.tenants.write().unwrap_or_else(std::sync::PoisonError::into_inner) = tenants;
    }

    /// Whether the session was revoked.
    #[must_use]
    pub fn is_revoked(&self, session: SessionId) -> bool {
        self.sessions.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&session)
    }

    /// Whether the tenant is suspended.
    #[must_use]
    pub fn is_suspended(&self, tenant: TenantId) -> bool {
        self.tenants.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&tenant)
    }
}
