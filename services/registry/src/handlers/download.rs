//! The file of a dataset, on its way out.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tonic::Status;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_proto::registry as pb;
use trinity_storage::Storage;

use crate::app::App;
use crate::error;

const CHUNK_BYTES: u64 = 1 << 20;

type Chunks = BoxStream<'static, Result<pb::DownloadDatasetResponse, Status>>;

/// Sends the header, then the file.
///
/// # Errors
/// `NotFound` no such dataset, or its file is gone.
pub(crate) async fn download(app: &App, ctx: &RequestContext, request: pb::DownloadDatasetRequest) -> Result<Chunks> {
    let dataset = super::dataset::find(app, ctx, &request.dataset_id).await?;
    // Why before the first message: a missing file must still be an error of the whole call.
    let file = app.storage.head(&dataset.storage_key).await.map_err(error::storage)?;
    let header = pb::DownloadHeader {
        content_type: dataset.format.content_type().to_owned(),
        filename: dataset.filename(),
        size_bytes: file.size_bytes,
    };
    let first = pb::DownloadDatasetResponse { header: Some(header), chunk: Bytes::new() };
    let rest = chunks(app.storage.clone(), dataset.storage_key, file.size_bytes);
    Ok(stream::once(async { Ok(first) }).chain(rest).boxed())
}

fn chunks(storage: Storage, key: String, size_bytes: u64) -> Chunks {
    let next = move |start: u64| {
        let (storage, key) = (storage.clone(), key.clone());
        async move {
            if start >= size_bytes {
                return Ok(None);
            }
            let end = (start + CHUNK_BYTES).min(size_bytes);
            let chunk = storage.get_range(&key, start..end).await.map_err(error::storage)?;
            Ok::<_, Status>(Some((pb::DownloadDatasetResponse { header: None, chunk }, end)))
        }
    };
    stream::try_unfold(0, next).boxed()
}
