//! What came back.

use bytes::Bytes;
use reqwest::header::HeaderMap;

use crate::{Error, failure};

/// The head of an answer, with its body still to be read.
#[derive(Debug)]
pub struct Answer(reqwest::Response);

impl Answer {
    pub(crate) const fn new(response: reqwest::Response) -> Self {
        Self(response)
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Whether the status code says that it was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.0.status().is_success()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The next part of the body; none at its end.
    ///
    /// # Errors
    /// `Unreachable` when the connection broke off; `TimedOut`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.0.chunk().await.map_err(|error| failure(&error))
    }

    /// The whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// `TooLarge`, as soon as that is known; `Unreachable`; `TimedOut`.
    pub async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        if self.0.content_length().is_some_and(|length| length > limit as u64) {
            return Err(Error::TooLarge(limit));
        }
        while let Some(part) = self.chunk().await? {
            if body.len() + part.len() > limit {
                return Err(Error::TooLarge(limit));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}
