//! The bytes of an upload, from a raw body or from the part "file" of a form.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::request::{content_length, refuse_encoding};
use crate::envelope::Refusal;
use crate::transcode::{Fault, Reason};

/// The part of a form that is the file.
const FILE_PART: &str = "file";
/// How large a form's other parts may be, in bytes.
const TEXT_PART_LIMIT: u64 = 64 << 10;
/// How many parts may stand before the file.
const TEXT_PARTS: usize = 16;
/// What a form may add around its file, in bytes.
const FORM_OVERHEAD: u64 = 1 << 20;

/// The file of a request, read as it comes.
pub struct File {
    source: Source,
    left: u64,
    limit: u64,
    timeout: Duration,
    /// The name that the form gives.
    pub filename: Option<String>,
    /// The form's parts before the file.
    pub fields: Vec<(String, String)>,
}

enum Source {
    Raw(Body),
    Part(Box<FilePart>),
}

struct FilePart {
    part: Field<'static>,
    // Why: dropping the form would end its part.
    _form: Multipart<'static>,
}

impl File {
    /// Finds the file in a body; of a form, reads up to it.
    ///
    /// # Errors
    /// Larger than `limit` by its own word, or a form without a file.
    pub async fn open(headers: &HeaderMap, body: Body, limit: u64, timeout: Duration) -> Result<Self, Refusal> {
        refuse_encoding(headers)?;
        let boundary = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| multer::parse_boundary(text).ok());
        let overhead = if boundary.is_some() { FORM_OVERHEAD } else { 0 };
        if content_length(headers).is_some_and(|length| length > limit.saturating_add(overhead)) {
            return Err(Refusal::too_large(limit));
        }
        let raw = |source| Self { source, left: limit, limit, timeout, filename: None, fields: Vec::new() };
        let Some(boundary) = boundary else { return Ok(raw(Source::Raw(body))) };
        let constraints = Constraints::new().size_limit(SizeLimit::new().per_field(u64::MAX));
        let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
        let mut fields = Vec::new();
        while let Some(part) = timely(timeout, form.next_field()).await? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == FILE_PART {
                let filename = part.file_name().map(str::to_owned);
                let file = raw(Source::Part(Box::new(FilePart { part, _form: form })));
                return Ok(Self { filename, fields, ..file });
            }
            if fields.len() == TEXT_PARTS {
                break;
            }
            let value = read_text(part, timeout).await?;
            fields.push((name, value));
        }
        Err(Fault::new(FILE_PART, Reason::Required, "is required as a part of the form").into())
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// More than the limit, broken off, or silent for too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let bytes = match &mut self.source {
            Source::Raw(body) => next_data(self.timeout, body).await?,
            Source::Part(file) => timely(self.timeout, file.part.chunk()).await?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| Refusal::too_large(self.limit))?;
        Ok(Some(bytes))
    }
}

async fn next_data(timeout: Duration, body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = tokio::time::timeout(timeout, body.frame()).await.map_err(|_| Refusal::silent_body())?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::broken_body()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn read_text(mut part: Field<'static>, timeout: Duration) -> Result<String, Refusal> {
    let mut text = Vec::new();
    while let Some(bytes) = timely(timeout, part.chunk()).await? {
        text.extend_from_slice(&bytes);
        if text.len() as u64 > TEXT_PART_LIMIT {
            return Err(Refusal::too_large(TEXT_PART_LIMIT));
        }
    }
    String::from_utf8(text)
        .map_err(|_| Fault::new(part.name().unwrap_or_default(), Reason::WrongType, "must be UTF-8").into())
}

async fn timely<T>(timeout: Duration, read: impl Future<Output = multer::Result<T>>) -> Result<T, Refusal> {
    let read = tokio::time::timeout(timeout, read).await.map_err(|_| Refusal::silent_body())?;
    read.map_err(|error| match error {
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteStream => Refusal::broken_body(),
        error => Fault::new("", Reason::WrongType, format!("is not a sound form: {error}")).into(),
    })
}
