//! Tokens for tests, and an authenticator that knows their keys without asking anybody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trinity_authz::{Authenticator, Directory, JsonWebKey, ServiceKey, TokenSigner};
use trinity_error::Result;
use trinity_ids::{SessionId, TenantId, UserId};

const ISSUER: &str = "trinity";

/// A signing key and a service key of one test.
pub struct TestTokens {
    signer: TokenSigner,
    service_key: Arc<ServiceKey>,
    service_seed: String,
}

impl TestTokens {
    /// Makes new keys.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[expect(clippy::new_without_default, reason = "fresh keys are not a default")]
    pub fn new() -> Self {
        let pkcs8 = TokenSigner::generate().expect("randomness");
        let signer = TokenSigner::new("test-key", ISSUER, &pkcs8).expect("an Ed25519 key");
        let seed: Vec<u8> = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
        let service_seed = STANDARD.encode(seed);
        let service_key = Arc::new(ServiceKey::new("test", &service_seed).expect("a service key"));
        Self { signer, service_key, service_seed }
    }

    /// The access token of a user with these roles in a session of its own.
    ///
    /// # Panics
    /// When signing fails.
    pub fn user(&self, tenant: TenantId, user: UserId, roles: &[&str]) -> String {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
        self.signer.sign(tenant, user, SessionId::new(), roles, now).expect("a signature")
    }

    /// A service's token.
    pub fn service(&self) -> String {
        self.service_key.token()
    }

    /// The installation's service key, for clients that sign their own tokens.
    pub fn service_key(&self) -> Arc<ServiceKey> {
        Arc::clone(&self.service_key)
    }

    /// The setting `TRINITY_SERVICE_KEY` that matches.
    pub fn service_seed(&self) -> &str {
        &self.service_seed
    }

    /// Verifies what this value signs. Nobody is revoked, no tenant suspended.
    pub fn authenticator(&self) -> Arc<Authenticator> {
        let directory = KnownKeys(vec![self.signer.public_key()]);
        Arc::new(Authenticator::new(ISSUER, self.service_key(), directory))
    }
}

struct KnownKeys(Vec<JsonWebKey>);

#[async_trait]
impl Directory for KnownKeys {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        Ok(self.0.clone())
    }
    async fn revoked_sessions(&self) -> Result<HashSet<SessionId>> {
        Ok(HashSet::new())
    }
    async fn suspended_tenants(&self) -> Result<HashSet<TenantId>> {
        Ok(HashSet::new())
    }
}
