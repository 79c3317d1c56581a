//! The signing keys that this process holds: which one signs now, and which ones are published.

use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use trinity_authz::{JsonWebKey, TokenSigner};
use trinity_crypto::Wrapper;
use trinity_error::{Error, Result};
use trinity_ids::{SessionId, StaffId, TenantId};
use uuid::Uuid;

use crate::domain::User;
use crate::store::signing_key::SigningKey;

/// Empty until the first look into the database.
pub(crate) struct KeyRing {
    issuer: String,
    wrapper: Wrapper,
    /// With the time from which each signs, the newest first.
    signers: RwLock<Vec<(DateTime<Utc>, TokenSigner)>>,
}

/// A key that nobody has yet.
pub(crate) struct FreshKey {
    pub kid: String,
    pub sealed_private_key: Vec<u8>,
}

impl KeyRing {
    pub fn new(issuer: &str, wrapper: Wrapper) -> Self {
        Self { issuer: issuer.to_owned(), wrapper, signers: RwLock::default() }
    }

    /// Makes a key; its private half leaves sealed.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate(&self) -> Result<FreshKey> {
        let kid = Uuid::now_v7().to_string();
        let private = TokenSigner::generate().map_err(|_| Error::internal("a signing key could not be made"))?;
        let sealed_private_key = self.wrapper.seal(kid.as_bytes(), &private)?;
        Ok(FreshKey { kid, sealed_private_key })
    }

    /// Takes over the stored keys, the newest first.
    ///
    /// # Errors
    /// `Internal` when the master key does not open them; what is held stays.
    pub fn load(&self, keys: &[SigningKey]) -> Result<()> {
        let signers = keys.iter().map(|key| Ok((key.signs_from, self.open(key)?))).collect::<Result<Vec<_>>>()?;
        *self.signers.write().unwrap_or_else(PoisonError::into_inner) = signers;
        Ok(())
    }

    /// Whether tokens can be signed.
    pub fn is_loaded(&self) -> bool {
        !self.signers.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The public keys of every token that may live, and of those that will be signed soon.
    ///
    /// # Errors
    /// `Unavailable` before the keys are loaded.
    pub fn public_keys(&self) -> Result<Vec<JsonWebKey>> {
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        if signers.is_empty() {
            return Err(Error::unavailable("sign-in"));
        }
        Ok(signers.iter().map(|(_, signer)| signer.public_key()).collect())
    }

    /// Signs an access token with the newest key whose time has come.
    ///
    /// # Errors
    /// `Unavailable` before the keys are loaded.
    pub fn sign(&self, tenant: TenantId, user: &User, session: SessionId) -> Result<String> {
        let roles = user.roles.names().to_vec();
        self.with_signer(|signer, now| signer.sign(tenant, user.id, session, roles, now))?.map_err(Error::internal)
    }

    /// Signs a staff token of this many seconds; `entered` is the tenant whose data it opens.
    ///
    /// # Errors
    /// `Unavailable` before the keys are loaded.
    pub fn sign_staff(
        &self,
        staff: StaffId,
        session: SessionId,
        entered: Option<TenantId>,
        seconds: u32,
    ) -> Result<String> {
        let signed = self.with_signer(|signer, now| signer.sign_staff(staff, session, entered, now, seconds));
        signed?.map_err(Error::internal)
    }

    /// Seals a private key under the current master key when it was sealed under the one before it.
    ///
    /// # Errors
    /// `Internal` when neither opens it.
    pub fn renew(&self, key: &SigningKey) -> Result<Option<Vec<u8>>> {
        self.wrapper.renew(key.kid.as_bytes(), &key.sealed_private_key)
    }

    fn with_signer<T>(&self, work: impl FnOnce(&TokenSigner, u64) -> T) -> Result<T> {
        let now = SystemTime::now();
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        let (_, signer) = signers
            .iter()
            .find(|(from, _)| *from <= DateTime::<Utc>::from(now))
            .or(signers.last())
            .ok_or_else(|| Error::unavailable("sign-in"))?;
        Ok(work(signer, now.duration_since(UNIX_EPOCH).map_err(Error::internal)?.as_secs()))
    }

    fn open(&self, key: &SigningKey) -> Result<TokenSigner> {
        let private = self
            .wrapper
            .open(key.kid.as_bytes(), &key.sealed_private_key)
            .ok_or_else(|| Error::internal("TRINITY_IDENTITY_MASTER_KEY does not open the stored signing keys"))?;
        TokenSigner::new(&key.kid, &self.issuer, &private).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use trinity_crypto::MasterKey;

    use super::*;

    fn ring(master: u8) -> KeyRing {
        let master = MasterKey::from_bytes([master; 32]);
        KeyRing::new("trinity", Wrapper::new("signing keys", &master, None).unwrap())
    }

    fn stored(ring: &KeyRing) -> SigningKey {
        let fresh = ring.generate().unwrap();
        SigningKey { kid: fresh.kid, sealed_private_key: fresh.sealed_private_key, signs_from: Utc::now() }
    }

    #[test]
    fn keys_open_under_their_own_master_key_alone() {
        let (ours, theirs) = (ring(1), ring(2));
        let key = stored(&ours);
        assert!(!ours.is_loaded() && ours.public_keys().is_err());
        ours.load(std::slice::from_ref(&key)).unwrap();
        assert!(ours.is_loaded());
        assert!(theirs.load(&[key]).is_err());
        assert!(!theirs.is_loaded());
    }

    #[test]
    fn a_sealed_key_does_not_open_under_another_name() {
        let ring = ring(1);
        let key = SigningKey { kid: "another".to_owned(), ..stored(&ring) };
        assert!(ring.load(&[key]).is_err());
    }
}
