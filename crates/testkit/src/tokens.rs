//! Tokens for tests, and an authenticator that knows their keys and holders without asking anybody.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trinity_access::{Access, Permissions, Standing};
use trinity_authz::{ApiKeyText, Authenticator, Directory, JsonWebKey, STAFF_TOKEN_SECONDS, ServiceKey, TokenSigner};
use trinity_context::Caller;
use trinity_error::Result;
use trinity_ids::{SessionId, StaffId, TenantId, UserId};

const ISSUER: &str = "trinity";

/// A signing key and a service key of one test, and the people it speaks of.
pub struct TestTokens {
    signer: TokenSigner,
    service_key: Arc<ServiceKey>,
    service_seed: String,
    people: Arc<People>,
}

/// What the test said of users and tenants.
#[derive(Default)]
struct People {
    access: Mutex<HashMap<(TenantId, UserId), Access>>,
    staff: Mutex<HashSet<StaffId>>,
    standings: Mutex<HashMap<TenantId, Standing>>,
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
        Self { signer, service_key, service_seed, people: Arc::default() }
    }

    /// The access token of a user with these built-in roles in the whole tenant, in a session of its own.
    ///
    /// # Panics
    /// When a role does not exist or signing fails.
    pub fn user(&self, tenant: TenantId, user: UserId, roles: &[&str]) -> String {
        let role = |name: &&str| trinity_access::role(name).expect("a built-in role").permissions();
        let access = Access {
            name: format!("{user}@test.example"),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            tenant: roles.iter().map(role).fold(Permissions::NONE, Permissions::union),
            owner: Some(user),
            ..Access::default()
        };
        self.user_with(tenant, user, access)
    }

    /// The access token of a user who may do what `access` says.
    ///
    /// # Panics
    /// When signing fails.
    pub fn user_with(&self, tenant: TenantId, user: UserId, access: Access) -> String {
        let roles = access.roles.clone();
        self.people.access.lock().expect("no test panics in here").insert((tenant, user), access);
        self.signer.sign(tenant, user, SessionId::new(), roles, now()).expect("a signature")
    }

    /// The token of an operator of the installation, outside of every tenant.
    ///
    /// # Panics
    /// When signing fails.
    pub fn staff(&self, staff: StaffId) -> String {
        self.people.staff.lock().expect("no test panics in here").insert(staff);
        self.signer.sign_staff(staff, SessionId::new(), None, now(), STAFF_TOKEN_SECONDS).expect("a signature")
    }

    /// Says what a tenant may use; unlimited unless said. Services learn of it within a second.
    ///
    /// # Panics
    /// Never.
    pub fn set_standing(&self, tenant: TenantId, standing: Standing) {
        self.people.standings.lock().expect("no test panics in here").insert(tenant, standing);
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

    /// Verifies what this value signs, and knows whom it signed for.
    pub fn authenticator(&self) -> Arc<Authenticator> {
        let directory = Known { keys: vec![self.signer.public_key()], people: Arc::clone(&self.people) };
        Arc::new(Authenticator::new(ISSUER, self.service_key(), directory))
    }
}

struct Known {
    keys: Vec<JsonWebKey>,
    people: Arc<People>,
}

#[async_trait]
impl Directory for Known {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        Ok(self.keys.clone())
    }
    async fn access(&self, caller: &Caller) -> Result<Option<Access>> {
        Ok(match caller {
            Caller::User { tenant, user, .. } => {
                self.people.access.lock().expect("no test panics in here").get(&(*tenant, *user)).cloned()
            }
            Caller::Staff { staff, entered: None, .. } => {
                let known = self.people.staff.lock().expect("no test panics in here").contains(staff);
                known.then(|| Access { name: format!("{staff}@staff.example"), ..Access::default() })
            }
            _ => None,
        })
    }
    async fn standing(&self, tenant: TenantId) -> Result<Standing> {
        let known = self.people.standings.lock().expect("no test panics in here").get(&tenant).cloned();
        Ok(known.unwrap_or_else(Standing::unlimited))
    }
    async fn api_key(&self, _: &ApiKeyText) -> Result<Option<Caller>> {
        Ok(None)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
