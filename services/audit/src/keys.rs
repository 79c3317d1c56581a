//! Signatures over chains and checkpoints, and seals on page tokens; all from the one signing key.

use anyhow::{Result, anyhow};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use trinity_ids::TenantId;

use crate::domain::chain::Hash;

/// The signing key of the installation.
pub(crate) struct Keys {
    pair: Ed25519KeyPair,
    key_id: String,
    seal: hmac::Key,
}

/// What a signature is for; a signature of one kind never passes as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The current end of a chain.
    Head,
    /// A place that the chain has passed.
    Checkpoint,
}

impl Keys {
    /// Takes the seed: 32 bytes, base64.
    ///
    /// # Errors
    /// Says what is wrong with it, without showing it.
    pub fn new(seed: &str) -> Result<Self> {
        let seed =
            STANDARD.decode(seed.trim()).map_err(|_| anyhow!("the setting TRINITY_AUDIT_SIGNING_KEY is not base64"))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| anyhow!("the setting TRINITY_AUDIT_SIGNING_KEY is not 32 bytes long"))?;
        let key_id = hex::encode(&Sha256::digest(pair.public_key().as_ref())[..8]);
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &seed), b"trinity.audit.page-token.v1");
        Ok(Self { pair, key_id, seal: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) })
    }

    /// Which key this is.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Signs a place of a chain.
    pub fn sign(&self, purpose: Purpose, tenant: TenantId, sequence: i64, hash: &Hash) -> Vec<u8> {
        self.pair.sign(&statement(purpose, tenant, sequence, hash)).as_ref().to_vec()
    }

    /// Whether this key signed that place of the chain for that purpose.
    pub fn has_signed(&self, purpose: Purpose, tenant: TenantId, sequence: i64, hash: &Hash, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key().as_ref());
        key.verify(&statement(purpose, tenant, sequence, hash), signature).is_ok()
    }

    /// Seals what goes out and must come back unchanged.
    pub fn seal(&self, message: &[u8]) -> [u8; 16] {
        let mut seal = [0; 16];
        seal.copy_from_slice(&hmac::sign(&self.seal, message).as_ref()[..16]);
        seal
    }
}

fn statement(purpose: Purpose, tenant: TenantId, sequence: i64, hash: &Hash) -> Vec<u8> {
    let tag: &[u8] = match purpose {
        Purpose::Head => b"trinity.audit.head.v1",
        Purpose::Checkpoint => b"trinity.audit.checkpoint.v1",
    };
    [tag, tenant.uuid().as_bytes(), &sequence.to_be_bytes(), hash].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_place_alone() {
        let keys = Keys::new(&STANDARD.encode([7; 32])).unwrap();
        let (tenant, hash) = (TenantId::new(), [1; 32]);
        let signature = keys.sign(Purpose::Head, tenant, 5, &hash);
        assert!(keys.has_signed(Purpose::Head, tenant, 5, &hash, &signature));
        assert!(!keys.has_signed(Purpose::Checkpoint, tenant, 5, &hash, &signature));
        assert!(!keys.has_signed(Purpose::Head, TenantId::new(), 5, &hash, &signature));
        assert!(!keys.has_signed(Purpose::Head, tenant, 6, &hash, &signature));
        assert!(!keys.has_signed(Purpose::Head, tenant, 5, &[2; 32], &signature));
        let other = Keys::new(&STANDARD.encode([8; 32])).unwrap();
        assert!(!other.has_signed(Purpose::Head, tenant, 5, &hash, &signature));
        assert_ne!(keys.key_id(), other.key_id());
    }

    #[test]
    fn a_bad_key_is_refused_without_being_shown() {
        for bad in ["", "short", "not base64!", &STANDARD.encode([1; 31])] {
            let error = Keys::new(bad).err().unwrap().to_string();
            assert!(error.starts_with("the setting TRINITY_AUDIT_SIGNING_KEY is not "), "{error}");
            assert!(bad.is_empty() || !error.contains(bad));
        }
    }
}
