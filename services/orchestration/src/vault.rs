//! Signing keys of hooks and webhook targets, sealed under the master key for as long as they lie in the database.

use trinity_crypto::{MasterKey, Sealer, WebhookKey};
use trinity_error::{Error, Result};
use uuid::Uuid;

/// Seals and opens them.
#[derive(Debug)]
pub struct Vault(Sealer);

impl Vault {
    /// Under this master key.
    ///
    /// # Errors
    /// `Internal` when the cipher is not to be had.
    pub fn new(master: &MasterKey) -> Result<Self> {
        Ok(Self(master.sealer("webhook keys")?))
    }

    /// Seals a key so that it opens only beside the same row.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn seal(&self, row: impl Into<Uuid>, key: &WebhookKey) -> Result<Vec<u8>> {
        self.0.seal(row.into().as_bytes(), key.bytes())
    }

    /// Opens a row's key.
    ///
    /// # Errors
    /// `Internal` when the master key is another one.
    pub fn open(&self, row: impl Into<Uuid>, sealed: &[u8]) -> Result<WebhookKey> {
        let opened = self.0.open(row.into().as_bytes(), sealed).map(WebhookKey::from_bytes);
        opened.ok_or_else(|| Error::internal("the master key does not open a webhook's key"))
    }
}
