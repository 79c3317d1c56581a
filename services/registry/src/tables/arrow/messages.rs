//! The messages of an Arrow IPC file or stream, one after the other, each of bounded size.
//!
//! Source: "Encapsulated message format" in <https://arrow.apache.org/docs/format/Columnar.html>.

use std::io::{self, Read};

use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::{CompressionType, Message as Header, MessageHeader, RecordBatch, root_as_message};
use arrow_schema::Schema;

use super::Part;
use crate::tables::preview::MAX_READ_BYTES;

/// How files of the random-access form begin; two bytes follow that mean nothing.
const FILE_MAGIC: &[u8; 8] = b"ARROW1\0\0";
/// How many empty words may follow, each of four bytes.
const MAX_PADDING_WORDS: usize = 64;
/// What stands before the length of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The largest message without its body.
const MAX_HEADER_BYTES: u32 = 16 << 20;
/// The most that one body may be when unpacked.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

/// What to do with the body of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Skip,
    Keep,
}

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Batch { rows: u64 },
    Other,
}

/// One message.
pub(super) struct Message {
    pub kind: Kind,
    /// All of it, when the body was to be kept.
    pub bytes: Part,
}

/// A file or stream, from its beginning.
pub(super) struct Messages<R> {
    file: R,
    /// Bytes that were read to look at.
    ahead: Vec<u8>,
    /// The schema's message.
    taken: Part,
}

impl<R: Read> Messages<R> {
    /// # Errors
    /// What is wrong with the beginning.
    pub fn open(mut file: R) -> Result<Self, String> {
        let mut ahead = Vec::new();
        file.by_ref().take(FILE_MAGIC.len() as u64).read_to_end(&mut ahead).map_err(words)?;
        if ahead.is_empty() {
            return Err("it is empty".to_owned());
        }
        if !ahead.starts_with(&FILE_MAGIC[..6]) {
            return Ok(Self { file, ahead, taken: Part::new() });
        }
        let mut messages = Self { file, ahead: Vec::new(), taken: Part::new() };
        // Why: writers fill up to the alignment that they like; nothing begins with a zero.
        for _ in 0..MAX_PADDING_WORDS {
            match messages.word()? {
                Some([0, 0, 0, 0]) => {}
                Some(word) => {
                    messages.ahead.extend(word);
                    break;
                }
                None => break,
            }
        }
        Ok(messages)
    }

    /// The columns, which stand first.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn schema(&mut self) -> Result<Schema, String> {
        let bytes = self.header()?.ok_or("it has no schema")?;
        let header = root_as_message(&bytes).map_err(words)?;
        let schema = header.header_as_schema().ok_or("it does not begin with a schema")?;
        self.taken = framed(&bytes);
        Ok(fb_to_schema(schema))
    }

    /// The message of the schema.
    pub fn taken(&mut self) -> Part {
        std::mem::take(&mut self.taken)
    }

    /// The next message; None at the end.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn next(&mut self, body: Body) -> Result<Option<Message>, String> {
        let Some(bytes) = self.header()? else { return Ok(None) };
        let header = root_as_message(&bytes).map_err(words)?;
        let length = u64::try_from(header.bodyLength()).map_err(|_| "a body has no length")?;
        let batch = match header.header_type() {
            MessageHeader::RecordBatch => header.header_as_record_batch(),
            MessageHeader::DictionaryBatch => header.header_as_dictionary_batch().and_then(|batch| batch.data()),
            _ => None,
        };
        let kind = match batch {
            Some(batch) if header.header_type() == MessageHeader::RecordBatch => {
                Kind::Batch { rows: u64::try_from(batch.length()).map_err(|_| "a batch has no length")? }
            }
            _ => Kind::Other,
        };
        let mut message = Message { kind, bytes: Part::new() };
        if body == Body::Keep {
            let content = self.keep(length)?;
            if let Some(batch) = batch {
                check_unpacked(&header, batch, &content)?;
            }
            message.bytes = framed(&bytes);
            message.bytes.extend(content);
        } else if io::copy(&mut self.file.by_ref().take(length), &mut io::sink()).map_err(words)? < length {
            return Err("it ends too early".to_owned());
        }
        Ok(Some(message))
    }

    fn keep(&mut self, length: u64) -> Result<Vec<u8>, String> {
        if length > MAX_READ_BYTES as u64 {
            return Err(format!("its first rows are larger than {} MiB", MAX_READ_BYTES >> 20));
        }
        let mut content = Vec::new();
        self.file.by_ref().take(length).read_to_end(&mut content).map_err(words)?;
        if (content.len() as u64) < length { Err("it ends too early".to_owned()) } else { Ok(content) }
    }

    /// The next message without its body; None at the end.
    fn header(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(mut word) = self.word()? else { return Ok(None) };
        // Why optional: streams of before version 0.15 have no mark.
        if word == CONTINUATION {
            let Some(length) = self.word()? else { return Ok(None) };
            word = length;
        }
        match u32::from_le_bytes(word) {
            0 => Ok(None),
            length if length > MAX_HEADER_BYTES => Err("a message is too long".to_owned()),
            length => {
                let mut bytes = std::mem::take(&mut self.ahead);
                let rest = u64::from(length).saturating_sub(bytes.len() as u64);
                self.file.by_ref().take(rest).read_to_end(&mut bytes).map_err(words)?;
                if bytes.len() < length as usize { Err("it ends too early".to_owned()) } else { Ok(Some(bytes)) }
            }
        }
    }

    /// The next four bytes; None at the end.
    fn word(&mut self) -> Result<Option<[u8; 4]>, String> {
        if self.ahead.len() >= 4 {
            let rest = self.ahead.split_off(4);
            let word = std::mem::replace(&mut self.ahead, rest);
            return Ok(word.try_into().ok());
        }
        let mut word = Vec::new();
        self.file.by_ref().take(4).read_to_end(&mut word).map_err(words)?;
        match word.len() {
            // Why: a stream may end without the mark of its end.
            0 => Ok(None),
            4 => Ok(word.try_into().ok()),
            _ => Err("it ends too early".to_owned()),
        }
    }
}

/// A message as it stands in a stream, before its body.
fn framed(header: &[u8]) -> Part {
    // Invariant: at most 16 MiB.
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes();
    CONTINUATION.iter().chain(&length).chain(header).copied().collect()
}

/// Refuses a packed body that holds more than it says, or more than is bearable.
fn check_unpacked(header: &Header<'_>, batch: RecordBatch<'_>, content: &[u8]) -> Result<(), String> {
    let Some(compression) = batch.compression() else { return Ok(()) };
    let damaged = || format!("a batch of version {:?} is damaged", header.version());
    let mut total = 0_u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(buffer.offset()).map_err(|_| damaged())?;
        let end = usize::try_from(buffer.length()).ok().and_then(|length| start.checked_add(length));
        let packed = end.and_then(|end| content.get(start..end)).ok_or_else(damaged)?;
        // Why: an empty buffer has no length before it, and -1 stands for one that is not packed.
        let Some((length, packed)) = packed.split_first_chunk::<8>() else { continue };
        let Ok(stated) = u64::try_from(i64::from_le_bytes(*length)) else { continue };
        total = total.saturating_add(stated);
        if total > MAX_UNPACKED_BYTES {
            return Err(format!("its first rows are larger than {} MiB", MAX_UNPACKED_BYTES >> 20));
        }
        // Why this codec alone: the other stops at the stated length by itself.
        if compression.codec() == CompressionType::LZ4_FRAME {
            let mut unpacked = lz4_flex::frame::FrameDecoder::new(packed).take(stated + 1);
            if io::copy(&mut unpacked, &mut io::sink()).map_err(words)? != stated {
                return Err(damaged());
            }
        }
    }
    Ok(())
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
