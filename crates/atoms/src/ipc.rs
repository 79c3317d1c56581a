//! Arrow IPC files and streams as tables.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use arrow_ipc::reader::{FileReader, StreamReader};
use datafusion::arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};

use crate::{
    Fault,
    fault::code,
    input::Opened,
    job::Job,
    source::{self, Give, Source},
};

/// How files of the random-access form begin; streams do not.
const FILE_MAGIC: &[u8; 6] = b"ARROW1";

/// Opens a file as a table.
pub(crate) async fn open(job: &Job<'_>, path: PathBuf) -> Result<Opened, Fault> {
    let (path, schema, rows) = tokio::task::spawn_blocking(move || {
        let (schema, batches) = read(&path)?;
        let rows = batches.map(|batch| batch.map(|batch| batch.num_rows() as u64)).sum::<Result<u64, _>>();
        Ok::<_, Fault>((path, schema, rows.map_err(malformed)?))
    })
    .await
    .map_err(|_| Fault::lasting(code::ARROW_MALFORMED, "the file is damaged"))??;
    let frame = source::table(&job.session, schema, Ipc { path })?;
    Ok(Opened { frame, rows, guessed_types: false })
}

fn malformed(error: ArrowError) -> Fault {
    match error {
        ArrowError::IoError(_, error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Fault::from_io(&error),
        other => Fault::lasting(code::ARROW_MALFORMED, format!("not an Arrow file that can be read: {other}")),
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

fn read(path: &Path) -> Result<(SchemaRef, Batches), Fault> {
    let mut file = File::open(path).map_err(|error| Fault::from_io(&error))?;
    let mut magic = Vec::new();
    file.by_ref().take(FILE_MAGIC.len() as u64).read_to_end(&mut magic).map_err(|error| Fault::from_io(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| Fault::from_io(&error))?;
    let input = BufReader::new(file);
    if magic == FILE_MAGIC {
        let reader = FileReader::try_new(input, None).map_err(malformed)?;
        Ok((reader.schema(), Box::new(reader)))
    } else {
        let reader = StreamReader::try_new(input, None).map_err(malformed)?;
        Ok((reader.schema(), Box::new(reader)))
    }
}

#[derive(Debug)]
struct Ipc {
    path: PathBuf,
}

impl Source for Ipc {
    fn read(&self, give: &mut Give<'_>) -> Result<(), Fault> {
        for batch in read(&self.path)?.1 {
            if !give(batch.map_err(malformed)?) {
                break;
            }
        }
        Ok(())
    }
}
