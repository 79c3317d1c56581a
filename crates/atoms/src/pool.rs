//! The parent's side: warm child processes, each running one task at a time.
//!
//! A child that dies takes one attempt of one task with it and nothing else. Children are started when needed and
//! stopped when idle for long, so that an idle installation stays small.

use std::{
    io,
    path::PathBuf,
    process::Stdio,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::BufReader,
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

use crate::{
    EngineSettings, Fault, LogSink, Outcome, Task,
    death::Witness,
    fault::code,
    frame::{self, FromChild, ToChild},
    runner,
};

/// How much the allocator of a child sets aside at once, in KiB.
const ARENA_KIB: &str = "65536";

/// What the child processes are and may.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// The program that is started with the subcommand of [`runner`]; usually the running one.
    pub program: PathBuf,
    pub storage_url: String,
    /// How its bucket is reached, when it is one.
    pub storage: trinity_storage::Settings,
    /// Hosts and address ranges that atoms may call although they are not public.
    pub egress_allow: Vec<String>,
    /// For each child; the spill folder is shared out among them.
    pub engine: EngineSettings,
    /// The most memory of a child by the operating system's count; beyond it, it dies alone.
    pub process_limit_bytes: Option<u64>,
    /// How long a child stays without work.
    pub idle_timeout: Duration,
    /// How long a cancelled task may take to stop before its child is killed.
    pub cancel_grace: Duration,
}

impl PoolSettings {
    /// The running program, even when its file was replaced since.
    pub fn this_program() -> PathBuf {
        PathBuf::from("/proc/self/exe")
    }
}

/// The child processes of a worker.
pub struct Pool {
    settings: PoolSettings,
    idle: Mutex<Vec<(Instant, Runner)>>,
    started: AtomicU64,
}

impl Pool {
    /// A pool without any child yet.
    pub fn new(settings: PoolSettings) -> Self {
        Self { settings, idle: Mutex::default(), started: AtomicU64::new(0) }
    }

    /// Runs a task in a child process. Dropping the future kills the child.
    ///
    /// # Errors
    /// What the atom says, `CANCELLED`, and `ATOM_CRASHED` when the child died.
    pub async fn run(&self, task: &Task, log: &LogSink, cancel: &CancellationToken) -> Result<Outcome, Fault> {
        let mut runner = self.ready(task).await?;
        let result = runner.finish(log, cancel, self.settings.cancel_grace).await;
        match result {
            Ok(result) => {
                self.lock().push((Instant::now(), runner));
                result
            }
            Err(fault) => Err(fault),
        }
    }

    /// Stops children that have had no work for long; to be called now and then.
    pub fn stop_idle(&self) {
        let timeout = self.settings.idle_timeout;
        self.lock().retain(|(since, _)| since.elapsed() < timeout);
    }

    /// How many children wait for work.
    pub fn idle_count(&self) -> usize {
        self.lock().len()
    }

    /// How many children were started so far.
    pub fn started_count(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// A child that has taken the task: a warm one, unless it died while it waited.
    async fn ready(&self, task: &Task) -> Result<Runner, Fault> {
        let message = ToChild::Run { task: Box::new(task.clone()) };
        loop {
            let warm = self.lock().pop();
            let is_warm = warm.is_some();
            let mut runner = match warm {
                Some((_, runner)) => runner,
                None => self.start().await.map_err(|error| cannot_start(&error))?,
            };
            match frame::send(&mut runner.input, &message).await {
                Ok(()) => return Ok(runner),
                Err(_) if is_warm => {}
                Err(error) => return Err(cannot_start(&error)),
            }
        }
    }

    async fn start(&self) -> io::Result<Runner> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut engine = self.settings.engine.clone();
        engine.spill_dir = engine.spill_dir.join(format!("runner-{}-{number}", std::process::id()));
        let spill_dir = SpillDir(engine.spill_dir.clone());
        let mut process = Command::new(&self.settings.program)
            .arg(runner::SUBCOMMAND)
            // Why: the worker's secrets are none of an atom's business.
            .env_clear()
            .envs(
                ["PATH", "TZ", "LANG", "RUST_BACKTRACE"]
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            // Why: the allocator would set a GiB of addresses aside, and the limit counts those as taken.
            .env("MIMALLOC_ARENA_RESERVE", ARENA_KIB)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Why: Ctrl-C in a terminal is for the worker, which lets running tasks finish.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(mut input), Some(output), Some(stderr)) = pipes else {
            return Err(io::Error::other("the child process has no pipes"));
        };
        let setup = ToChild::Setup {
            engine,
            storage_url: self.settings.storage_url.clone(),
            storage: Box::new(self.settings.storage.clone()),
            egress_allow: self.settings.egress_allow.clone(),
            process_limit_bytes: self.settings.process_limit_bytes,
        };
        frame::send(&mut input, &setup).await?;
        let witness = Witness::new(stderr);
        Ok(Runner { process, input, output: BufReader::new(output), witness, _spill_dir: spill_dir })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Runner)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cannot_start(error: &io::Error) -> Fault {
    Fault::passing(code::ATOM_CRASHED, format!("the process for the atom could not be started: {}", error.kind()))
}

/// A child process. Dropping it kills it.
struct Runner {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    witness: Witness,
    _spill_dir: SpillDir,
}

impl Runner {
    /// Waits for the task's end. The outer error means that the child is of no more use.
    async fn finish(
        &mut self,
        log: &LogSink,
        cancel: &CancellationToken,
        grace: Duration,
    ) -> Result<Result<Outcome, Fault>, Fault> {
        let Self { process, input, output, witness, .. } = self;
        witness.begin();
        let end = wait_for_end(output, log);
        tokio::pin!(end);
        let received = tokio::select! {
            received = &mut end => received,
            () = cancel.cancelled() => {
                // A child that cannot be asked is killed just the same.
                let _ = frame::send(input, &ToChild::Cancel).await;
                match tokio::time::timeout(grace, &mut end).await {
                    Ok(Ok(_)) => return Ok(Err(Fault::cancelled())),
                    _ => return Err(Fault::cancelled()),
                }
            }
        };
        match received {
            Ok(result) => Ok(result),
            Err(_) => Err(crashed(process, witness).await),
        }
    }
}

async fn wait_for_end(output: &mut BufReader<ChildStdout>, log: &LogSink) -> io::Result<Result<Outcome, Fault>> {
    loop {
        match frame::receive(output).await? {
            FromChild::Log { line } => log(line),
            FromChild::Done { outcome } => return Ok(Ok(*outcome)),
            FromChild::Failed { fault } => return Ok(Err(fault)),
        }
    }
}

async fn crashed(process: &mut Child, witness: &mut Witness) -> Fault {
    let _ = process.start_kill();
    let status = process.wait().await.ok();
    witness.fault(status).await
}

/// A child's spill folder, removed with the child however that ended.
struct SpillDir(PathBuf);

impl Drop for SpillDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
