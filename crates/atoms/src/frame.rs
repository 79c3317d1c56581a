//! Messages between a worker and its child processes: a length in four bytes, most significant first, then JSON.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{EngineSettings, Fault, LogLine, Outcome, Task};

/// The longest message: a result with the profile of a very wide table.
const MAX_BYTES: u32 = 64 * 1024 * 1024;

/// To the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ToChild {
    /// First, once.
    Setup {
        engine: EngineSettings,
        storage_url: String,
        #[serde(default)]
        storage: Box<trinity_storage::Settings>,
        /// Hosts and address ranges that atoms may call although they are not public.
        #[serde(default)]
        egress_allow: Vec<String>,
        process_limit_bytes: Option<u64>,
    },
    Run {
        task: Box<Task>,
    },
    /// Stop what runs.
    Cancel,
}

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FromChild {
    Log { line: LogLine },
    Done { outcome: Box<Outcome> },
    Failed { fault: Fault },
}

pub(crate) fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?)?;
    to.flush()
}

/// Reads the next message; `None` at the end of the stream.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; checked(u32::from_be_bytes(length))?];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?).await?;
    to.flush().await
}

/// Reads the next message; not safe to drop half-way.
pub(crate) async fn receive<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let length = checked(from.read_u32().await?)?;
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).unwrap_or(u32::MAX);
    checked(length)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

fn checked(length: u32) -> io::Result<usize> {
    if length > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes is too long")));
    }
    Ok(length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let mut bytes = Vec::new();
        write(&mut bytes, &FromChild::Failed { fault: Fault::cancelled() }).unwrap();
        write(&mut bytes, &FromChild::Log { line: LogLine::now("info", "ä") }).unwrap();
        let mut from = bytes.as_slice();
        assert!(matches!(read(&mut from).unwrap(), Some(FromChild::Failed { fault }) if fault == Fault::cancelled()));
        assert!(matches!(read(&mut from).unwrap(), Some(FromChild::Log { line }) if line.message == "ä"));
        assert!(read::<FromChild>(&mut from).unwrap().is_none());
    }

    #[test]
    fn an_absurd_length_is_refused_before_memory_is_taken() {
        assert!(read::<FromChild>(&mut [0xff; 8].as_slice()).is_err());
    }
}
