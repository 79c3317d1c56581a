//! Lets code that reads and waits look at bytes as they pass, a few pieces behind.

use std::io::{self, Read};
use std::thread;

use bytes::{Buf, Bytes};
use tokio::sync::{mpsc, oneshot};

/// How many pieces may wait.
const DEPTH: usize = 4;

/// The end where bytes go in.
pub(crate) struct Pipe<T> {
    /// Gone once the reader has enough.
    sender: Option<mpsc::Sender<Bytes>>,
    answer: oneshot::Receiver<T>,
}

impl<T: Send + 'static> Pipe<T> {
    /// Starts a reader on a thread of its own.
    ///
    /// Why not one of the runtime's: it lasts as long as somebody's slow upload, and files are stored on those.
    pub fn new(read: impl FnOnce(Incoming) -> T + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(DEPTH);
        let (answers, answer) = oneshot::channel();
        let incoming = Incoming { receiver, piece: Bytes::new() };
        let started = thread::Builder::new().name("table".to_owned()).spawn(move || {
            let _ = answers.send(read(incoming));
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread to read a table on");
        }
        Self { sender: Some(sender), answer }
    }

    /// Gives the next bytes; says whether the reader wants more.
    pub async fn feed(&mut self, bytes: Bytes) -> bool {
        let Some(sender) = &self.sender else { return false };
        if sender.send(bytes).await.is_err() {
            self.sender = None;
        }
        self.sender.is_some()
    }

    /// Ends the bytes, and waits for what the reader has to say; None when it broke down over a damaged file.
    pub async fn finish(mut self) -> Option<T> {
        self.sender = None;
        self.answer.await.ok()
    }
}

/// The end where bytes come out.
pub(crate) struct Incoming {
    receiver: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = target.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut target[..length]);
        Ok(length)
    }
}
