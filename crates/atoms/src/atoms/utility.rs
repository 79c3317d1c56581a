//! Atoms that touch no data and run inside the worker itself.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{Fault, Outcome, Task};

pub(super) const ATOMS: &[(&str, &str)] = &[("noop", "1.0.0"), ("wait", "1.0.0"), ("fail", "1.0.0")];

#[derive(Deserialize)]
struct Wait {
    milliseconds: u64,
}

#[derive(Deserialize)]
struct Fail {
    #[serde(default = "default_message")]
    message: String,
    until_attempt: Option<u32>,
    #[serde(default = "default_retryable")]
    retryable: bool,
}

fn default_message() -> String {
    "failed on purpose".to_owned()
}

fn default_retryable() -> bool {
    true
}

/// Whether an atom needs no child process.
pub fn is_inline(task: &Task) -> bool {
    ATOMS.contains(&(task.atom.as_str(), task.version.as_str()))
}

/// Executes an atom that needs no child process; dropping the future cancels it.
///
/// # Errors
/// `CONFIG_INVALID`, and `FAILED_ON_PURPOSE`.
pub async fn inline(task: &Task) -> Result<Outcome, Fault> {
    match task.atom.as_str() {
        "wait" => {
            let wait: Wait = config(task)?;
            tokio::time::sleep(Duration::from_millis(wait.milliseconds)).await;
        }
        "fail" => {
            let fail: Fail = config(task)?;
            if fail.until_attempt.is_none_or(|first| task.attempt < first) {
                let fault = Fault::lasting("FAILED_ON_PURPOSE", fail.message);
                return Err(Fault { retryable: fail.retryable, ..fault });
            }
        }
        _ => {}
    }
    Ok(Outcome { result: json!({}), ..Outcome::default() })
}

fn config<T: DeserializeOwned>(task: &Task) -> Result<T, Fault> {
    T::deserialize(&task.config).map_err(|error| Fault::config(error.to_string()))
}
