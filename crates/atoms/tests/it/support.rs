//! A store in a temporary folder, tasks made in a line, and tables read back.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use datafusion::{
    arrow::{
        array::{Array, RecordBatch},
        util::display::array_value_to_string,
    },
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};
use serde_json::Value;
use trinity_atoms::{Engine, EngineSettings, Fault, Format, InputTable, LogLine, LogSink, Outcome, OutputTable, Task};
use trinity_storage::{Storage, layout::ProjectFolder};

pub const DATASET: &str = "0190a1b2-0000-7000-8000-000000000001";

/// A store and an engine of their own.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub storage: Storage,
    pub engine: Engine,
    pub log: Arc<Mutex<Vec<LogLine>>>,
    tasks: Mutex<u32>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with_memory(512 << 20)
    }

    pub fn with_memory(memory_limit_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&format!("file://{}/store", folder.path().display())).unwrap();
        let engine = Engine::new(&settings(folder.path(), memory_limit_bytes)).unwrap();
        Self { folder, storage, engine, log: Arc::default(), tasks: Mutex::default() }
    }

    /// A task of the newest version whose outputs go to a folder of its own.
    pub fn task(&self, atom: &str, config: Value) -> Task {
        let workflow = ProjectFolder::new("t", "p").workflow("w");
        Task {
            atom: atom.into(),
            version: trinity_catalog::find_latest(atom).map_or("1.0.0", |spec| &spec.version).into(),
            config,
            inputs: vec![],
            datasets: vec![],
            output_prefix: workflow.output_prefix("r", self.next(), 1),
            attempt: 1,
            labels: BTreeMap::from([("run".into(), "r".into())]),
            secrets: BTreeMap::new(),
        }
    }

    fn next(&self) -> u32 {
        let mut tasks = self.tasks.lock().unwrap();
        *tasks += 1;
        *tasks
    }

    pub fn log(&self) -> LogSink {
        let log = self.log.clone();
        Arc::new(move |line| log.lock().unwrap().push(line))
    }

    pub async fn run(&self, task: &Task) -> Result<Outcome, Fault> {
        trinity_atoms::execute(&self.engine, &self.storage, task, self.log()).await
    }

    /// Puts the bytes of a CSV file into the store as a dataset.
    pub async fn dataset(&self, bytes: impl Into<Vec<u8>>) -> InputTable {
        self.dataset_of(Format::Csv, bytes).await
    }

    /// Puts bytes into the store as a dataset.
    pub async fn dataset_of(&self, format: Format, bytes: impl Into<Vec<u8>>) -> InputTable {
        let key = ProjectFolder::new("t", "p").shared_file(format!("d{}", self.next()), format.extension());
        let stored = self.storage.put_bytes(&key, bytes.into()).await.unwrap();
        InputTable { dataset_id: Some(DATASET.into()), storage_key: key, format, content_hash: stored.content_hash }
    }

    /// Reads a CSV with these further settings.
    pub async fn read_csv(&self, bytes: impl Into<Vec<u8>>, mut settings: Value) -> Result<Outcome, Fault> {
        settings["dataset"] = DATASET.into();
        let mut task = self.task("csv-reader", settings);
        task.datasets = vec![self.dataset(bytes).await];
        self.run(&task).await
    }

    /// Reads a file of this format with these further settings.
    pub async fn read(&self, format: Format, bytes: impl Into<Vec<u8>>, mut settings: Value) -> Result<Outcome, Fault> {
        settings["dataset"] = DATASET.into();
        let reader = match format {
            Format::Ndjson => "json-reader".to_owned(),
            other => format!("{}-reader", other.word()),
        };
        let mut task = self.task(&reader, settings);
        task.datasets = vec![self.dataset_of(format, bytes).await];
        self.run(&task).await
    }

    /// A CSV as a table that atoms take.
    pub async fn table(&self, csv: &str) -> InputTable {
        let outcome = self.read_csv(csv, serde_json::json!({})).await.unwrap();
        as_input(&outcome.outputs[0])
    }

    /// Applies an atom to tables.
    pub async fn apply(&self, atom: &str, config: Value, inputs: &[InputTable]) -> Result<Outcome, Fault> {
        let mut task = self.task(atom, config);
        task.inputs = inputs.to_vec();
        self.run(&task).await
    }

    /// The rows of an output as text, missing values as `∅`.
    pub fn rows(&self, output: &OutputTable) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for batch in self.batches(output) {
            for row in 0..batch.num_rows() {
                let cell = |column: &Arc<dyn Array>| match column.is_null(row) {
                    true => "∅".to_owned(),
                    false => array_value_to_string(column, row).unwrap(),
                };
                rows.push(batch.columns().iter().map(cell).collect());
            }
        }
        rows
    }

    /// The rows of an output, each as one line.
    pub fn lines(&self, output: &OutputTable) -> Vec<String> {
        self.rows(output).into_iter().map(|row| row.join("|")).collect()
    }

    pub fn batches(&self, output: &OutputTable) -> Vec<RecordBatch> {
        let path = self.storage.local_path(&output.storage_key).unwrap().unwrap();
        let file = std::fs::File::open(path).unwrap();
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
    }
}

pub fn settings(folder: &Path, memory_limit_bytes: usize) -> EngineSettings {
    EngineSettings { memory_limit_bytes, spill_dir: folder.join("spill"), spill_limit_bytes: 1 << 30, threads: 2 }
}

pub fn as_input(output: &OutputTable) -> InputTable {
    InputTable {
        dataset_id: None,
        storage_key: output.storage_key.clone(),
        format: Format::Parquet,
        content_hash: output.content_hash.clone(),
    }
}

/// Column types of an output, by name.
pub fn types(output: &OutputTable) -> Vec<String> {
    output.columns.iter().map(|column| format!("{}: {}", column.name, column.kind)).collect()
}
