//! What is sent.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Body, Method, Url};

use crate::Error;

/// How long an answer may take unless told otherwise, its body included.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers that belong to the connection.
const RESERVED: [&str; 8] =
    ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// A request to be sent once.
#[derive(Debug)]
pub struct Request(reqwest::Request);

impl Request {
    /// A request without a body.
    ///
    /// # Errors
    /// `Malformed` when `url` is not one of `http` or `https`, or holds a user or password.
    pub fn new(method: Method, url: &str) -> Result<Self, Error> {
        let mut request = reqwest::Request::new(method, parse(url)?);
        *request.timeout_mut() = Some(DEFAULT_TIMEOUT);
        Ok(Self(request))
    }

    /// Adds a header; one that may stand several times may be added several times.
    ///
    /// # Errors
    /// `Malformed` for what cannot stand in a header, and for headers that belong to the connection.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed(format!("the header {name:?} cannot be sent"));
        let key: HeaderName = name.parse().map_err(|_| malformed())?;
        if RESERVED.contains(&key.as_str()) {
            return Err(malformed());
        }
        let value = HeaderValue::from_str(value).map_err(|_| malformed())?;
        self.0.headers_mut().append(key, value);
        Ok(self)
    }

    /// Sets the body: bytes, or a stream wrapped by `Body::wrap_stream`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = Some(body.into());
        self
    }

    /// Sets how long the answer may take, its body included. 30 seconds unless told.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        *self.0.timeout_mut() = Some(timeout);
        self
    }

    pub(crate) fn url(&self) -> &Url {
        self.0.url()
    }

    pub(crate) fn into_inner(self) -> reqwest::Request {
        self.0
    }
}

/// Reads a URL that could be called.
pub fn parse(url: &str) -> Result<Url, Error> {
    let malformed = |what: &str| Error::Malformed(format!("the url {what}"));
    let url = Url::parse(url).map_err(|_| malformed("is malformed"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(malformed("is not one of http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(malformed("holds a user or a password"));
    }
    Ok(url)
}
