//! The master key of a service, and what is sealed under it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trinity_error::{Error, Result};

use crate::Deriver;
use crate::secret::BYTES;

const NONCE_BYTES: usize = 12;
/// Leads every sealed secret, so that the way of sealing can change.
const VERSION: u8 = 1;

/// 32 bytes from the settings. Never used itself: each use has a key derived for it.
pub struct MasterKey(hmac::Key);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Reads the setting `name`: 32 bytes in base64.
    ///
    /// # Errors
    /// Names the setting and what is wrong, without showing it.
    pub fn from_setting(name: &str, text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| format!("the setting {name} is not base64"))?;
        let bytes = bytes.try_into().map_err(|_| format!("the setting {name} is not 32 bytes long"))?;
        Ok(Self::from_bytes(bytes))
    }

    /// Takes the key as it is.
    #[must_use]
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }

    /// Seals and opens secrets of one kind.
    ///
    /// # Errors
    /// `Internal` when the cipher is not to be had.
    pub fn sealer(&self, kind: &str) -> Result<Sealer> {
        Sealer::under(&self.key_for("seal", kind))
    }

    /// Derives secrets of one kind.
    #[must_use]
    pub fn deriver(&self, kind: &str) -> Deriver {
        Deriver::new(&self.key_for("derive", kind))
    }

    fn key_for(&self, usage: &str, kind: &str) -> [u8; BYTES] {
        let mut key = [0; BYTES];
        key.copy_from_slice(hmac::sign(&self.0, format!("trinity/{usage}/{kind}").as_bytes()).as_ref());
        key
    }
}

/// AES-256-GCM with a random nonce, for small secrets at rest.
pub struct Sealer(RandomizedNonceKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Seals under this very key.
    pub(crate) fn under(key: &[u8; BYTES]) -> Result<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key);
        Ok(Self(key.map_err(|_| Error::internal("AES-256-GCM is not to be had"))?))
    }

    /// Seals `plain` so that it opens only beside the same `owner` (the key of its row).
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn seal(&self, owner: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut text = plain.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner), &mut text);
        let nonce = nonce.map_err(|_| Error::internal("a secret could not be sealed"))?;
        Ok([&[VERSION][..], nonce.as_ref(), &text].concat())
    }

    /// Opens what [`seal`](Self::seal) made. None for another key, another owner, or a changed byte.
    #[must_use]
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let sealed = sealed.strip_prefix(&[VERSION])?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(owner), &mut text).ok()?;
        Some(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let sealer = MasterKey::from_bytes([7; 32]).sealer("test").unwrap();
        let sealed = sealer.seal(b"row 1", b"secret").unwrap();
        assert_eq!(sealer.open(b"row 1", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(sealer.open(b"row 2", &sealed), None);
        assert_ne!(sealed, sealer.seal(b"row 1", b"secret").unwrap(), "each sealing has a nonce of its own");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(sealer.open(b"row 1", &changed), None, "byte {place}");
        }
        assert_eq!(sealer.open(b"row 1", &sealed[..5]), None);
    }

    #[test]
    fn keys_of_other_kinds_and_other_masters_do_not_open() {
        let master = MasterKey::from_bytes([7; 32]);
        let sealed = master.sealer("one").unwrap().seal(b"", b"secret").unwrap();
        assert_eq!(master.sealer("two").unwrap().open(b"", &sealed), None);
        assert_eq!(MasterKey::from_bytes([8; 32]).sealer("one").unwrap().open(b"", &sealed), None);
    }

    #[test]
    fn a_malformed_setting_is_named_and_not_shown() {
        for (text, fault) in [("%%%", "is not base64"), ("c2hvcnQ=", "is not 32 bytes long")] {
            let error = MasterKey::from_setting("TRINITY_X", text).unwrap_err();
            assert_eq!(error, format!("the setting TRINITY_X {fault}"));
        }
        assert!(MasterKey::from_setting("TRINITY_X", &STANDARD.encode([1; 32])).is_ok());
    }
}
