//! Data keys: each seals the secrets of one tenant, and is itself kept sealed under the master key.
//!
//! So the master key can change without touching a single secret, and destroying one wrapped key destroys all that was
//! sealed under it.

use trinity_error::{Error, Result};

use crate::secret::BYTES;
use crate::{MasterKey, Sealer};

/// 32 random bytes. Never shown, never stored but wrapped.
pub struct DataKey([u8; BYTES]);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl DataKey {
    /// Makes a new one.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::internal("the system has no randomness"))?;
        Ok(Self(bytes))
    }

    /// Seals and opens under this key.
    ///
    /// # Errors
    /// `Internal` when the cipher is not to be had.
    pub fn sealer(&self) -> Result<Sealer> {
        Sealer::under(&self.0)
    }
}

/// Wraps keys under the master key, and knows the master key before it while one takes the other's place.
#[derive(Debug)]
pub struct Wrapper {
    current: Sealer,
    previous: Option<Sealer>,
}

impl Wrapper {
    /// Wraps keys of one kind.
    ///
    /// # Errors
    /// `Internal` when the cipher is not to be had.
    pub fn new(kind: &str, current: &MasterKey, previous: Option<&MasterKey>) -> Result<Self> {
        Ok(Self { current: current.sealer(kind)?, previous: previous.map(|key| key.sealer(kind)).transpose()? })
    }

    /// Seals a key's bytes so that they open only beside the same `owner`.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn seal(&self, owner: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        self.current.seal(owner, plain)
    }

    /// Opens what was sealed under the master key or the one before it.
    #[must_use]
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let before = || self.previous.as_ref()?.open(owner, sealed);
        self.current.open(owner, sealed).or_else(before)
    }

    /// The same bytes sealed under the current master key, when they were sealed under the one before it.
    ///
    /// # Errors
    /// `Internal` when neither opens them, or the system has no randomness.
    pub fn renew(&self, owner: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>> {
        if self.current.open(owner, sealed).is_some() {
            return Ok(None);
        }
        let plain = self.open(owner, sealed).ok_or_else(|| Error::internal("no master key opens a stored key"))?;
        self.seal(owner, &plain).map(Some)
    }

    /// Wraps a data key.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn wrap(&self, owner: &[u8], key: &DataKey) -> Result<Vec<u8>> {
        self.seal(owner, &key.0)
    }

    /// Unwraps a data key. None for another master key, another owner, or a changed byte.
    #[must_use]
    pub fn unwrap(&self, owner: &[u8], wrapped: &[u8]) -> Option<DataKey> {
        self.open(owner, wrapped)?.try_into().ok().map(DataKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_wrapped_before_the_change_of_master_opens_during_it_and_after_renewal() {
        let (old, new) = (MasterKey::from_bytes([1; BYTES]), MasterKey::from_bytes([2; BYTES]));
        let before = Wrapper::new("test", &old, None).unwrap();
        let during = Wrapper::new("test", &new, Some(&old)).unwrap();
        let after = Wrapper::new("test", &new, None).unwrap();
        let key = DataKey::generate().unwrap();
        let sealed = key.sealer().unwrap().seal(b"place", b"value").unwrap();
        let wrapped = before.wrap(b"tenant", &key).unwrap();

        assert!(after.unwrap(b"tenant", &wrapped).is_none());
        assert!(after.renew(b"tenant", &wrapped).is_err());
        assert!(during.unwrap(b"another", &wrapped).is_none());
        let opened = during.unwrap(b"tenant", &wrapped).unwrap().sealer().unwrap().open(b"place", &sealed);
        assert_eq!(opened.as_deref(), Some(&b"value"[..]));

        let renewed = during.renew(b"tenant", &wrapped).unwrap().unwrap();
        assert!(during.renew(b"tenant", &renewed).unwrap().is_none());
        let opened = after.unwrap(b"tenant", &renewed).unwrap().sealer().unwrap().open(b"place", &sealed);
        assert_eq!(opened.as_deref(), Some(&b"value"[..]));
    }
}
