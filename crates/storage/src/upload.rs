//! One upload under way: bytes go in, hash and size come out, and nothing is visible before the end.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, task::JoinSet};

use crate::Result;

/// How many parts may be under way at once; a writer waits beyond that.
const PARTS_IN_FLIGHT: usize = 4;
/// Bytes of a part. What is smaller goes at once. With S3's 10,000 parts it allows 80 GB for a file.
const PART_BYTES: usize = 8 << 20;

/// An upload under way. Dropping it without [`Upload::finish`] leaves nothing behind.
pub struct Upload {
    key: String,
    path: Path,
    objects: Arc<dyn ObjectStore>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    /// Since there was more than one part.
    parts: Option<Parts>,
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
    pub(crate) fn new(key: &str, path: Path, objects: Arc<dyn ObjectStore>) -> Self {
        let (waiting, parts) = (Vec::new(), None);
        Self {
            key: key.to_owned(),
            path,
            objects,
            waiting,
            waiting_bytes: 0,
            parts,
            hash: Sha256::new(),
            size_bytes: 0,
        }
    }

    /// Bytes taken so far, for callers that enforce a limit.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes the next bytes; waits while the store is slower than the source.
    ///
    /// # Errors
    /// `Store` when a part could not be written.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.hash.update(&bytes);
        self.size_bytes += bytes.len() as u64;
        loop {
            let room = PART_BYTES - self.waiting_bytes;
            if bytes.len() <= room {
                self.wait_with(bytes);
                return Ok(());
            }
            self.wait_with(bytes.split_to(room));
            // Every part but the last is of the same size: some servers ask for that.
            self.send_part().await?;
        }
    }

    fn wait_with(&mut self, bytes: Bytes) {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
    }

    fn take_waiting(&mut self) -> PutPayload {
        self.waiting_bytes = 0;
        PutPayload::from_iter(std::mem::take(&mut self.waiting))
    }

    async fn send_part(&mut self) -> Result<()> {
        let payload = self.take_waiting();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => self.parts.insert(Parts::new(self.objects.put_multipart(&self.path).await?)),
        };
        parts.put(payload).await
    }

    /// Makes the object visible, whole.
    ///
    /// # Errors
    /// `Store`; then nothing is visible.
    pub async fn finish(mut self) -> Result<Stored> {
        if self.parts.is_none() {
            let payload = self.take_waiting();
            self.objects.put(&self.path, payload).await?;
        } else {
            self.send_part().await?;
        }
        if let Some(parts) = &mut self.parts {
            parts.complete().await?;
        }
        let content_hash = hex::encode(self.hash.finalize());
        Ok(Stored { key: self.key, size_bytes: self.size_bytes, content_hash })
    }

    /// Gives up and removes what was written.
    ///
    /// # Errors
    /// `Store` when the leftovers could not be removed.
    pub async fn abort(mut self) -> Result<()> {
        match self.parts.take() {
            Some(parts) => parts.abort().await,
            None => Ok(()),
        }
    }
}

/// Parts on their way to the store. Dropped before their end, they are removed there.
struct Parts {
    /// Until it is complete or aborted.
    upload: Option<Box<dyn MultipartUpload>>,
    under_way: JoinSet<object_store::Result<()>>,
}

impl Parts {
    fn new(upload: Box<dyn MultipartUpload>) -> Self {
        Self { upload: Some(upload), under_way: JoinSet::new() }
    }

    async fn put(&mut self, payload: PutPayload) -> Result<()> {
        self.wait_for(PARTS_IN_FLIGHT - 1).await?;
        if let Some(upload) = &mut self.upload {
            self.under_way.spawn(upload.put_part(payload));
        }
        Ok(())
    }

    async fn wait_for(&mut self, at_most: usize) -> Result<()> {
        while self.under_way.len() > at_most {
            // Nothing here is aborted, and a panic inside goes on outside.
            match self.under_way.join_next().await {
                Some(Ok(done)) => done?,
                Some(Err(error)) => return Err(object_store::Error::from(error).into()),
                None => break,
            }
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        self.wait_for(0).await?;
        if let Some(upload) = &mut self.upload {
            upload.complete().await?;
        }
        self.upload = None;
        Ok(())
    }

    async fn abort(mut self) -> Result<()> {
        self.under_way.shutdown().await;
        match self.upload.take() {
            Some(mut upload) => Ok(upload.abort().await?),
            None => Ok(()),
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) else { return };
        let mut under_way = std::mem::take(&mut self.under_way);
        runtime.spawn(async move {
            // Why first: a part that arrives after the abort would stay.
            under_way.shutdown().await;
            let _ = upload.abort().await;
        });
    }
}
