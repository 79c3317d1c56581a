//! From a gRPC status to an HTTP status and a refusal.

use std::error::Error as _;

use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::Refusal;

impl Refusal {
    /// A service's refusal. `has_if_match`: the client asked for 412 when its version is stale.
    #[must_use]
    pub fn from_status(status: &Status, has_if_match: bool) -> Self {
        let details = status.get_error_details();
        let code = true_code(status, details.error_info().is_some());
        let (mut reason, mut metadata) = (word(code).to_owned(), Map::new());
        if let Some(info) = details.error_info() {
            if !info.reason.is_empty() {
                reason.clone_from(&info.reason);
            }
            metadata.extend(info.metadata.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
        }
        if let Some(request) = details.bad_request() {
            let violations = request.field_violations.iter().map(|violation| {
                json!({"field": violation.field, "reason": violation.reason, "message": violation.description})
            });
            metadata.insert("violations".into(), violations.collect());
        }
        let message = match code {
            // Why: without ErrorInfo it was not written for a caller, and may name hosts.
            Code::Unavailable if details.error_info().is_none() => "a service is unavailable, try again".to_owned(),
            Code::Internal | Code::Unknown | Code::DataLoss if details.error_info().is_none() => {
                "something went wrong on our side".to_owned()
            }
            Code::DeadlineExceeded if status.message().is_empty() => "this took too long".to_owned(),
            _ => status.message().to_owned(),
        };
        let mut refusal = Self::new(http_status(code, has_if_match), reason, message).with_details(metadata);
        match code {
            Code::Unavailable | Code::ResourceExhausted => {
                let delay =
                    details.retry_info().and_then(|info| info.retry_delay).map_or(1, |delay| delay.as_secs().max(1));
                refusal = refusal.with_header(http::header::RETRY_AFTER, HeaderValue::from(delay));
            }
            Code::Unauthenticated => {
                refusal = refusal.with_header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        refusal
    }
}

/// A broken connection comes as Unknown or Internal with the transport's error as its source.
fn true_code(status: &Status, has_info: bool) -> Code {
    match status.code() {
        Code::Unknown | Code::Internal if !has_info && status.source().is_some() => Code::Unavailable,
        code => code,
    }
}

/// Source: <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>.
fn http_status(code: Code, has_if_match: bool) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::FailedPrecondition | Code::Aborted if has_if_match => StatusCode::PRECONDITION_FAILED,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded | Code::Cancelled => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
