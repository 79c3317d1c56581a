//! The first rows of a dataset.

use futures::TryStreamExt;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::common::Json;
use trinity_proto::registry as pb;

use crate::app::App;
use crate::convert::columns;
use crate::domain::dataset::{Dataset, Format};
use crate::error;
use crate::store::dataset::Placed;
use crate::tables::preview::{CsvPreview, MAX_READ_BYTES};
use crate::tables::{arrow, json, parquet};

const DEFAULT_ROWS: u32 = 20;
const MAX_ROWS: u32 = 200;

/// Shows the first rows. A CSV file that is wrong somewhere shows the rows before that place.
///
/// # Errors
/// `InvalidArgument` too many rows; `NotFound`; `FailedPrecondition` when the file cannot be read at all.
pub(crate) async fn preview(
    app: &App,
    ctx: &RequestContext,
    request: pb::PreviewDatasetRequest,
) -> Result<pb::PreviewDatasetResponse> {
    let wanted = request.rows.unwrap_or(DEFAULT_ROWS);
    if wanted > MAX_ROWS {
        return Err(Error::invalid("rows", format!("is at most {MAX_ROWS}")));
    }
    let Placed { dataset, .. } = super::dataset::find(app, ctx, &request.dataset_id).await?;
    if let (Some(problem), true) = (&dataset.problem, dataset.columns.is_empty()) {
        return Err(error::dataset_unreadable(problem));
    }
    let rows = match dataset.format {
        Format::Csv => csv_rows(app, &dataset, wanted as usize).await?,
        Format::Parquet => {
            let size_bytes = dataset.size_bytes.unsigned_abs();
            parquet::preview(&app.storage, &dataset.storage_key, size_bytes, wanted as usize).await?
        }
        Format::Excel => app.excel.preview(&app.storage, &dataset, wanted as usize).await?,
        format @ (Format::Json | Format::Ndjson) => {
            let file = app.storage.get(&dataset.storage_key).await.map_err(error::storage)?;
            json::preview(file, format, &dataset.columns, wanted as usize).await.map_err(error::storage)?
        }
        Format::Arrow => {
            let file = app.storage.get(&dataset.storage_key).await.map_err(error::storage)?;
            let rows = arrow::preview(file, wanted as usize).await.map_err(error::storage)?;
            rows.map_err(|problem| error::dataset_unreadable(&problem))?
        }
    };
    Ok(pb::PreviewDatasetResponse {
        columns: columns(dataset.columns),
        rows: rows.into_iter().map(Json::new).collect(),
    })
}

async fn csv_rows(app: &App, dataset: &Dataset, wanted: usize) -> Result<Vec<String>> {
    let mut preview = CsvPreview::new(&dataset.columns, dataset.delimiter.unwrap_or(b','), wanted);
    let mut file = app.storage.get(&dataset.storage_key).await.map_err(error::storage)?;
    let mut read = 0;
    while let Some(chunk) = file.try_next().await.map_err(error::storage)? {
        read += chunk.len();
        if !preview.feed(&chunk) {
            break;
        }
        if read >= MAX_READ_BYTES {
            return Ok(preview.into_rows());
        }
    }
    Ok(preview.finish())
}
