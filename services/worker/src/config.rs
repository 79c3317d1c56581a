//! Settings of the worker: `TRINITY_WORKER_<FIELD>`.

use std::{path::PathBuf, thread::available_parallelism, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Deserializer};
use trinity_atoms::{EngineSettings, PoolSettings};
use trinity_config::StorageSettings;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where files are kept, `file:///var/lib/trinity/objects` or `s3://bucket/path`; the same as the registry's.
    pub storage_url: String,
    /// How a bucket is reached: `TRINITY_STORAGE_…`, not a setting of the worker's own.
    #[serde(skip)]
    pub storage: StorageSettings,
    /// What the worker is called in lists.
    #[serde(default = "default_name")]
    pub name: String,
    /// Which tasks it takes, separated by commas: `default` are the built-in atoms.
    #[serde(default = "default_labels", deserialize_with = "words")]
    pub labels: Vec<String>,
    /// Tasks taken at once. Those without data work run at once; the others share the processes.
    #[serde(default = "default_slots")]
    pub slots: u32,
    /// Child processes at the most, each working on one task.
    #[serde(default = "default_processes")]
    pub processes: usize,
    /// Threads of a child process.
    #[serde(default = "default_threads")]
    pub threads: usize,
    /// What sorts, joins and groups of one task may hold in memory before they use the disk, in MiB.
    #[serde(default = "default_memory_mib")]
    pub memory_mib: usize,
    /// What a child process may take at all, in MiB; beyond it, it dies alone. 0 for no limit.
    #[serde(default = "default_process_limit_mib")]
    pub process_limit_mib: u64,
    /// Where data goes that does not fit into memory.
    #[serde(default = "default_spill_dir")]
    pub spill_dir: PathBuf,
    /// How much of it one task may put there, in MiB.
    #[serde(default = "default_spill_mib")]
    pub spill_mib: u64,
    /// How long a child process stays without work, in milliseconds.
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
    /// How long a cancelled task may take to stop before its process is killed, in milliseconds.
    #[serde(default = "default_cancel_grace_ms")]
    pub cancel_grace_ms: u64,
    /// How long running tasks may go on after the word to stop, in milliseconds.
    #[serde(default = "default_drain_ms")]
    pub drain_ms: u64,
    /// Host names and address ranges that atoms may call although they are not of the public internet, separated by commas.
    #[serde(default, deserialize_with = "words")]
    pub egress_allow: Vec<String>,
    /// Whether results of equal work are used again.
    #[serde(default = "default_cache")]
    pub cache: bool,
    /// The program started for child processes; this one, when unset.
    pub runner_program: Option<PathBuf>,
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<()> {
        ensure!((1..=1024).contains(&self.slots), "the setting TRINITY_WORKER_SLOTS is between 1 and 1024");
        let is_label = |label: &String| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        };
        ensure!(
            !self.labels.is_empty() && self.labels.iter().all(is_label),
            "the setting TRINITY_WORKER_LABELS holds words of lower-case letters, digits, - and _"
        );
        trinity_egress::Egress::new(&self.egress_allow).context("the setting TRINITY_WORKER_EGRESS_ALLOW is wrong")?;
        ensure!(self.processes > 0, "the setting TRINITY_WORKER_PROCESSES is at least 1");
        ensure!(self.memory_mib >= 32, "the setting TRINITY_WORKER_MEMORY_MIB is at least 32");
        Ok(())
    }

    pub(crate) fn pool(&self) -> PoolSettings {
        PoolSettings {
            program: self.runner_program.clone().unwrap_or_else(PoolSettings::this_program),
            storage_url: self.storage_url.clone(),
            storage: self.storage.clone(),
            egress_allow: self.egress_allow.clone(),
            engine: EngineSettings {
                memory_limit_bytes: self.memory_mib << 20,
                spill_dir: self.spill_dir.clone(),
                spill_limit_bytes: self.spill_mib << 20,
                threads: self.threads,
            },
            process_limit_bytes: (self.process_limit_mib > 0).then_some(self.process_limit_mib << 20),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            cancel_grace: Duration::from_millis(self.cancel_grace_ms),
        }
    }
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", if host.trim().is_empty() { "worker" } else { host.trim() }, std::process::id())
}

fn default_labels() -> Vec<String> {
    vec!["default".to_owned()]
}

/// A list, or its words in one text.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Text(String),
        List(Vec<String>),
    }
    let words = match Words::deserialize(deserializer)? {
        Words::Text(text) => text.split(',').map(str::to_owned).collect(),
        Words::List(list) => list,
    };
    Ok(words.iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())
}

const fn default_slots() -> u32 {
    64
}

fn default_processes() -> usize {
    available_parallelism().map_or(2, |cores| cores.get().max(2))
}

fn default_threads() -> usize {
    available_parallelism().map_or(2, |cores| cores.get().min(4))
}

const fn default_memory_mib() -> usize {
    512
}

const fn default_process_limit_mib() -> u64 {
    2_048
}

fn default_spill_dir() -> PathBuf {
    std::env::temp_dir().join("trinity-spill")
}

const fn default_spill_mib() -> u64 {
    50 * 1024
}

const fn default_idle_timeout_ms() -> u64 {
    30_000
}

const fn default_cancel_grace_ms() -> u64 {
    500
}

const fn default_drain_ms() -> u64 {
    15_000
}

const fn default_cache() -> bool {
    true
}
