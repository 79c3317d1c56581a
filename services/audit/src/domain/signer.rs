//! Signatures over links of a chain: Ed25519 over tenant, sequence and hash.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trinity_ids::TenantId;

/// Sets these signatures apart from whatever else a key might sign.
const DOMAIN: &[u8] = b"trinity audit chain v1";

/// Signs and verifies with audit's own key.
pub struct Signer {
    pair: Ed25519KeyPair,
    key_id: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// Takes the seed: 32 bytes, base64.
    ///
    /// # Errors
    /// Says what is wrong with the setting, without showing it.
    pub fn new(seed: &str) -> Result<Self, &'static str> {
        let seed = STANDARD.decode(seed.trim()).map_err(|_| "the setting TRINITY_AUDIT_SIGNING_KEY is not base64")?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| "the setting TRINITY_AUDIT_SIGNING_KEY is not 32 bytes long")?;
        let key_id = hex::encode(&pair.public_key().as_ref()[..8]);
        Ok(Self { pair, key_id })
    }

    /// Which key this is.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Signs a link.
    #[must_use]
    pub fn sign(&self, tenant: TenantId, sequence: u64, hash: &[u8]) -> Vec<u8> {
        self.pair.sign(&message(tenant, sequence, hash)).as_ref().to_vec()
    }

    /// Whether the signature is this key's, for this link.
    #[must_use]
    pub fn verifies(&self, tenant: TenantId, sequence: u64, hash: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key().as_ref());
        key.verify(&message(tenant, sequence, hash), signature).is_ok()
    }
}

fn message(tenant: TenantId, sequence: u64, hash: &[u8]) -> Vec<u8> {
    [DOMAIN, tenant.uuid().as_bytes(), &sequence.to_be_bytes(), hash].concat()
}
