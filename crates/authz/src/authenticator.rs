//! From a bearer token to a caller, with the keys and deny-lists that this process knows.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use trinity_context::Caller;
use trinity_error::{Code, Error, Result};
use trinity_ids::{SessionId, TenantId};

use crate::denylist::DenyList;
use crate::service_token::ServiceKey;
use crate::user_token::{JsonWebKey, UserTokens};

/// How soon after one look for new keys another may follow, so that forged key ids cannot hammer identity.
const KEY_REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// How many verified tokens are remembered.
const VERIFIED_TOKENS: u64 = 10_000;

/// Where keys and deny-lists come from.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The public keys of access tokens.
    async fn keys(&self) -> Result<Vec<JsonWebKey>>;
    /// Every session revoked while a token of its may live.
    async fn revoked_sessions(&self) -> Result<HashSet<SessionId>>;
    /// Every suspended tenant.
    async fn suspended_tenants(&self) -> Result<HashSet<TenantId>>;
}

/// Verifies tokens. One a process, shared by all its services.
pub struct Authenticator {
    issuer: String,
    service_key: Arc<ServiceKey>,
    directory: Box<dyn Directory>,
    tokens: RwLock<UserTokens>,
    last_refresh: Mutex<Option<Instant>>,
    /// Callers by the SHA-256 of their token, with the token's expiry in seconds since 1970.
    verified: Cache<[u8; 32], (Arc<Caller>, u64)>,
    denied: DenyList,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Starts with no keys; they are fetched at the first token.
    #[must_use]
    pub fn new(issuer: &str, service_key: Arc<ServiceKey>, directory: impl Directory) -> Self {
        Self {
            issuer: issuer.to_owned(),
            service_key,
            directory: Box::new(directory),
            tokens: RwLock::new(UserTokens::new(issuer, &[])),
            last_refresh: Mutex::new(None),
            verified: Cache::builder().max_capacity(VERIFIED_TOKENS).time_to_live(Duration::from_secs(600)).build(),
            denied: DenyList::default(),
        }
    }

    /// Finds the caller behind a token.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for every fault of the token; `PermissionDenied` `TENANT_SUSPENDED`;
    /// `Unavailable` when the keys cannot be had.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Caller>> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let caller = match self.verified.get(&digest) {
            Some((caller, expires)) if expires > now() => caller,
            _ => {
                let (caller, expires) = self.verify(token).await?;
                let caller = Arc::new(caller);
                self.verified.insert(digest, (Arc::clone(&caller), expires));
                caller
            }
        };
        if let Caller::User { tenant, session, .. } = caller.as_ref() {
            if self.denied.is_revoked(*session) {
                return Err(Error::unauthenticated());
            }
            if self.denied.is_suspended(*tenant) {
                return Err(Error::new(Code::PermissionDenied, "TENANT_SUSPENDED", "this tenant is suspended"));
            }
        }
        Ok(caller)
    }

    /// Fetches keys and deny-lists anew.
    ///
    /// # Errors
    /// `Unavailable` when identity or tenant does not answer; what is known stays.
    pub async fn refresh(&self) -> Result<()> {
        // Why each for itself: one service that is away must not keep the others' lists old.
        let sessions = self.directory.revoked_sessions().await.map(|sessions| self.denied.set_sessions(sessions));
        let tenants = self.directory.suspended_tenants().await.map(|tenants| self.denied.set_tenants(tenants));
        let keys = self.refresh_keys().await;
        sessions.and(tenants).and(keys)
    }

    /// Whether the tenant was suspended when this process last looked.
    #[must_use]
    pub fn is_suspended(&self, tenant: TenantId) -> bool {
        self.denied.is_suspended(tenant)
    }

    async fn verify(&self, token: &str) -> Result<(Caller, u64)> {
        if let Some((name, expires)) = self.service_key.verify(token) {
            return Ok((Caller::Service { name }, expires));
        }
        if !self.tokens().knows_key_of(token) {
            self.refresh_keys_unless_fresh().await?;
        }
        let claims = self.tokens().verify(token).ok_or_else(Error::unauthenticated)?;
        let caller = Caller::User { tenant: claims.tid, user: claims.sub, session: claims.sid, roles: claims.roles };
        Ok((caller, claims.exp))
    }

    async fn refresh_keys_unless_fresh(&self) -> Result<()> {
        let mut last = self.last_refresh.lock().await;
        if last.is_some_and(|at| at.elapsed() < KEY_REFRESH_INTERVAL) {
            return Ok(());
        }
        self.refresh_keys().await?;
        *last = Some(Instant::now());
        Ok(())
    }

    async fn refresh_keys(&self) -> Result<()> {
        let keys = self.directory.keys().await?;
        *self.tokens.write().unwrap_or_else(std::sync::PoisonError::into_inner) = UserTokens::new(&self.issuer, &keys);
        Ok(())
    }

    fn tokens(&self) -> std::sync::RwLockReadGuard<'_, UserTokens> {
        self.tokens.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
