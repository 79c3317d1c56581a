//! Files of the object store as tables of the engine.

use std::{fs::File, path::Path};

use datafusion::{
    execution::options::ParquetReadOptions,
    prelude::{DataFrame, SessionContext},
};
use parquet::file::metadata::ParquetMetaDataReader;

use crate::{Fault, Format, InputTable, csv, fault::code, job::Job};

/// A table that can be read, and what is known of it.
pub(crate) struct Opened {
    pub frame: DataFrame,
    pub rows: u64,
    /// See [`Job::guessed_types`].
    pub guessed_types: bool,
}

/// Opens a file; CSV files are checked line by line first.
pub(crate) async fn open(job: &Job<'_>, table: &InputTable, options: &csv::Options) -> Result<Opened, Fault> {
    let path = job.path(&table.storage_key).await?;
    match table.format {
        Format::Csv => csv::open(job, &path, options).await,
        Format::Parquet => {
            let rows = parquet_rows(&path)?;
            Ok(Opened { frame: parquet(&job.session, &path).await?, rows, guessed_types: false })
        }
        other => Err(Fault::config(format!("a file of the format {} cannot be read here", other.word()))),
    }
}

/// A path as the engine takes it: as a URL, so that no character of it is taken for a pattern.
pub(crate) fn url(path: &Path) -> Result<String, Fault> {
    let text = path.to_str().ok_or_else(|| Fault::lasting(code::INTERNAL, "the object store's path is not UTF-8"))?;
    Ok(format!("file://{}", text.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")))
}

async fn parquet(session: &SessionContext, path: &Path) -> Result<DataFrame, Fault> {
    let options = ParquetReadOptions::default().file_extension("");
    Ok(session.read_parquet(url(path)?, options).await?)
}

/// Rows as the file's footer has them.
fn parquet_rows(path: &Path) -> Result<u64, Fault> {
    let file = File::open(path).map_err(|error| Fault::from_io(&error))?;
    let footer = ParquetMetaDataReader::new()
        .parse_and_finish(&file)
        .map_err(|error| Fault::lasting(code::PARQUET_MALFORMED, error.to_string()))?;
    Ok(u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0))
}
