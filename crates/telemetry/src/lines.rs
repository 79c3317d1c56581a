//! Where log lines go: out at once, but for those of requests, which come by the thousand and go out together a moment
//! later, so that no request waits for whoever reads the log.
//!
//! Invariant: lines keep their order. Whatever else is logged takes the waiting lines along, so a process that says that
//! it has stopped has written them all.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The target of the lines that may wait: one for each request.
pub(crate) const PATIENT: &str = "access";
/// How long they wait.
const DELAY: Duration = Duration::from_millis(50);
/// How many bytes may wait; lines beyond it are counted in `trinity_log_lines_dropped_total` and lost.
const LIMIT: usize = 4 << 20;

/// The way out, for all threads.
pub(crate) struct Lines<W>(Arc<Shared<W>>);

struct Shared<W> {
    waiting: Mutex<Vec<u8>>,
    /// Says that something waits.
    arrived: Condvar,
    out: Mutex<W>,
}

/// The way of one line.
pub(crate) struct Line<'l, W> {
    shared: &'l Shared<W>,
    is_patient: bool,
}

impl<W: Write + Send + 'static> Lines<W> {
    /// Starts the thread that writes what waits.
    pub(crate) fn new(out: W) -> Result<Self> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), arrived: Condvar::new(), out: Mutex::new(out) });
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || writer.write_forever()).context("starting the thread that writes the log")?;
        Ok(Self(shared))
    }
}

impl<W: Write> Shared<W> {
    fn write_forever(&self) {
        loop {
            let waiting = locked(&self.waiting);
            drop(self.arrived.wait_while(waiting, |waiting| waiting.is_empty()));
            std::thread::sleep(DELAY);
            // Why no error: there is no place left to report it.
            let _ = self.write_waiting(&mut locked(&self.out));
        }
    }

    fn write_waiting(&self, out: &mut W) -> io::Result<()> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        if waiting.is_empty() { Ok(()) } else { out.write_all(&waiting) }
    }

    fn enqueue(&self, line: &[u8]) {
        let mut waiting = locked(&self.waiting);
        if waiting.len() + line.len() > LIMIT {
            metrics::counter!("trinity_log_lines_dropped_total").increment(1);
            return;
        }
        if waiting.is_empty() {
            self.arrived.notify_one();
        }
        waiting.extend_from_slice(line);
    }
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.is_patient {
            self.shared.enqueue(line);
        } else {
            let mut out = locked(&self.shared.out);
            self.shared.write_waiting(&mut out)?;
            out.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l, W: Write + 'l> MakeWriter<'l> for Lines<W> {
    type Writer = Line<'l, W>;

    fn make_writer(&'l self) -> Line<'l, W> {
        Line { shared: &self.0, is_patient: false }
    }

    fn make_writer_for(&'l self, metadata: &Metadata<'_>) -> Line<'l, W> {
        Line { shared: &self.0, is_patient: metadata.target() == PATIENT }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Passes on what is written; blocks while nobody takes it.
    struct Pipe(mpsc::SyncSender<String>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(work: impl FnOnce()) -> mpsc::Receiver<String> {
        let (sender, receiver) = mpsc::sync_channel(0);
        let lines = tracing_subscriber::fmt::layer().without_time().with_ansi(false);
        let lines = lines.with_writer(Lines::new(Pipe(sender)).unwrap());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
        receiver
    }

    #[test]
    fn lines_of_requests_go_out_together_while_nobody_waits() {
        let written = logged(|| {
            tracing::info!(target: "access", "one");
            tracing::info!(target: "access", "two");
        });
        assert_eq!(written.recv().unwrap(), " INFO access: one\n INFO access: two\n");
    }

    #[test]
    fn other_lines_take_them_along_in_order() {
        let (done, is_done) = mpsc::channel();
        let (sender, written) = mpsc::sync_channel(0);
        let lines = Lines::new(Pipe(sender)).unwrap();
        std::thread::spawn(move || {
            let line = |is_patient| Line { shared: &lines.0, is_patient };
            line(true).write_all(b"request").unwrap();
            line(false).write_all(b"other").unwrap();
            done.send(()).unwrap();
        });
        assert_eq!((written.recv().unwrap(), written.recv().unwrap()), ("request".to_owned(), "other".to_owned()));
        is_done.recv().unwrap();
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody() {
        let (sender, written) = mpsc::sync_channel(0);
        let lines = Lines::new(Pipe(sender)).unwrap();
        let long = vec![b'x'; LIMIT / 4];
        for _ in 0..40 {
            Line { shared: &lines.0, is_patient: true }.write_all(&long).unwrap();
        }
        assert!(locked(&lines.0.waiting).len() <= LIMIT);
        assert!(written.recv().unwrap().len() <= LIMIT);
    }
}
