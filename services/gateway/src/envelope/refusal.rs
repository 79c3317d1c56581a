//! Everything that is not a success, whether the edge or a service says so.

use std::borrow::Cow;

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::open_meta;
use crate::transcode::{Fault, Reason};

/// An error answer in the making.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    /// A stable SCREAMING_SNAKE word.
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    // Why: boxed, so that results that may carry a refusal stay small.
    details: Box<Map<String, Value>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    details: &'a Map<String, Value>,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Box::default(), headers: Vec::new() }
    }

    /// Adds facts that a program may read.
    #[must_use]
    pub fn with_details(mut self, details: Map<String, Value>) -> Self {
        self.details.extend(details);
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A header that the gateway itself reads is wrong.
    #[must_use]
    pub fn invalid_header(name: &str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", format!("{name} {message}"))
            .with_violations(&[Fault::new(name, Reason::WrongType, message)])
    }

    /// Our bug; the cause is logged where it is known.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "something went wrong on our side")
    }

    /// The body is larger than allowed.
    #[must_use]
    pub fn too_large(limit: u64) -> Self {
        let mut details = Map::new();
        details.insert("limit_bytes".into(), limit.into());
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            format!("the body may have {limit} bytes at most"),
        )
        .with_details(details)
    }

    /// The call took longer than it may.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED", "this took too long")
    }

    /// The body did not arrive: the client fell silent or broke off.
    #[must_use]
    pub fn broken_body() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BODY_INCOMPLETE", "the body ended before it was complete")
    }

    /// The client sent nothing for too long.
    #[must_use]
    pub fn silent_body() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the body did not arrive in time")
    }

    /// The body is of a kind that is not taken here.
    #[must_use]
    pub fn unsupported_media_type(message: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    fn with_violations(mut self, faults: &[Fault]) -> Self {
        let violations = faults
            .iter()
            .map(|fault| json!({"field": fault.field, "reason": fault.reason.word(), "message": fault.message}));
        self.details.insert("violations".into(), violations.collect());
        self
    }

    /// The whole answer.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(b"{\"success\":false,\"error\":");
        let error = ErrorBody { code: &self.code, message: &self.message, details: &self.details };
        if serde_json::to_writer(&mut out, &error).is_err() {
            out.extend_from_slice(b"null");
        }
        out.push(b',');
        open_meta(&mut out, request_id);
        out.extend_from_slice(b"}}");
        let mut response = Response::new(Body::from(out));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().extend(self.headers.into_iter().map(|(name, value)| (Some(name), value)));
        response
    }
}

impl From<Vec<Fault>> for Refusal {
    fn from(faults: Vec<Fault>) -> Self {
        if let [Fault { reason: Reason::MalformedJson { line, column }, message, .. }] = faults.as_slice() {
            let details = Map::from_iter([("line".into(), (*line).into()), ("column".into(), (*column).into())]);
            return Self::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", message.clone())
                .with_details(details)
                .with_violations(&faults);
        }
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| match fault.field.as_str() {
                "" => format!("the body {}", fault.message),
                field => format!("{field} {}", fault.message),
            })
            .collect();
        Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", lines.join("; ")).with_violations(&faults)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::from(vec![fault])
    }
}

impl From<trinity_error::Error> for Refusal {
    fn from(error: trinity_error::Error) -> Self {
        Self::from_status(&tonic::Status::from(error), false)
    }
}
