//! Files of the object store as tables of the engine, whatever they are written in.

use std::{collections::BTreeMap, ops::Range, path::Path};

use bytes::Bytes;
use datafusion::{
    execution::options::ParquetReadOptions,
    prelude::{DataFrame, SessionContext},
};
use futures::{FutureExt, future::BoxFuture};
use parquet::{arrow::async_reader::MetadataFetch, errors::ParquetError, file::metadata::ParquetMetaDataReader};
use trinity_storage::Storage;

use crate::{Fault, Format, InputTable, csv, excel, fault::code, ipc, job::Job, json, local, remote, types::Kind};

/// A table that can be read, and what is known of it.
pub(crate) struct Opened {
    pub frame: DataFrame,
    pub rows: u64,
    /// See [`Job::guessed_types`].
    pub guessed_types: bool,
}

/// How a file is to be read; each format takes its part.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub csv: csv::Options,
    pub excel: excel::Options,
    /// Types of columns in workbooks and JSON that are not to be found out.
    pub declared: BTreeMap<String, Kind>,
}

/// Opens a file; all but Parquet files are gone through first, so that what is wrong with them is named with its place.
pub(crate) async fn open(job: &Job<'_>, table: &InputTable, options: &Options) -> Result<Opened, Fault> {
    if table.format == Format::Parquet {
        let rows = parquet_rows(job.storage, &table.storage_key).await?;
        return Ok(Opened {
            frame: parquet(&job.session, &store_url(job.storage, &table.storage_key)?).await?,
            rows,
            guessed_types: false,
        });
    }
    let path = local::path(job, &table.storage_key).await?;
    match table.format {
        Format::Excel => excel::open(job, path, options).await,
        Format::Json | Format::Ndjson => json::open(job, path, table.format, &options.declared).await,
        Format::Arrow => ipc::open(job, path).await,
        Format::Csv | Format::Parquet => csv::open(job, path, &options.csv).await,
    }
}

/// Where the engine finds a file of the store: on this machine's disk, or through the store itself. Keys hold no
/// character that a URL writes otherwise.
fn store_url(storage: &Storage, key: &str) -> Result<String, Fault> {
    match storage.local_path(key)? {
        Some(path) => url(&path),
        None => Ok(format!("{}{key}", remote::STORE)),
    }
}

/// A path of this machine as the engine takes it: as a URL, so that no character of it is taken for a pattern.
pub(crate) fn url(path: &Path) -> Result<String, Fault> {
    let text = path.to_str().ok_or_else(|| Fault::lasting(code::INTERNAL, "the object store's path is not UTF-8"))?;
    Ok(format!("file://{}", text.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")))
}

async fn parquet(session: &SessionContext, url: &str) -> Result<DataFrame, Fault> {
    let options = ParquetReadOptions::default().file_extension("");
    Ok(session.read_parquet(url, options).await?)
}

/// Rows as the file's footer has them.
async fn parquet_rows(storage: &Storage, key: &str) -> Result<u64, Fault> {
    let size = storage.head(key).await?.size_bytes;
    let footer = ParquetMetaDataReader::new()
        .with_prefetch_hint(Some(FOOTER_BYTES))
        .load_and_finish(Ranges { storage, key }, size)
        .await
        .map_err(|error| match error {
            ParquetError::External(_) => Fault::passing(code::IO_FAILED, "an input could not be read"),
            other => Fault::lasting(code::PARQUET_MALFORMED, other.to_string()),
        })?;
    Ok(u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0))
}

/// Read at once from the end of a Parquet file; most footers fit.
const FOOTER_BYTES: usize = 64 * 1024;

struct Ranges<'a> {
    storage: &'a Storage,
    key: &'a str,
}

impl MetadataFetch for Ranges<'_> {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            self.storage.get_range(self.key, range).await.map_err(|error| ParquetError::External(Box::new(error)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::{
        array::{AsArray, Int64Array, RecordBatch},
        datatypes::Int64Type,
    };
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[tokio::test]
    async fn tables_of_a_store_elsewhere_are_read_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&format!("file://{}", folder.path().display())).unwrap();
        let numbers = Arc::new(Int64Array::from_iter_values(0..10_000)) as _;
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        storage.put_bytes("tenant-t/a=1/data.parquet", file).await.unwrap();
        let session = SessionContext::new();
        remote::register(&session, &storage);
        let url = format!("{}tenant-t/a=1/data.parquet", remote::STORE);
        let frame = parquet(&session, &url).await.unwrap();
        let condition = session.parse_sql_expr("n >= 9990", frame.schema()).unwrap();
        let found = frame.filter(condition).unwrap().collect().await.unwrap();
        let sum: i64 = found.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values()).sum();
        assert_eq!(sum, (9_990..10_000).sum::<i64>());
        assert_eq!(parquet_rows(&storage, "tenant-t/a=1/data.parquet").await.unwrap(), 10_000);
        assert!(parquet(&session, &format!("{}tenant-t/gone.parquet", remote::STORE)).await.is_err());
    }
}
