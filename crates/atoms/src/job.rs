//! One execution of one atom: its task, its session, its inputs and its voice.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use datafusion::prelude::{DataFrame, SessionContext};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};
use trinity_storage::Storage;

use crate::{
    Engine, Fault, InputTable, LogLine, LogSink, Outcome, OutputTable, Task,
    csv::Inference,
    engine::{Mode, Outside},
    fault::code,
    input, remote,
};

/// What an atom's code is given.
pub(crate) struct Job<'a> {
    pub task: &'a Task,
    pub storage: &'a Storage,
    pub session: SessionContext,
    /// How types of CSV columns are found out.
    pub inference: Inference,
    pub log: LogSink,
    /// How many parts of a file may be read at once.
    pub threads: usize,
    rows_in: AtomicU64,
    guessed_types: AtomicBool,
    scratch_dir: PathBuf,
    /// Removed with the job.
    scratch: Mutex<Vec<TempPath>>,
}

impl<'a> Job<'a> {
    pub fn new(engine: &Engine, mode: Mode, storage: &'a Storage, task: &'a Task, log: LogSink) -> Result<Self, Fault> {
        let session = engine.session(mode)?;
        remote::register(&session, storage);
        Ok(Self {
            task,
            storage,
            session,
            inference: Inference::Sampled,
            log,
            threads: engine.threads(mode),
            rows_in: AtomicU64::new(0),
            guessed_types: AtomicBool::new(false),
            scratch_dir: engine.spill_dir().to_owned(),
            scratch: Mutex::default(),
        })
    }

    /// The config in the atom's own form.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_value(self.task.config.clone()).map_err(|error| Fault::config(error.to_string()))
    }

    /// Says something to the person who watches the run.
    pub fn say(&self, level: &str, message: impl Into<String>) {
        (self.log)(LogLine::now(level, message));
    }

    /// The file behind a dataset id of the config.
    pub fn dataset(&self, id: &str) -> Result<&InputTable, Fault> {
        let found = self.task.datasets.iter().find(|file| file.dataset_id.as_deref() == Some(id));
        found.ok_or_else(|| Fault::lasting(code::INPUT_MISSING, format!("dataset {id} is not there")))
    }

    /// The input at a place, counting from 0.
    pub async fn input(&self, at: usize) -> Result<DataFrame, Fault> {
        let table = self.task.inputs.get(at).ok_or_else(|| {
            Fault::config(format!("the atom needs input {} and got {}", at + 1, self.task.inputs.len()))
        })?;
        self.open(table, &input::Options::default(), &input_name(at)).await
    }

    /// Opens a table under a name and counts its rows as read.
    pub async fn open(&self, table: &InputTable, options: &input::Options, name: &str) -> Result<DataFrame, Fault> {
        let opened = input::open(self, table, options).await?;
        self.rows_in.fetch_add(opened.rows, Ordering::Relaxed);
        self.guessed_types.fetch_or(opened.guessed_types, Ordering::Relaxed);
        Ok(opened.frame.alias(name)?)
    }

    /// The way to other machines.
    pub fn outside(&self) -> Result<Arc<Outside>, Fault> {
        let outside = self.session.state().config().get_extension::<Outside>();
        outside.ok_or_else(|| Fault::lasting(code::INTERNAL, "there is no way to other machines"))
    }

    /// The value of a secret that the config names.
    pub fn secret(&self, name: &str) -> Result<&str, Fault> {
        let found = self.task.secrets.get(name).map(String::as_str);
        found.ok_or_else(|| {
            let problem = format!("the variable {name} is not set in the environment of whoever answers for the run");
            Fault::lasting(code::SECRET_MISSING, problem)
        })
    }

    /// A new file beside what the engine spills.
    pub fn scratch(&self) -> Result<NamedTempFile, Fault> {
        NamedTempFile::new_in(&self.scratch_dir).map_err(|error| Fault::from_io(&error))
    }

    /// Keeps such a file as long as the job.
    pub fn keep(&self, file: TempPath) -> PathBuf {
        let path = file.to_path_buf();
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        path
    }

    /// Rows of the inputs opened so far.
    pub fn rows_in(&self) -> u64 {
        self.rows_in.load(Ordering::Relaxed)
    }

    /// Whether types were taken from a sample of a CSV, so that a later value may not fit.
    pub fn guessed_types(&self) -> bool {
        self.guessed_types.load(Ordering::Relaxed)
    }

    /// The outcome of an atom that writes what goes on to the next one.
    pub fn done(&self, output: OutputTable, result: Value) -> Outcome {
        Outcome { rows_in: self.rows_in(), rows_out: output.rows, outputs: vec![output], result }
    }

    /// The outcome of an atom that hands its input on.
    pub fn looked(&self, output: OutputTable, result: Value) -> Outcome {
        Outcome { rows_in: self.rows_in(), rows_out: self.rows_in(), outputs: vec![output], result }
    }
}

/// What an input is called in SQL and in lineage: input, input_2, input_3 and so on.
pub(crate) fn input_name(at: usize) -> String {
    if at == 0 { "input".to_owned() } else { format!("input_{}", at + 1) }
}
