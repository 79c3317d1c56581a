//! Files on this machine for readers that go over a file more than once: those of the store when they lie here, else
//! copies beside what the engine spills.

use std::path::PathBuf;

use encoding_rs::Encoding;
use futures::StreamExt;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use crate::{Fault, fault::code, job::Job};

/// How much is decoded at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// Where a file of the store is on this machine, brought here if need be. It stays as long as the job.
pub(crate) async fn path(job: &Job<'_>, storage_key: &str) -> Result<PathBuf, Fault> {
    if let Some(path) = job.storage.local_path(storage_key)? {
        return Ok(path);
    }
    let (file, path) = job.scratch()?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut bytes = job.storage.get(storage_key).await?;
    while let Some(chunk) = bytes.next().await {
        file.write_all(&chunk?).await.map_err(|error| Fault::from_io(&error))?;
    }
    file.flush().await.map_err(|error| Fault::from_io(&error))?;
    Ok(job.keep(path))
}

/// A copy of a text file in UTF-8.
///
/// # Errors
/// `CSV_MALFORMED` when bytes are no character of the encoding.
pub(crate) async fn decoded(job: &Job<'_>, path: PathBuf, encoding: &'static Encoding) -> Result<PathBuf, Fault> {
    let scratch = job.scratch()?;
    let scratch = tokio::task::spawn_blocking(move || decode(&path, scratch, encoding))
        .await
        .map_err(|_| Fault::passing(code::INTERNAL, "decoding the file broke off"))??;
    Ok(job.keep(scratch.into_temp_path()))
}

fn decode(path: &std::path::Path, mut to: NamedTempFile, encoding: &'static Encoding) -> Result<NamedTempFile, Fault> {
    use std::io::{Read, Write};
    let failed = |error: std::io::Error| Fault::from_io(&error);
    let mut input = std::fs::File::open(path).map_err(failed)?;
    let mut decoder = encoding.new_decoder();
    let mut block = vec![0; BLOCK_BYTES];
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(BLOCK_BYTES).unwrap_or(4 * BLOCK_BYTES));
    let mut lines = 1_u64;
    loop {
        let read = input.read(&mut block).map_err(failed)?;
        text.clear();
        // The text has room for the whole block, so that one call takes all of it.
        let (_, _, malformed) = decoder.decode_to_string(&block[..read], &mut text, read == 0);
        if malformed {
            let before = text.find('\u{fffd}').unwrap_or(text.len());
            let line = lines + memchr::memchr_iter(b'\n', &text.as_bytes()[..before]).count() as u64;
            let problem = format!("line {line}: not {} text", encoding.name());
            return Err(Fault::lasting(code::CSV_MALFORMED, problem));
        }
        lines += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        to.write_all(text.as_bytes()).map_err(failed)?;
        if read == 0 {
            return Ok(to);
        }
    }
}
