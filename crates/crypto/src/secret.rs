//! Opaque secrets: 256 random bits that a client holds, of which we keep the digest alone.

use aws_lc_rs::digest::SHA256;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use trinity_error::{Error, Result};

/// How many bytes a secret, a key and a digest have.
pub(crate) const BYTES: usize = 32;

/// 256 bits that nobody can guess. Never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; BYTES]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Makes a new one.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::internal("the system has no randomness"))?;
        Ok(Self(bytes))
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The secret as 43 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The bytes themselves, for a text of another form.
    #[must_use]
    pub const fn into_bytes(self) -> [u8; BYTES] {
        self.0
    }

    /// What a table keeps of it.
    #[must_use]
    pub fn digest(&self) -> [u8; BYTES] {
        digest(&self.0)
    }
}

/// The SHA-256 of `bytes`. For secrets that cannot be guessed, never for passwords.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; BYTES] {
    let mut digest = [0; BYTES];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref());
    digest
}

/// Derives one secret from another under a key that only the server has (HMAC-SHA-256).
#[derive(Clone)]
pub struct Deriver(hmac::Key);

impl std::fmt::Debug for Deriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deriver")
    }
}

impl Deriver {
    pub(crate) fn new(key: &[u8; BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The one successor of `secret` for `purpose`. Without the key, neither leads to the other.
    #[must_use]
    pub fn derive(&self, purpose: &[u8], secret: &Secret) -> Secret {
        let mut context = hmac::Context::with_key(&self.0);
        // Why the length first: no two pairs of purpose and secret make the same message.
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose);
        context.update(&secret.0);
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(context.sign().as_ref());
        Secret(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    #[test]
    fn a_secret_survives_its_text() {
        let secret = Secret::generate().unwrap();
        assert_eq!(secret.to_text().len(), 43);
        assert_eq!(Secret::parse(&secret.to_text()), Some(secret.clone()));
        assert_eq!(Secret::parse(&secret.to_text()[1..]), None);
        assert_ne!(secret, Secret::generate().unwrap());
    }

    #[test]
    fn a_digest_is_sha256() {
        // Source: FIPS 180-2, appendix B.1.
        assert_eq!(digest(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn a_successor_depends_on_key_purpose_and_secret() {
        let master = MasterKey::from_bytes([1; 32]);
        let (one, two) = (master.deriver("one"), master.deriver("two"));
        let secret = Secret::generate().unwrap();
        let next = one.derive(b"session", &secret);
        assert_eq!(next, one.derive(b"session", &secret));
        assert_ne!(next, two.derive(b"session", &secret));
        assert_ne!(next, one.derive(b"another", &secret));
        assert_ne!(next, one.derive(b"session", &next));
    }
}
