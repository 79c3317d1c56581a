//! One upload under way: bytes go in, hash and size come out, and nothing is visible before the end.

use bytes::Bytes;
use object_store::WriteMultipart;
use sha2::{Digest, Sha256};

use crate::Result;

/// How many parts may be under way at once; a writer waits beyond that.
const PARTS_IN_FLIGHT: usize = 4;

/// An upload under way. Dropping it without [`Upload::finish`] leaves nothing behind.
pub struct Upload {
    key: String,
    multipart: WriteMultipart,
    hash: Sha256,
    size_bytes: u64,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    pub size_bytes: u64,
    /// SHA-256 in hex.
    pub content_hash: String,
}

impl Upload {
    pub(crate) fn new(key: &str, multipart: WriteMultipart) -> Self {
        Self { key: key.to_owned(), multipart, hash: Sha256::new(), size_bytes: 0 }
    }

    /// Bytes taken so far, for callers that enforce a limit.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes the next bytes; waits while the store is slower than the source.
    ///
    /// # Errors
    /// `Store` when a part could not be written.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.multipart.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        self.hash.update(&bytes);
        self.size_bytes += bytes.len() as u64;
        self.multipart.put(bytes);
        Ok(())
    }

    /// Makes the object visible, whole.
    ///
    /// # Errors
    /// `Store`; then nothing is visible.
    pub async fn finish(self) -> Result<Stored> {
        self.multipart.finish().await?;
        Ok(Stored { key: self.key, size_bytes: self.size_bytes, content_hash: hex::encode(self.hash.finalize()) })
    }

    /// Gives up and removes what was written.
    ///
    /// # Errors
    /// `Store` when the leftovers could not be removed.
    pub async fn abort(self) -> Result<()> {
        Ok(self.multipart.abort().await?)
    }
}
