//! The form of every JSON answer: `{"success", "data" | "error", "meta"}`.

mod refusal;
mod status;
mod success;

use chrono::{SecondsFormat, Utc};

pub use refusal::Refusal;
pub use success::success;

/// Appends the `meta` object, up to where the pagination or the end follows.
fn open_meta(out: &mut Vec<u8>, request_id: &str) {
    out.extend_from_slice(b"\"meta\":{\"timestamp\":\"");
    out.extend_from_slice(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true).as_bytes());
    out.extend_from_slice(b"\",\"version\":\"v1\",\"request_id\":\"");
    // Request ids hold letters, digits and four marks: nothing to escape.
    out.extend_from_slice(request_id.as_bytes());
    out.push(b'"');
}
