//! One execution of one atom: its task, its session, its inputs and its voice.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use datafusion::prelude::{DataFrame, SessionContext};
use serde::de::DeserializeOwned;
use serde_json::Value;
use trinity_storage::Storage;

use crate::{
    Fault, InputTable, LogLine, LogSink, Outcome, OutputTable, Task,
    csv::{self, Inference},
    fault::code,
    input,
};

/// What an atom's code is given.
pub(crate) struct Job<'a> {
    pub task: &'a Task,
    pub storage: &'a Storage,
    pub session: SessionContext,
    /// How types of CSV columns are found out.
    pub inference: Inference,
    pub log: LogSink,
    rows_in: AtomicU64,
    guessed_types: AtomicBool,
}

impl<'a> Job<'a> {
    pub fn new(task: &'a Task, storage: &'a Storage, session: SessionContext, log: LogSink) -> Self {
        Self {
            task,
            storage,
            session,
            inference: Inference::Sampled,
            log,
            rows_in: AtomicU64::new(0),
            guessed_types: AtomicBool::new(false),
        }
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
        self.open(table, &csv::Options::default(), &input_name(at)).await
    }

    /// Opens a table under a name and counts its rows as read.
    pub async fn open(&self, table: &InputTable, options: &csv::Options, name: &str) -> Result<DataFrame, Fault> {
        let opened = input::open(self, table, options).await?;
        self.rows_in.fetch_add(opened.rows, Ordering::Relaxed);
        self.guessed_types.fetch_or(opened.guessed_types, Ordering::Relaxed);
        Ok(opened.frame.alias(name)?)
    }

    /// Where a file is on this machine.
    pub fn path(&self, storage_key: &str) -> Result<PathBuf, Fault> {
        self.storage
            .local_path(storage_key)?
            .ok_or_else(|| Fault::lasting(code::INTERNAL, "atoms read from a store on this machine only"))
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
