//! The situations of this service that callers can act on, beside the common ones of `trinity-error`.

use trinity_error::{Code, Error};

pub(crate) fn project_name_taken() -> Error {
    Error::new(Code::AlreadyExists, "PROJECT_NAME_TAKEN", "a live project of this name exists")
}

pub(crate) fn project_not_deleted() -> Error {
    Error::new(Code::FailedPrecondition, "PROJECT_NOT_DELETED", "the project is not deleted")
}

pub(crate) fn project_limit_reached(limit: u32) -> Error {
    Error::new(Code::ResourceExhausted, "PROJECT_LIMIT_REACHED", format!("the plan allows {limit} live projects"))
        .with_metadata("limit", limit.to_string())
}

pub(crate) fn folder_name_taken() -> Error {
    Error::new(Code::AlreadyExists, "FOLDER_NAME_TAKEN", "a live folder of this name exists in this place")
}

pub(crate) fn folder_cycle() -> Error {
    Error::new(Code::FailedPrecondition, "FOLDER_CYCLE", "a folder cannot be in itself")
}

pub(crate) fn folder_too_deep(limit: usize) -> Error {
    Error::new(Code::FailedPrecondition, "FOLDER_TOO_DEEP", format!("folders stand at most {limit} deep in each other"))
        .with_metadata("limit", limit.to_string())
}

pub(crate) fn folder_not_empty(folders: u64, things: u64) -> Error {
    let message = format!("the folder has {folders} folders and {things} workflows and jobs in it");
    Error::new(Code::FailedPrecondition, "FOLDER_NOT_EMPTY", message)
        .with_metadata("folders", folders.to_string())
        .with_metadata("things", things.to_string())
}

pub(crate) fn move_gives_more() -> Error {
    let message = "you would have more rights to it there than you have here";
    Error::new(Code::PermissionDenied, "MOVE_GIVES_MORE", message)
}

pub(crate) fn storage_limit_reached(limit_bytes: u64) -> Error {
    Error::new(
        Code::ResourceExhausted,
        "STORAGE_LIMIT_REACHED",
        format!("the plan allows {limit_bytes} bytes of datasets"),
    )
    .with_metadata("limit", limit_bytes.to_string())
}

pub(crate) fn tenant_suspended() -> Error {
    Error::new(Code::PermissionDenied, "TENANT_SUSPENDED", "this tenant is suspended")
}

pub(crate) fn subscription_expired() -> Error {
    let message = "the subscription has expired, so nothing can be changed";
    Error::new(Code::PermissionDenied, "SUBSCRIPTION_EXPIRED", message)
}

pub(crate) fn upload_too_large(limit_bytes: u64) -> Error {
    Error::new(Code::InvalidArgument, "UPLOAD_TOO_LARGE", format!("the file is larger than {limit_bytes} bytes"))
        .with_metadata("limit_bytes", limit_bytes.to_string())
}

pub(crate) fn storage_quota_exceeded(quota_bytes: u64) -> Error {
    Error::new(
        Code::ResourceExhausted,
        "STORAGE_QUOTA_EXCEEDED",
        format!("the project's storage quota of {quota_bytes} bytes is used up"),
    )
    .with_metadata("quota_bytes", quota_bytes.to_string())
}

pub(crate) fn upload_broken_off(cause: tonic::Status) -> Error {
    Error::new(Code::Aborted, "UPLOAD_BROKEN_OFF", "the upload broke off, nothing was kept").with_cause(cause)
}

pub(crate) fn dataset_unreadable(problem: &str) -> Error {
    Error::new(Code::FailedPrecondition, "DATASET_UNREADABLE", format!("the dataset cannot be read: {problem}"))
}

/// What the object store's failures mean to a caller.
pub(crate) fn storage(error: trinity_storage::Error) -> Error {
    match error {
        trinity_storage::Error::NotFound(_) => Error::not_found("dataset file").with_cause(error),
        trinity_storage::Error::Store(_) => Error::unavailable("the object store").with_cause(error),
        other => Error::internal(other),
    }
}
