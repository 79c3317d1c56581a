//! Errors to and from `tonic::Status`, with `google.rpc.ErrorInfo` and `google.rpc.BadRequest`.

use std::collections::HashMap;

use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{Code, Error, Violation};

impl From<Code> for tonic::Code {
    fn from(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::InvalidArgument,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::Aborted => Self::Aborted,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::Unavailable => Self::Unavailable,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Internal => Self::Internal,
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        // An error is logged once, where it stops: here.
        if error.code == Code::Internal {
            tracing::error!(cause = chain(&error), "internal error");
        } else if let Some(cause) = &error.cause {
            tracing::warn!(reason = %error.reason, %cause, "{}", error.message);
        }
        let mut details = ErrorDetails::new();
        let metadata: HashMap<String, String> =
            error.metadata.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
        details.set_error_info(error.reason, "trinity", metadata);
        if !error.violations.is_empty() {
            let violations = error.violations.into_iter().map(|violation| FieldViolation {
                field: violation.field,
                description: violation.message,
                reason: violation.reason,
                localized_message: None,
            });
            details.set_bad_request(violations.collect::<Vec<_>>());
        }
        Self::with_error_details(error.code.into(), error.message, details)
    }
}

impl From<tonic::Status> for Error {
    /// An error of another service, passed on as it is; what is unforeseen becomes our own `Internal`.
    fn from(status: tonic::Status) -> Self {
        let code = match status.code() {
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange => Code::InvalidArgument,
            tonic::Code::Unauthenticated => Code::Unauthenticated,
            tonic::Code::PermissionDenied => Code::PermissionDenied,
            tonic::Code::NotFound => Code::NotFound,
            tonic::Code::AlreadyExists => Code::AlreadyExists,
            tonic::Code::FailedPrecondition => Code::FailedPrecondition,
            tonic::Code::Aborted => Code::Aborted,
            tonic::Code::ResourceExhausted => Code::ResourceExhausted,
            tonic::Code::Unavailable | tonic::Code::Cancelled => {
                return Self::unavailable("a service").with_cause(status);
            }
            tonic::Code::DeadlineExceeded => Code::DeadlineExceeded,
            tonic::Code::Ok
            | tonic::Code::Unknown
            | tonic::Code::Unimplemented
            | tonic::Code::Internal
            | tonic::Code::DataLoss => {
                return Self::internal(status);
            }
        };
        let details = status.get_error_details();
        let (reason, metadata) = details
            .error_info()
            .map_or_else(|| (format!("{code:?}"), HashMap::new()), |info| (info.reason.clone(), info.metadata.clone()));
        let mut error = Self::new(code, reason, status.message());
        error.metadata.extend(metadata.into_iter().map(|(key, value)| (key.into(), value)));
        if let Some(request) = details.bad_request() {
            error.violations.extend(request.field_violations.iter().map(|violation| Violation {
                field: violation.field.clone(),
                reason: violation.reason.clone(),
                message: violation.description.clone(),
            }));
        }
        error
    }
}

/// The error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.message.clone();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        let sent = Error::invalid("name", "is too long").with_metadata("limit", "200");
        let status = tonic::Status::from(sent);
        let received = Error::from(status);
        assert_eq!(received.code(), Code::InvalidArgument);
        assert_eq!(received.reason(), "INVALID_ARGUMENT");
        assert_eq!(received.violations()[0].field, "name");
        assert_eq!(received.violations()[0].reason, "invalid");
        assert_eq!(received.violations()[0].message, "is too long");
        assert_eq!(received.metadata[0].1, "200");
    }

    #[test]
    fn a_cause_never_leaves() {
        let status = tonic::Status::from(Error::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
