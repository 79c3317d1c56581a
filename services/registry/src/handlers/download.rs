//! The file of a dataset, on its way out.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tonic::Status;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_proto::registry as pb;

use crate::app::App;
use crate::error;
use crate::handlers::access;
use crate::store::dataset::Placed;

const CHUNK_BYTES: u64 = 1 << 20;

type Chunks = BoxStream<'static, Result<pb::DownloadDatasetResponse, Status>>;

/// Sends the header, then the file, as long as the caller may read it.
///
/// # Errors
/// `NotFound` no such dataset, or its file is gone.
pub(crate) async fn download(
    app: &Arc<App>,
    ctx: RequestContext,
    request: pb::DownloadDatasetRequest,
) -> Result<Chunks> {
    let found = super::dataset::find(app, &ctx, &request.dataset_id).await?;
    let dataset = &found.dataset;
    // Why before the first message: a missing file must still be an error of the whole call.
    let file = app.storage.head(&dataset.storage_key).await.map_err(error::storage)?;
    let header = pb::DownloadHeader {
        content_type: dataset.format.content_type(dataset.extension()).to_owned(),
        filename: dataset.filename(),
        size_bytes: file.size_bytes,
    };
    let first = pb::DownloadDatasetResponse { header: Some(header), chunk: Bytes::new() };
    let rest = chunks(Download { app: Arc::clone(app), ctx, found, size_bytes: file.size_bytes });
    Ok(stream::once(async { Ok(first) }).chain(rest).boxed())
}

/// A file under way.
struct Download {
    app: Arc<App>,
    ctx: RequestContext,
    found: Placed,
    size_bytes: u64,
}

impl Download {
    /// The next piece of the file, unless it is whole.
    async fn chunk(&self, start: u64) -> Result<Option<(Bytes, u64)>> {
        if start >= self.size_bytes {
            return Ok(None);
        }
        // Why each time: a slow reader may take hours, and may lose his right meanwhile. What is asked is remembered for a
        // second.
        let ctx = access::renew(&self.app, &self.ctx).await?;
        access::require(&ctx, "dataset.read", "dataset", &self.found.place)?;
        let end = (start + CHUNK_BYTES).min(self.size_bytes);
        let key = &self.found.dataset.storage_key;
        let chunk = self.app.storage.get_range(key, start..end).await.map_err(error::storage)?;
        Ok(Some((chunk, end)))
    }
}

fn chunks(download: Download) -> Chunks {
    let download = Arc::new(download);
    let next = move |start| {
        let download = Arc::clone(&download);
        async move {
            let chunk = download.chunk(start).await?;
            let message = |(chunk, end)| (pb::DownloadDatasetResponse { header: None, chunk }, end);
            Ok::<_, Status>(chunk.map(message))
        }
    };
    stream::try_unfold(0, next).boxed()
}
