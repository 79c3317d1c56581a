//! From a bearer token to a caller, and from a caller to what he may do, with what this process remembers.
//!
//! Invariant: nothing that decides is older than a second. Whether a session, key or account is still good is part of
//! the access that is asked for anew, so there is no list of revoked things to keep.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures::future::BoxFuture;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use trinity_access::{Access, Standing};
use trinity_context::Caller;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::api_key::ApiKeyText;
use crate::memory::Memory;
use crate::service_token::ServiceKey;
use crate::user_token::{Claims, JsonWebKey, UserTokens};

/// How soon after one look for new keys another may follow, so that forged key ids cannot hammer identity.
const KEY_REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// How many verified tokens are remembered.
const VERIFIED_TOKENS: u64 = 10_000;

/// Where keys, permissions and standings come from.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The public keys of access tokens.
    async fn keys(&self) -> Result<Vec<JsonWebKey>>;
    /// What a caller may do; `None` when his session, key or account is no longer good.
    async fn access(&self, caller: &Caller) -> Result<Option<Access>>;
    /// What a tenant may use.
    async fn standing(&self, tenant: TenantId) -> Result<Standing>;
    /// The program that signs in with this key; `None` when the key is not good.
    async fn api_key(&self, key: &ApiKeyText) -> Result<Option<Caller>>;
}

/// Verifies tokens and remembers what callers may do. One a process, shared by all its services.
pub struct Authenticator {
    issuer: String,
    service_key: Arc<ServiceKey>,
    directory: Box<dyn Directory>,
    tokens: RwLock<UserTokens>,
    last_refresh: Mutex<Option<Instant>>,
    /// Callers by the SHA-256 of their token, with the token's expiry in seconds since 1970. That a token names its
    /// caller never changes; whether the caller is still good is `access`'s to say.
    verified: Cache<[u8; 32], (Arc<Caller>, u64)>,
    access: Memory<Arc<Caller>, Option<Arc<Access>>>,
    standings: Memory<TenantId, Arc<Standing>>,
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
            access: Memory::new(|caller: &Arc<Caller>| caller.tenant().unwrap_or(TenantId::NIL)),
            standings: Memory::new(|tenant| *tenant),
        }
    }

    /// Finds the caller behind a token. Only [`Authenticator::access`] says whether he is still good.
    ///
    /// # Errors
    /// `Unauthenticated`, the same for every fault of the token; `Unavailable` when the keys cannot be had.
    pub fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Arc<Caller>>> {
        Box::pin(async move {
            let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
            if let Some((caller, expires)) = self.verified.get(&digest)
                && expires > now()
            {
                return Ok(caller);
            }
            let (caller, expires) = self.verify(token).await?;
            let caller = Arc::new(caller);
            self.verified.insert(digest, (Arc::clone(&caller), expires));
            Ok(caller)
        })
    }

    /// What the caller may do.
    ///
    /// # Errors
    /// `Unauthenticated` when his session, key or account is no longer good; `Unavailable` when identity is away.
    pub fn access<'a>(&'a self, caller: &'a Arc<Caller>) -> BoxFuture<'a, Result<Arc<Access>>> {
        Box::pin(async move {
            let ask = async || Ok(self.directory.access(caller).await?.map(Arc::new));
            let known = self.access.get(Arc::clone(caller), ask).await?;
            known.as_ref().clone().ok_or_else(Error::unauthenticated)
        })
    }

    /// What the tenant may use.
    ///
    /// # Errors
    /// `Unavailable` when the tenant service is away.
    pub fn standing(&self, tenant: TenantId) -> BoxFuture<'_, Result<Arc<Standing>>> {
        Box::pin(async move {
            let ask = async || self.directory.standing(tenant).await.map(Arc::new);
            Ok(Arc::clone(&*self.standings.get(tenant, ask).await?))
        })
    }

    /// Forgets what callers of a tenant may do, after a change of it; those without a tenant are the nil tenant's.
    pub fn forget_access(&self, tenant: TenantId) {
        self.access.forget(Some(tenant));
    }

    /// Forgets what a tenant (or, without one, every tenant) may use, after a change of it.
    pub fn forget_standing(&self, tenant: Option<TenantId>) {
        self.standings.forget(tenant);
    }

    /// Fetches the keys anew.
    ///
    /// # Errors
    /// `Unavailable` when identity does not answer; the keys that are known stay.
    pub async fn refresh_keys(&self) -> Result<()> {
        let keys = self.directory.keys().await?;
        *self.tokens.write().unwrap_or_else(std::sync::PoisonError::into_inner) = UserTokens::new(&self.issuer, &keys);
        Ok(())
    }

    async fn verify(&self, token: &str) -> Result<(Caller, u64)> {
        if ApiKeyText::is_meant(token) {
            let key = ApiKeyText::parse(token).ok_or_else(Error::unauthenticated)?;
            let caller = self.directory.api_key(&key).await?.ok_or_else(Error::unauthenticated)?;
            return Ok((caller, u64::MAX));
        }
        if let Some((name, expires)) = self.service_key.verify(token) {
            return Ok((Caller::Service { name }, expires));
        }
        if !self.tokens().knows_key_of(token) {
            self.refresh_keys_unless_fresh().await?;
        }
        let claims = self.tokens().verify(token).ok_or_else(Error::unauthenticated)?;
        Ok(match claims {
            Claims::User(claims) => {
                (Caller::User { tenant: claims.tid, user: claims.sub, session: claims.sid }, claims.exp)
            }
            Claims::Staff(claims) => {
                (Caller::Staff { staff: claims.sub, session: claims.sid, entered: claims.tid }, claims.exp)
            }
        })
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

    fn tokens(&self) -> std::sync::RwLockReadGuard<'_, UserTokens> {
        self.tokens.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
