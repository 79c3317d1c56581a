//! The file of a dataset, on its way in: described while it passes, stored whole or not at all.

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::oneshot;
use tonic::{Code, Status, Streaming};
use trinity_context::RequestContext;
use trinity_db::Tx;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{DatasetId, ProjectId};
use trinity_outbox as outbox;
use trinity_proto::registry as pb;
use trinity_storage::layout::ProjectFolder;
use trinity_storage::{Stored, Upload};

use crate::app::App;
use crate::domain::dataset::{Dataset, Description, Format, NewDataset};
use crate::domain::settings::Settings;
use crate::domain::upload::{Announcement, HEAD_BYTES, SizeLimit};
use crate::handlers::access;
use crate::tables::describe::Describer;
use crate::{error, events, store};

/// Stores a file as a dataset of a project. A file that cannot be read as its format is stored, with its problem.
///
/// # Errors
/// `InvalidArgument` bad field, unsupported format or too large; `NotFound` no such project; `PermissionDenied`;
/// `ResourceExhausted` above the plan's limit or the project's quota; `Aborted` when the stream broke off. Nothing is left
/// behind then.
pub(crate) async fn upload(
    app: &Arc<App>,
    ctx: RequestContext,
    stream: Streaming<pb::UploadDatasetRequest>,
) -> Result<pb::UploadDatasetResponse> {
    let mut body = Body { stream, waiting: Bytes::new() };
    let header = body.header().await?;
    let project_id = parse_id("project_id", &header.project_id)?;
    let announced = Announcement::new(project_id, &header.name, &header.format, &header.filename)?;
    let (settings, limit) = {
        let mut tx = app.db.begin(&ctx).await?;
        admission(app, &ctx, &mut tx, project_id).await?
    };
    let head = body.head().await?;
    let format = announced.format(&head)?;
    settings.admit(format.word(), announced.extension.as_deref())?;

    let mut incoming = Incoming::open(app, &ctx, &announced, format, limit, &head).await?;
    incoming.take(head).await?;
    loop {
        match body.next().await {
            Ok(Some(chunk)) => incoming.take(chunk).await?,
            Ok(None) => break,
            Err(error) => return Err(incoming.give_up(error).await),
        }
    }

    // Why: when a caller goes away, HTTP/2 ends the stream as if the file were whole. The server looks for that whenever the
    // call pauses, and drops the call then: what is after this line is not reached.
    tokio::task::yield_now().await;
    // Why on its own: should the caller go away now, the file and its row must still agree.
    let (answer, finished) = oneshot::channel();
    let app = Arc::clone(app);
    trinity_telemetry::spawn("dataset-upload", async move {
        let _ = answer.send(incoming.finish(&app, &ctx).await);
    });
    let dataset = finished.await.map_err(Error::internal)??;
    Ok(pb::UploadDatasetResponse { dataset: Some(dataset.into()) })
}

/// What the project and the plan allow the caller; the project stays as it is until the transaction ends.
async fn admission(app: &App, ctx: &RequestContext, tx: &mut Tx, project: ProjectId) -> Result<(Settings, SizeLimit)> {
    let tenant = ctx.tenant()?;
    let found = store::place::find_locked(tx, tenant, project).await?;
    let (place, settings) = found.ok_or_else(|| Error::not_found("project"))?;
    access::require(ctx, "dataset.create", "project", &place)?;
    let settings = Settings::parse(&settings)?;
    let quota = match settings.storage_quota {
        Some(quota) => Some((quota, store::dataset::stored_bytes(tx, tenant, project).await?)),
        None => None,
    };
    let plan = match ctx.standing()?.limits.storage_bytes {
        Some(limit) => Some((limit, store::usage::stored_bytes(tx, tenant).await?)),
        None => None,
    };
    Ok((settings, SizeLimit { max_bytes: app.max_upload_bytes, plan, quota }))
}

/// The messages of an upload as a header and bytes.
struct Body {
    stream: Streaming<pb::UploadDatasetRequest>,
    /// Bytes that came with the header or were read to look at.
    waiting: Bytes,
}

impl Body {
    async fn header(&mut self) -> Result<pb::UploadDatasetRequest> {
        let mut first = self.stream.message().await.map_err(broken)?.ok_or_else(|| Error::required("project_id"))?;
        self.waiting = std::mem::take(&mut first.chunk);
        Ok(first)
    }

    /// The first bytes: enough to tell the format by, unless the file is shorter.
    async fn head(&mut self) -> Result<Bytes> {
        let mut head = std::mem::take(&mut self.waiting).to_vec();
        while head.len() < HEAD_BYTES {
            let Some(chunk) = self.next().await? else { break };
            head.extend_from_slice(&chunk);
        }
        Ok(head.into())
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        let message = self.stream.message().await.map_err(broken)?;
        Ok(message.map(|message| message.chunk))
    }
}

/// What a failure of the stream means.
fn broken(status: Status) -> Error {
    match status.code() {
        Code::Cancelled | Code::Unknown | Code::Internal | Code::Unavailable => error::upload_broken_off(status),
        _ => status.into(),
    }
}

/// A file under way.
struct Incoming {
    id: DatasetId,
    announced: Announcement,
    format: Format,
    limit: SizeLimit,
    /// Gone once it was given up.
    upload: Option<Upload>,
    describer: Option<Describer>,
}

impl Incoming {
    async fn open(
        app: &App,
        ctx: &RequestContext,
        announced: &Announcement,
        format: Format,
        limit: SizeLimit,
        head: &[u8],
    ) -> Result<Self> {
        let id = DatasetId::new();
        let extension = format.extension(announced.extension.as_deref());
        let key = ProjectFolder::new(ctx.tenant()?, announced.project_id).shared_file(id, extension);
        let upload = app.storage.upload(&key).await.map_err(error::storage)?;
        let describer = Some(Describer::new(format, announced.extension.as_deref(), head));
        Ok(Self { id, announced: announced.clone(), format, limit, upload: Some(upload), describer })
    }

    async fn take(&mut self, chunk: Bytes) -> Result<()> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        let size_bytes = upload.size_bytes() + chunk.len() as u64;
        if let Err(error) = self.limit.check(size_bytes) {
            return Err(self.give_up(error).await);
        }
        if let Some(describer) = &mut self.describer {
            describer.feed(&chunk).await;
        }
        upload.write(chunk).await.map_err(error::storage)
    }

    /// Removes what was written, and hands the reason back.
    async fn give_up(&mut self, reason: Error) -> Error {
        if let Some(upload) = self.upload.take()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%error, "leftovers of an upload stay");
        }
        reason
    }

    /// Makes the file visible, then the dataset.
    async fn finish(mut self, app: &App, ctx: &RequestContext) -> Result<Dataset> {
        let upload = self.upload.take().ok_or_else(|| Error::internal("an upload that was given up"))?;
        let stored = upload.finish().await.map_err(error::storage)?;
        let recorded = async {
            let description = self.describe(app, &stored).await?;
            self.record(app, ctx, &stored, description).await
        };
        match recorded.await {
            Ok(dataset) => Ok(dataset),
            Err(error) => {
                forget(app, ctx, &stored.key).await;
                Err(error)
            }
        }
    }

    async fn describe(&mut self, app: &App, stored: &Stored) -> Result<Description> {
        let describer = self.describer.take().ok_or_else(|| Error::internal("an upload that was described"))?;
        describer.finish(&app.storage, &app.excel, self.format, stored).await
    }

    async fn record(
        &mut self,
        app: &App,
        ctx: &RequestContext,
        stored: &Stored,
        description: Description,
    ) -> Result<Dataset> {
        let new = NewDataset {
            id: self.id,
            project_id: self.announced.project_id,
            name: self.announced.name.clone(),
            format: self.format,
            size_bytes: stored.size_bytes,
            content_hash: stored.content_hash.clone(),
            storage_key: stored.key.clone(),
            description,
        };
        // Why again: while the file came, the project may have gone, the caller may have lost his right to it, and others may
        // have used up what was left.
        let ctx = &access::renew(app, ctx).await?;
        access::require_writable(ctx)?;
        let tenant = ctx.tenant()?;
        let mut tx = app.db.begin(ctx).await?;
        let (_, limit) = admission(app, ctx, &mut tx, new.project_id).await?;
        limit.check(new.size_bytes)?;
        let dataset = store::dataset::insert(&mut tx, tenant, ctx.responsible()?, &new).await?;
        if let Some((limit, _)) = limit.plan
            && store::usage::stored_bytes(&mut tx, tenant).await? > limit
        {
            // Why only now for certain: by its row this upload has waited for those of other projects.
            return Err(error::storage_limit_reached(limit));
        }
        outbox::write(&mut tx, ctx, events::dataset_uploaded(&dataset)).await?;
        tx.commit().await?;
        Ok(dataset)
    }
}

/// Removes a file whose row could not be written, unless it was written after all.
async fn forget(app: &App, ctx: &RequestContext, key: &str) {
    let unused = async {
        let mut tx = app.db.begin(ctx).await?;
        Ok::<_, Error>(!store::dataset::file_is_used(&mut tx, ctx.tenant()?, key).await?)
    };
    match unused.await {
        Ok(true) => {
            if let Err(error) = app.storage.delete(key).await {
                tracing::warn!(key, %error, "the file of a failed upload stays");
            }
        }
        Ok(false) => {}
        // Why: when the commit itself was cut off nobody knows; a file without a row harms less than a row without a file.
        Err(error) => tracing::warn!(key, %error, "the file of a failed upload stays"),
    }
}
