//! The child process: one engine, one task at a time, until the parent goes away.
//!
//! The parent starts its own program again with the hidden subcommand [`SUBCOMMAND`], which does nothing but call
//! [`main`]. Nothing may be written to standard output but messages.

use std::{
    io::{self, BufReader},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use nix::sys::resource::{Resource, setrlimit};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trinity_egress::Egress;
use trinity_storage::Storage;

use crate::{
    Engine, EngineSettings, Fault, LogSink, Outcome, Task, atoms,
    fault::code,
    frame::{self, FromChild, ToChild},
};

/// The word after which a program is a child process and nothing else.
pub const SUBCOMMAND: &str = "atom-runner";

/// Runs the child process until its standard input ends.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atom-runner: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut input = BufReader::new(io::stdin());
    let Some(ToChild::Setup { engine: settings, storage_url, storage, egress_allow, process_limit_bytes }) =
        frame::read(&mut input)?
    else {
        return Err(io::Error::other("the first message must be the setup; this subcommand is not for people"));
    };
    if let Some(limit) = process_limit_bytes {
        setrlimit(Resource::RLIMIT_DATA, limit, limit)?;
    }
    let egress = Egress::new(&egress_allow).map_err(io::Error::other)?;
    let engine = Engine::new(&settings).map_err(io::Error::other)?.with_egress(egress);
    let storage = Storage::open_with(&storage_url, &storage).map_err(io::Error::other)?;
    let runtime = runtime(&settings)?;
    let (out, to_parent) = mpsc::channel();
    // Why a thread of its own: a query that keeps every other thread busy must not hold up what is said.
    thread::Builder::new().name("to-parent".into()).spawn(move || write_messages(&to_parent))?;
    let (tasks, mut assigned) = tokio::sync::mpsc::channel(1);
    let cancel = Arc::new(Mutex::new(CancellationToken::new()));
    let reader = Reader { tasks, cancel: cancel.clone(), spill_dir: settings.spill_dir };
    thread::Builder::new().name("from-parent".into()).spawn(move || reader.run(input))?;
    runtime.block_on(async {
        while let Some(task) = assigned.recv().await {
            let token = cancel.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let message = match one(&engine, &storage, task, out.clone(), token).await {
                Ok(outcome) => FromChild::Done { outcome: Box::new(outcome) },
                Err(fault) => FromChild::Failed { fault },
            };
            let _ = out.send(message);
        }
    });
    Ok(())
}

fn runtime(settings: &EngineSettings) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(settings.threads.max(1)).enable_all().build()
}

async fn one(
    engine: &Engine,
    storage: &Storage,
    task: Box<Task>,
    out: mpsc::Sender<FromChild>,
    cancel: CancellationToken,
) -> Result<Outcome, Fault> {
    let log: LogSink = Arc::new(move |line| {
        let _ = out.send(FromChild::Log { line });
    });
    let (engine, storage) = (engine.clone(), storage.clone());
    let mut running = JoinSet::new();
    running.spawn(async move { atoms::execute(&engine, &storage, &task, log).await });
    let finished = tokio::select! {
        finished = running.join_next() => finished,
        () = cancel.cancelled() => {
            // Only when it has really stopped is the next task welcome; the parent does not wait for ever.
            running.shutdown().await;
            return Err(Fault::cancelled());
        }
    };
    match finished {
        Some(Ok(result)) => result,
        _ => Err(Fault::passing(code::ATOM_CRASHED, "the atom failed unexpectedly")),
    }
}

fn write_messages(messages: &mpsc::Receiver<FromChild>) {
    let mut output = io::stdout().lock();
    for message in messages {
        if frame::write(&mut output, &message).is_err() {
            // The parent is gone; the reader sees it too and ends the process.
            return;
        }
    }
}

/// Takes messages from the parent; its end is the process's end.
struct Reader {
    tasks: tokio::sync::mpsc::Sender<Box<Task>>,
    cancel: Arc<Mutex<CancellationToken>>,
    spill_dir: PathBuf,
}

impl Reader {
    fn run(self, mut input: impl io::Read) {
        loop {
            match frame::read(&mut input) {
                Ok(Some(ToChild::Run { task })) => {
                    *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = CancellationToken::new();
                    if self.tasks.blocking_send(task).is_err() {
                        break;
                    }
                }
                Ok(Some(ToChild::Cancel)) => self.cancel.lock().unwrap_or_else(PoisonError::into_inner).cancel(),
                Ok(Some(ToChild::Setup { .. }) | None) | Err(_) => break,
            }
        }
        // Why at once: a query in full swing would not notice that nobody wants its result any more.
        let _ = std::fs::remove_dir_all(&self.spill_dir);
        std::process::exit(0);
    }
}
