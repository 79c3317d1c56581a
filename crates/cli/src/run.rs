//! Starting a run and following it to its end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Client, Result};

/// How often the tasks of a followed run are looked at.
const POLL: Duration = Duration::from_millis(150);

/// Starts a run of a workflow. Returns the answer, whose `run_id` names it.
///
/// # Errors
/// `Refused` when the workflow has faults.
pub async fn start(client: &Client, workflow_id: &str, context: Option<&Value>) -> Result<Value> {
    let body = context.map_or_else(|| json!({}), |context| json!({"context": context}));
    client.post(&format!("/workflows/{workflow_id}/execute"), &body).await
}

/// Looks at a run until it ends; `seen` gets its tasks every time. Returns the ended run.
///
/// # Errors
/// Those of the requests.
pub async fn follow(client: &Client, run_id: &str, mut seen: impl FnMut(&[Value])) -> Result<Value> {
    let timeout_ms = POLL.as_millis().to_string();
    loop {
        let next = Instant::now() + POLL;
        // Why in this order: the tasks that are shown last are then those of the ended run.
        let run = client.get(&format!("/runs/{run_id}/wait"), &[("timeout_ms", &timeout_ms)]).await?;
        seen(&tasks(client, run_id).await?);
        if has_ended(&run) {
            return Ok(run);
        }
        // Why: the answer comes early when too many wait.
        tokio::time::sleep_until(next).await;
    }
}

/// A run's tasks in the order of its plan.
///
/// # Errors
/// Those of the request.
pub async fn tasks(client: &Client, run_id: &str) -> Result<Vec<Value>> {
    Ok(client.page(&format!("/runs/{run_id}/tasks"), &[]).await?.items)
}

/// Whether a run will not change any more.
pub fn has_ended(run: &Value) -> bool {
    matches!(run["status"].as_str(), Some("succeeded" | "failed" | "cancelled"))
}
