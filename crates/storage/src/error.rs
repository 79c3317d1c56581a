//! What can go wrong with the object store, in the words its callers act on.

/// A failure of the object store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key leaves the store or holds characters that no layout makes.
    #[error("invalid object key: {0}")]
    InvalidKey(String),
    /// The URL of the store is not understood.
    #[error("invalid storage url {url}: {reason}")]
    InvalidUrl { url: String, reason: String },
    /// Nothing is stored under the key.
    #[error("no object {0}")]
    NotFound(String),
    /// The stream that was being stored broke; nothing was kept.
    #[error("the source of the upload failed: {0}")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store itself failed: a full disk, a lost connection.
    #[error("object store: {0}")]
    Store(#[source] object_store::Error),
}

/// The result of an operation on the object store.
pub type Result<T> = std::result::Result<T, Error>;

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::NotFound(path),
            other => Self::Store(other),
        }
    }
}
