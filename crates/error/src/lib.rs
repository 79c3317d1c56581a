//! The closed set of errors that leave a service, and their form in gRPC.
//!
//! A service's own `error.rs` names its situations with these; nothing else makes a `tonic::Status`.

mod database;
mod status;

use std::borrow::Cow;

pub use database::DATA_REFUSED;

/// A result whose error can be sent to a caller.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error. See `docs/adding-an-rpc.md` for what each asks of him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Wrong in any state; names the field.
    InvalidArgument,
    /// We do not know the caller.
    Unauthenticated,
    /// The caller may see it but not do this.
    PermissionDenied,
    /// Not there, or the caller may not know that it is.
    NotFound,
    /// Name or key taken.
    AlreadyExists,
    /// State forbids it until someone changes it.
    FailedPrecondition,
    /// Lost a race: read again and try again.
    Aborted,
    /// Quota or rate.
    ResourceExhausted,
    /// Try again if idempotent.
    Unavailable,
    /// Took too long.
    DeadlineExceeded,
    /// Our bug.
    Internal,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its place in the request, such as `canvas.molecules[0].id`.
    pub field: String,
    /// A stable word, such as `required` or `cycle`.
    pub reason: String,
    /// What is wrong, for a person.
    pub message: String,
}

/// An error for a caller: short, lower-case, without SQL or hosts. The cause stays in our logs.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Code,
    reason: Cow<'static, str>,
    message: String,
    violations: Vec<Violation>,
    metadata: Vec<(Cow<'static, str>, String)>,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error; `reason` is a stable SCREAMING_SNAKE word that clients may rely on.
    #[must_use]
    pub fn new(code: Code, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            violations: Vec::new(),
            metadata: Vec::new(),
            cause: None,
        }
    }

    /// One field is wrong: `InvalidArgument`, `INVALID_ARGUMENT`.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::new(Code::InvalidArgument, "INVALID_ARGUMENT", format!("{field} {message}"))
            .with_violation(field, "invalid", message)
    }

    /// A field that must be sent is missing: `InvalidArgument`, `INVALID_ARGUMENT`.
    #[must_use]
    pub fn required(field: impl Into<String>) -> Self {
        let field = field.into();
        Self::new(Code::InvalidArgument, "INVALID_ARGUMENT", format!("{field} is required")).with_violation(
            field,
            "required",
            "is required",
        )
    }

    /// `noun` is not there, or the caller may not know that it is: `NotFound`, `<NOUN>_NOT_FOUND`.
    #[must_use]
    pub fn not_found(noun: &str) -> Self {
        let reason = format!("{}_NOT_FOUND", noun.to_uppercase().replace([' ', '-'], "_"));
        Self::new(Code::NotFound, reason, format!("{noun} not found"))
    }

    /// `noun` was changed since the caller read it: `Aborted`, `VERSION_CONFLICT`.
    #[must_use]
    pub fn stale(noun: &str) -> Self {
        Self::new(Code::Aborted, "VERSION_CONFLICT", format!("{noun} was changed by someone else"))
    }

    /// We do not know the caller. One answer for every cause.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "UNAUTHENTICATED", "sign in to do this")
    }

    /// The caller lacks `permission`.
    #[must_use]
    pub fn permission_denied(permission: &str) -> Self {
        Self::new(Code::PermissionDenied, "PERMISSION_DENIED", "you may not do this")
            .with_metadata("permission", permission)
    }

    /// Something that this service needs does not answer.
    #[must_use]
    pub fn unavailable(what: &str) -> Self {
        Self::new(Code::Unavailable, "UNAVAILABLE", format!("{what} is unavailable, try again"))
    }

    /// Our bug, or a fault that we did not foresee. The cause is logged, never sent.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "INTERNAL", "something went wrong on our side").with_cause(cause)
    }

    /// The same error for another who waited for the same answer; the cause stays with the first.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            code: self.code,
            reason: self.reason.clone(),
            message: self.message.clone(),
            violations: self.violations.clone(),
            metadata: self.metadata.clone(),
            cause: None,
        }
    }

    /// Adds a field at fault.
    #[must_use]
    pub fn with_violation(
        mut self,
        field: impl Into<String>,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.violations.push(Violation { field: field.into(), reason: reason.into(), message: message.into() });
        self
    }

    /// Adds many fields at fault.
    #[must_use]
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.violations.extend(violations);
        self
    }

    /// Adds a fact that a program may read.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Adds the cause, for our logs alone.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What a caller can do about it.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The stable word.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The fields at fault.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Whether the same call may succeed later without a change.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::DeadlineExceeded | Code::Aborted)
    }
}

/// Parses an id in a request.
///
/// # Errors
/// `InvalidArgument` naming `field` when it is empty or not an id.
pub fn parse_id<T: std::str::FromStr>(field: &str, text: &str) -> Result<T> {
    if text.is_empty() {
        return Err(Error::required(field));
    }
    text.parse().map_err(|_| Error::invalid(field, "is not a UUID"))
}
