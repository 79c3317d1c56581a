//! Why a child process ended: what it said, its signal, and whether the machine had no memory left for it.

use std::{
    path::PathBuf,
    process::ExitStatus,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    task::JoinHandle,
};

use crate::{Fault, fault::code};

/// Source: the standard library's own words before it aborts (`std::alloc::rust_oom`).
const NO_MEMORY: [&str; 2] = ["memory allocation of", "mimalloc: error: out of memory"];

/// Reads what a child says to nobody, so that it is logged, and hears when it finds no memory.
pub(crate) struct Witness {
    out_of_memory: Arc<AtomicBool>,
    reading: JoinHandle<()>,
    kills_before: Option<u64>,
}

impl Witness {
    pub fn new(stderr: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let out_of_memory = Arc::new(AtomicBool::new(false));
        let heard = out_of_memory.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the child's pipe and cannot panic")]
        let reading = tokio::spawn(async move {
            let mut said = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = said.next_line().await {
                eprintln!("{line}");
                if NO_MEMORY.iter().any(|words| line.contains(words)) {
                    heard.store(true, Ordering::Relaxed);
                }
            }
        });
        Self { out_of_memory, reading, kills_before: memory_kills() }
    }

    /// Forgets what was before a task.
    pub fn begin(&mut self) {
        self.out_of_memory.store(false, Ordering::Relaxed);
        self.kills_before = memory_kills();
    }

    /// The fault of a child that is gone.
    pub async fn fault(&mut self, status: Option<ExitStatus>) -> Fault {
        // Its pipe is closed with it, unless a grandchild holds on to it.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), &mut self.reading).await;
        if self.out_of_memory.load(Ordering::Relaxed) {
            let message = "the step needs more memory than the process of a task may use";
            return Fault::lasting(code::OUT_OF_MEMORY, message);
        }
        if memory_kills() > self.kills_before {
            // Why it may pass: it depends on what else ran at the time.
            let message = "the machine had no memory left for the step, and its process was stopped";
            return Fault::passing(code::OUT_OF_MEMORY, message);
        }
        let how = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
        Fault::passing(code::ATOM_CRASHED, format!("the process of the atom ended unexpectedly ({how})"))
    }
}

/// How often the kernel has killed a process of this control group for its memory.
fn memory_kills() -> Option<u64> {
    let group = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = group.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let events = PathBuf::from("/sys/fs/cgroup").join(path).join("memory.events");
    kills_in(&std::fs::read_to_string(events).ok()?)
}

/// Source: the kernel's `Documentation/admin-guide/cgroup-v2.rst`, memory.events.
fn kills_in(events: &str) -> Option<u64> {
    events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_by_the_kernel() {
        assert_eq!(kills_in("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n"), Some(3));
        assert_eq!(kills_in("low 0\n"), None);
    }

    #[tokio::test]
    async fn last_words_tell_of_memory() {
        let said = "memory allocation of 4000000000 bytes failed\n".as_bytes();
        let fault = Witness::new(said).fault(None).await;
        assert_eq!((fault.code.as_str(), fault.retryable), (code::OUT_OF_MEMORY, false));
        let fault = Witness::new("thread 'x' panicked\n".as_bytes()).fault(None).await;
        assert_eq!((fault.code.as_str(), fault.retryable), (code::ATOM_CRASHED, true));
    }
}
