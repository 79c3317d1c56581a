//! The store itself: open it, read from it, delete from it.

use std::{ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem};

use crate::{Error, Result, Settings, Stored, Upload, key, open};

/// A store of files under keys; clones share it.
#[derive(Debug, Clone)]
pub struct Storage {
    url: String,
    objects: Arc<dyn ObjectStore>,
    /// Set when the store is a folder of this machine.
    local: Option<Arc<LocalFileSystem>>,
}

/// What the store knows of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub key: String,
    pub size_bytes: u64,
    pub modified_at: DateTime<Utc>,
}

impl Storage {
    /// Opens the store behind `file:///absolute/path`, whose folder is created, or `s3://bucket/path` with the role of
    /// this machine.
    ///
    /// # Errors
    /// As [`Storage::open_with`].
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(url, &Settings::default())
    }

    /// Opens the store behind a URL; no bucket is spoken to before it is used.
    ///
    /// # Errors
    /// `InvalidUrl` for another scheme, a relative path, settings that do not fit, or a folder that cannot be made.
    pub fn open_with(url: &str, settings: &Settings) -> Result<Self> {
        let open::Opened { objects, local } = open::open(url, settings)?;
        Ok(Self { url: url.to_owned(), objects, local })
    }

    /// The URL it was opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts an upload: nothing is visible under the key until [`Upload::finish`].
    ///
    /// # Errors
    /// `InvalidKey`, `Store`.
    pub async fn upload(&self, key: &str) -> Result<Upload> {
        Ok(Upload::new(key, key::path(key)?, self.objects.clone()))
    }

    /// Stores a stream; when it breaks, nothing is kept.
    ///
    /// # Errors
    /// `InvalidKey`, `Source` with the stream's own error, `Store`.
    pub async fn put<S, E>(&self, key: &str, stream: S) -> Result<Stored>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut upload = self.upload(key).await?;
        let mut stream = std::pin::pin!(stream);
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(bytes) => upload.write(bytes).await?,
                Err(error) => {
                    upload.abort().await?;
                    return Err(Error::Source(error.into()));
                }
            }
        }
        upload.finish().await
    }

    /// Stores a small object at once.
    ///
    /// # Errors
    /// `InvalidKey`, `Store`.
    pub async fn put_bytes(&self, key: &str, bytes: impl Into<Bytes>) -> Result<Stored> {
        let bytes = bytes.into();
        self.put(key, futures::stream::iter([Ok::<_, Error>(bytes)])).await
    }

    /// Streams an object.
    ///
    /// # Errors
    /// `InvalidKey`, `NotFound`, `Store`.
    pub async fn get(&self, key: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let found = self.objects.get(&key::path(key)?).await?;
        Ok(found.into_stream().map_err(Error::from).boxed())
    }

    /// Reads a whole small object.
    ///
    /// # Errors
    /// `InvalidKey`, `NotFound`, `Store`.
    pub async fn read(&self, key: &str) -> Result<Bytes> {
        Ok(self.objects.get(&key::path(key)?).await?.bytes().await?)
    }

    /// Reads bytes `range.start..range.end` of an object.
    ///
    /// # Errors
    /// `InvalidKey`, `NotFound`, `Store` for a range that begins after the end.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        Ok(self.objects.get_range(&key::path(key)?, range).await?)
    }

    /// Looks at an object without reading it.
    ///
    /// # Errors
    /// `InvalidKey`, `NotFound`, `Store`.
    pub async fn head(&self, key: &str) -> Result<ObjectInfo> {
        Ok(info(self.objects.head(&key::path(key)?).await?))
    }

    /// Lists what lies under a prefix, which is a whole number of segments.
    pub fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        match key::path(prefix) {
            Ok(path) => self.objects.list(Some(&path)).map_ok(info).map_err(Error::from).boxed(),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Copies an object to another key, replacing what is there, without a way through this process; on disk the copy
    /// takes no room of its own. S3 copies at most 5 GB.
    ///
    /// # Errors
    /// `InvalidKey`, `NotFound`, `Store`.
    pub async fn copy(&self, from: &str, to: &str) -> Result<()> {
        Ok(self.objects.copy(&key::path(from)?, &key::path(to)?).await?)
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// `InvalidKey`, `Store`.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.objects.delete(&key::path(key)?).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Deletes everything under a prefix and says how many objects that were.
    ///
    /// # Errors
    /// `InvalidKey`, `Store`.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64> {
        let found = self.objects.list(Some(&key::path(prefix)?)).map_ok(|object| object.location).boxed();
        // A bucket is asked for a thousand at a time.
        let mut deletions = self.objects.delete_stream(found);
        let mut deleted = 0;
        while let Some(deletion) = deletions.next().await {
            match deletion {
                Ok(_) => deleted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(deleted)
    }

    /// Where an object is or would be on this machine's disk; `None` for a store elsewhere.
    ///
    /// # Errors
    /// `InvalidKey`.
    pub fn local_path(&self, key: &str) -> Result<Option<PathBuf>> {
        let path = key::path(key)?;
        Ok(match &self.local {
            Some(local) => Some(local.path_to_filesystem(&path)?),
            None => None,
        })
    }
}

fn info(meta: object_store::ObjectMeta) -> ObjectInfo {
    ObjectInfo { key: meta.location.into(), size_bytes: meta.size, modified_at: meta.last_modified }
}
