//! The refusals that only this service has.

use trinity_error::{Code, Error};

/// Another tenant has this slug.
pub fn slug_taken() -> Error {
    taken("slug", "SLUG_TAKEN", "this slug is taken")
}

/// Another tenant has the domain at this place of the request.
pub fn domain_taken(place: usize) -> Error {
    taken(&format!("domains[{place}]"), "DOMAIN_TAKEN", "this domain belongs to another tenant")
}

fn taken(field: &str, reason: &'static str, message: &str) -> Error {
    Error::new(Code::AlreadyExists, reason, message).with_violation(field, "taken", message)
}
