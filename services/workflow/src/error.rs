//! The situations of this service that a caller can act on.

use trinity_error::{Code, Error, Violation};
use trinity_ids::{UserId, WorkflowId};

use crate::domain::fault::Fault;

/// How many bytes of faults an answer holds.
///
/// Why: they travel in a header, and HTTP/2 clients refuse headers above 16 KiB; base64 adds a third.
const MAX_FAULT_BYTES: usize = 9_000;
/// What a fault costs beside its words.
const FAULT_OVERHEAD: usize = 16;

/// A canvas that cannot even be a draft: every fault as a violation at its place.
pub fn canvas_invalid(faults: &[Fault]) -> Error {
    let mut told = Vec::new();
    let mut bytes = 0;
    for fault in faults {
        bytes += fault.place.len() + fault.code.word().len() + fault.message.len() + FAULT_OVERHEAD;
        if bytes > MAX_FAULT_BYTES {
            break;
        }
        told.push(Violation {
            field: fault.place.clone(),
            reason: fault.code.word().to_owned(),
            message: fault.message.clone(),
        });
    }
    let left = faults.len() - told.len();
    let message = match (faults, left) {
        ([only], _) => format!("the canvas has a fault at {}: {}", only.place, only.message),
        (_, 0) => format!("the canvas has {} faults", faults.len()),
        _ => format!("the canvas has {} faults or more, of which the first {} are told", faults.len(), told.len()),
    };
    Error::new(Code::InvalidArgument, "CANVAS_INVALID", message).with_violations(told)
}

/// Somebody else holds the workflow.
pub fn checked_out(holder: UserId) -> Error {
    Error::new(Code::FailedPrecondition, "CHECKED_OUT", "the workflow is checked out by someone else")
        .with_metadata("checked_out_by", holder)
}

/// Nobody holds the workflow, so nobody can give it back.
pub fn not_checked_out() -> Error {
    Error::new(Code::FailedPrecondition, "NOT_CHECKED_OUT", "the workflow is not checked out")
}

/// A live workflow of the project has the slug.
pub fn slug_taken(slug: &str, holder: Option<WorkflowId>) -> Error {
    let message = format!("the project has a workflow \"{slug}\" already");
    let error = Error::new(Code::AlreadyExists, "SLUG_TAKEN", message);
    match holder {
        Some(id) => error.with_metadata("workflow_id", id),
        None => error,
    }
}

/// A live job of the project has the name.
pub fn job_name_taken(name: &str) -> Error {
    Error::new(Code::AlreadyExists, "JOB_NAME_TAKEN", format!("the project has a job \"{name}\" already"))
}

/// A move to where the caller may do more with a thing than where it is.
pub fn move_gives_more() -> Error {
    let message = "you would have more rights to it there than you have here";
    Error::new(Code::PermissionDenied, "MOVE_GIVES_MORE", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::FaultCode;

    #[test]
    fn an_error_fits_into_a_header() {
        let fault = Fault::new("molecules[0].atoms[1].config.where", FaultCode::BadConfig, "is wrong ".repeat(20));
        let error = canvas_invalid(&vec![fault; 200]);
        assert!(error.violations().len() > 30 && error.violations().len() < 200);
        let status = tonic::Status::from(error);
        assert!(status.details().len() * 4 / 3 + 3 * status.message().len() < 14 * 1024, "{}", status.details().len());
    }
}
