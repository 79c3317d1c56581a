//! One service as a process that can be killed and started again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

/// A program with its settings; it runs until it is killed or this value ends.
pub struct Process {
    program: PathBuf,
    pub(crate) settings: BTreeMap<String, String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Prepares the program of this name among the workspace's binaries; its log is named after `label`.
    pub fn new(program: &str, label: &str, settings: BTreeMap<String, String>, folder: &Path) -> Self {
        Self { program: binaries().join(program), settings, log: folder.join(format!("{label}.log")), child: None }
    }

    /// Prepares a program from elsewhere.
    pub fn of(program: PathBuf, name: &str, settings: BTreeMap<String, String>, folder: &Path) -> Self {
        Self { program, settings, log: folder.join(format!("{name}.log")), child: None }
    }

    /// Starts it.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let child = Command::new(&self.program)
            .env_clear()
            .envs(&self.settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn();
        let missing = format!("{} must be built first: make test does", self.program.display());
        self.child = Some(child.expect(&missing));
    }

    /// Ends it as a power cut would: `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop, waits, and gives its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// Sends it a signal; nothing happens when it does not run.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
            nix::sys::signal::kill(pid, signal).expect("a signal");
        }
    }

    /// Waits until it has ended by itself, and gives its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.take()?.wait().expect("an exit").code()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("--- {}", self.log.display());
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
        }
    }
}

/// Where cargo puts the workspace's programs: beside this one, or above it when it is a test.
fn binaries() -> PathBuf {
    let own = std::env::current_exe().expect("this program's own path");
    let folder = own.parent().expect("a folder");
    let above = folder.parent().filter(|_| folder.ends_with("deps"));
    above.unwrap_or(folder).to_owned()
}
