//! The columnar engine's settings: memory, spill, threads, and how it reads names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use datafusion::{
    config::ConfigNonZeroUsize,
    execution::{
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::{SessionConfig, SessionContext},
};
use serde::{Deserialize, Serialize};
use trinity_egress::Egress;

use crate::{Fault, memory::Memory};

/// What one child process may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSettings {
    /// What sorts, joins and aggregates may hold before they spill.
    pub memory_limit_bytes: usize,
    /// Where they spill to.
    pub spill_dir: PathBuf,
    /// How much they may spill.
    pub spill_limit_bytes: u64,
    pub threads: usize,
}

/// What each sort keeps back for merging what it spilled; the engine's own default, less when memory is small.
const MAX_SORT_RESERVE_BYTES: usize = 10 << 20;

/// Up to here, and up to an eighth of the memory, the smaller side of a join is held whole, and the rows of the larger one
/// stay where they are; beyond, both are split by their keys.
const JOIN_WHOLE_ROWS: usize = 1 << 20;

/// Rows of a batch when memory is short; the engine's own default is 8,192.
const LEAN_BATCH_ROWS: usize = 1_024;

/// The engine of a process; sessions of all its tasks share the memory limit.
#[derive(Debug, Clone)]
pub struct Engine {
    runtime: Arc<RuntimeEnv>,
    memory: Arc<Memory>,
    spill_dir: PathBuf,
    threads: usize,
    sort_reserve_bytes: usize,
    join_whole_bytes: usize,
    outside: Option<Arc<Outside>>,
}

/// What atoms need to call other machines; sessions have it as an extension.
#[derive(Debug)]
pub(crate) struct Outside {
    pub egress: Egress,
    /// Where answers may lie for a while.
    pub scratch: PathBuf,
}

/// How a session works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Whether threads may work on parts of a table at once; rows then come in any order.
    pub parallel: bool,
    pub thrift: Thrift,
}

/// How much a session does without, to need less memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thrift {
    None,
    /// Smaller batches, and nothing side by side.
    Single,
    /// Smaller batches, and joins by sorting, which can use the disk.
    Sorted,
}

impl Thrift {
    /// What to try next when memory ran out.
    pub fn more(self) -> Option<Self> {
        match self {
            Self::None => Some(Self::Single),
            Self::Single => Some(Self::Sorted),
            Self::Sorted => None,
        }
    }
}

impl Engine {
    /// Starts the engine and makes its spill folder.
    ///
    /// # Errors
    /// `IO_FAILED` when the spill folder cannot be made.
    pub fn new(settings: &EngineSettings) -> Result<Self, Fault> {
        std::fs::create_dir_all(&settings.spill_dir).map_err(|error| Fault::from_io(&error))?;
        let spill = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![settings.spill_dir.clone()]))
            .with_max_temp_directory_size(settings.spill_limit_bytes);
        let memory = Arc::new(Memory::new(settings.memory_limit_bytes));
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(memory.clone()).with_disk_manager_builder(spill).build_arc()?;
        let threads = settings.threads.max(1);
        let sort_reserve_bytes = (settings.memory_limit_bytes / threads / 16).min(MAX_SORT_RESERVE_BYTES);
        Ok(Self {
            runtime,
            memory,
            spill_dir: settings.spill_dir.clone(),
            threads,
            sort_reserve_bytes,
            join_whole_bytes: settings.memory_limit_bytes / 8,
            outside: None,
        })
    }

    /// Where files may lie that are needed for a while.
    pub(crate) fn spill_dir(&self) -> &Path {
        &self.spill_dir
    }

    /// Lets atoms call other machines.
    pub fn with_egress(self, egress: Egress) -> Self {
        let outside = Outside { egress, scratch: self.spill_dir().to_owned() };
        Self { outside: Some(Arc::new(outside)), ..self }
    }

    /// How many parts of a file a session may read at once.
    pub(crate) fn threads(&self, mode: Mode) -> usize {
        if mode.thrift == Thrift::None { self.threads } else { 1 }
    }

    pub(crate) fn session(&self, mode: Mode) -> Result<SessionContext, Fault> {
        let partitions = match (mode.parallel, mode.thrift) {
            (true, Thrift::None) => self.threads,
            // Why two: with one, the engine joins by a hash table, whatever it is told to prefer.
            (true, Thrift::Sorted) => 2,
            _ => 1,
        };
        // A process executes one task at a time.
        self.memory.bound_merges(mode.thrift == Thrift::Sorted);
        let lean = mode.thrift != Thrift::None;
        let mut config = SessionConfig::new().with_target_partitions(partitions).with_information_schema(false);
        let options = config.options_mut();
        // Why: people write column names as they stand in their files.
        options.sql_parser.enable_ident_normalization = false;
        options.optimizer.prefer_hash_join = !lean;
        if lean {
            // Why: batches of views are counted with all of the pages that they look at, many times over.
            options.execution.parquet.schema_force_view_types = false;
            options.execution.batch_size = ConfigNonZeroUsize::try_new(LEAN_BATCH_ROWS)?;
        }
        // Why: parts of a file that are read side by side go on in the file's order, and so each stays where it is.
        options.execution.enable_file_stream_work_stealing = mode.parallel;
        // Why: a join builds its hash table of the smaller side, and so has to know which one that is.
        options.execution.collect_statistics = true;
        options.optimizer.hash_join_single_partition_threshold = self.join_whole_bytes;
        options.optimizer.hash_join_single_partition_threshold_rows = JOIN_WHOLE_ROWS;
        options.execution.sort_spill_reservation_bytes = self.sort_reserve_bytes;
        if let Some(outside) = &self.outside {
            config.set_extension(outside.clone());
        }
        let session = SessionContext::new_with_config_rt(config, self.runtime.clone());
        // Why: it would show where files lie on this machine.
        session.deregister_udf("input_file_name");
        Ok(session)
    }
}
