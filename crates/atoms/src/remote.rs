//! The object store as the engine reads it when it lies elsewhere. Reading only: outputs go through the store's own
//! uploads, so that nothing half-written is ever seen.
//!
//! Why not the store's client itself: the engine is built against another version of its interface.

use std::{fmt, ops::Range, sync::Arc};

use bytes::Bytes;
use chrono::DateTime;
use datafusion::{
    object_store::{
        Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
        ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
    },
    prelude::SessionContext,
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use trinity_storage::{ObjectInfo, Storage};
use url::Url;

/// The name under which sessions know the store.
pub(crate) const STORE: &str = "trinity://store/";

/// Lets a session read from the store.
pub(crate) fn register(session: &SessionContext, storage: &Storage) {
    // Invariant: the text is a URL.
    let name = Url::parse(STORE).expect("the store's name is a URL");
    session.register_object_store(&name, Arc::new(Remote(storage.clone())));
}

#[derive(Debug)]
struct Remote(Storage);

impl fmt::Display for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("object store")
    }
}

fn failed(error: trinity_storage::Error) -> Error {
    match error {
        trinity_storage::Error::NotFound(path) => Error::NotFound { path, source: "no object".into() },
        other => Error::Generic { store: "trinity", source: Box::new(other) },
    }
}

fn meta(location: &Path, info: &ObjectInfo) -> ObjectMeta {
    let last_modified = DateTime::from_timestamp_micros(info.modified_at.timestamp_micros()).unwrap_or_default();
    ObjectMeta { location: location.clone(), last_modified, size: info.size_bytes, e_tag: None, version: None }
}

fn not_for_reading() -> Error {
    Error::NotSupported { source: "the engine only reads here".into() }
}

#[async_trait::async_trait]
impl ObjectStore for Remote {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let key = location.as_ref();
        let meta = meta(location, &self.0.head(key).await.map_err(failed)?);
        let range = match &options.range {
            Some(range) => range
                .as_range(meta.size)
                .map_err(|error| Error::Generic { store: "trinity", source: Box::new(error) })?,
            None => 0..meta.size,
        };
        let body: BoxStream<'static, Result<Bytes>> = match (options.head, &options.range) {
            (true, _) => futures::stream::empty().boxed(),
            (false, None) => self.0.get(key).await.map_err(failed)?.map_err(failed).boxed(),
            (false, Some(_)) => {
                let bytes = self.0.get_range(key, range.clone()).await.map_err(failed);
                futures::stream::once(async { bytes }).boxed()
            }
        };
        Ok(GetResult { payload: GetResultPayload::Stream(body), meta, range, attributes: Attributes::new() })
    }

    /// Why not through `get_opts`: these ranges are known to be there, so that no look at the object is needed first.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let fetch = |range| async move { self.0.get_range(location.as_ref(), range).await.map_err(failed) };
        datafusion::object_store::coalesce_ranges(ranges, fetch, COALESCE_BYTES).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let Some(prefix) = prefix else { return futures::stream::once(async { Err(not_for_reading()) }).boxed() };
        let found = self.0.list(prefix.as_ref());
        found.map_ok(|info| meta(&Path::from(info.key.as_str()), &info)).map_err(failed).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(not_for_reading())
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(not_for_reading())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(not_for_reading())
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(not_for_reading()) }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_for_reading())
    }
}

/// Ranges no further apart than this are read at once.
const COALESCE_BYTES: u64 = 1 << 20;
