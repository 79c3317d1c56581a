//! The refusals that only this service has.

use trinity_error::{Code, Error};

/// Another tenant has this slug.
pub fn slug_taken() -> Error {
    taken("slug", "SLUG_TAKEN", "this slug is taken")
}

/// Another tenant has the domain of this field.
pub fn domain_taken(field: &str) -> Error {
    taken(field, "DOMAIN_TAKEN", "this domain belongs to another tenant")
}

/// The tenant has as many domains as it may have.
pub fn too_many_domains(limit: usize) -> Error {
    Error::new(Code::ResourceExhausted, "DOMAIN_LIMIT_REACHED", format!("a tenant has at most {limit} domains"))
        .with_metadata("limit", limit.to_string())
}

/// The tenant's erasure is asked for: that must be taken back first.
pub fn erasure_requested() -> Error {
    Error::new(Code::FailedPrecondition, "ERASURE_REQUESTED", "the erasure of this tenant is asked for")
}

/// There is no request for erasure to take back.
pub fn no_erasure_requested() -> Error {
    Error::new(Code::FailedPrecondition, "NO_ERASURE_REQUESTED", "the erasure of this tenant is not asked for")
}

/// The grace period has passed: nothing can be taken back any more.
pub fn erasure_due() -> Error {
    Error::new(Code::FailedPrecondition, "ERASURE_DUE", "the grace period of this tenant's erasure has passed")
}

fn taken(field: &str, reason: &'static str, message: &str) -> Error {
    Error::new(Code::AlreadyExists, reason, message).with_violation(field, "taken", message)
}
