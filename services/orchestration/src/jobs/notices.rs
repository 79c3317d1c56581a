//! Tells people how runs ended: rows in the transaction that ends the run, messages to be sent afterwards.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{NotificationId, RunId, TenantId, UserId};

use crate::domain::notify::Notify;
use crate::store::delivery;
use crate::store::notification::{self, Finished};

/// How much of an error is shown.
const MAX_ERROR_CHARS: usize = 500;

/// A notification that was left, for those who listen.
#[derive(Debug, Clone)]
pub struct Notice {
    pub tenant: TenantId,
    pub user: UserId,
    pub id: NotificationId,
    pub run: RunId,
}

/// Leaves what is to be told of runs that ended in this transaction.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn leave(tx: &mut PgConnection, runs: &[(TenantId, RunId)]) -> Result<Vec<Notice>> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let (mut notifications, mut deliveries) = (Vec::new(), Vec::new());
    for run in notification::list_finished(tx, runs).await? {
        tell(&run, &mut notifications, &mut deliveries);
    }
    notification::insert(tx, &notifications).await?;
    delivery::insert(tx, &deliveries).await?;
    let notice = |one: &notification::New| Notice { tenant: one.tenant, user: one.user, id: one.id, run: one.run };
    Ok(notifications.iter().map(notice).collect())
}

fn tell(run: &Finished, notifications: &mut Vec<notification::New>, deliveries: &mut Vec<delivery::New>) {
    let failed = run.status == "failed";
    let told = Notify::parse(run.notify.as_deref()).told(failed, run.created_by, run.is_root);
    let kind = if failed { "run.failed" } else { "run.succeeded" };
    let (title, message) = (title(run, failed), message(run, failed));
    notifications.extend(told.users.into_iter().map(|user| notification::New {
        tenant: run.tenant_id,
        user,
        id: NotificationId::new(),
        kind,
        title: title.clone(),
        message: message.clone(),
        run: run.id,
        workflow: run.workflow_id,
    }));
    let delivery = |target, recipients, body| delivery::New {
        tenant: run.tenant_id,
        target,
        recipients,
        run: run.id,
        kind,
        subject: title.clone(),
        body,
    };
    deliveries.extend(told.targets.into_iter().map(|target| delivery(Some(target), Vec::new(), event(run, kind))));
    if !told.emails.is_empty() {
        deliveries.push(delivery(None, told.emails, format!("{message}\n\nRun {}\n", run.id)));
    }
}

/// What a webhook says. Source: the event structure that Standard Webhooks recommends.
fn event(run: &Finished, kind: &str) -> String {
    let error = run
        .error_code
        .as_ref()
        .map(|code| serde_json::json!({ "task": run.error_task, "code": code, "message": run.error_message }));
    let event = serde_json::json!({
        "type": kind,
        "timestamp": run.completed_at,
        "data": {
            "run_id": run.id,
            "workflow_id": run.workflow_id,
            "job_id": run.job_id,
            "project_id": run.project_id,
            "name": run.name,
            "status": run.status,
            "rows_processed": run.rows_processed,
            "created_at": run.created_at,
            "completed_at": run.completed_at,
            "error": error,
        },
    });
    event.to_string()
}

fn title(run: &Finished, failed: bool) -> String {
    let name = if run.name.is_empty() { "A run" } else { run.name.as_str() };
    format!("{name} {}", if failed { "failed" } else { "succeeded" })
}

fn message(run: &Finished, failed: bool) -> String {
    if !failed {
        return format!("It processed {} rows.", run.rows_processed);
    }
    let error: String = run.error_message.as_deref().unwrap_or_default().chars().take(MAX_ERROR_CHARS).collect();
    let code = run.error_code.as_deref().unwrap_or_default();
    match run.error_task.as_deref().unwrap_or_default() {
        "" => format!("{code}: {error}"),
        task => format!("{task} failed with {code}: {error}"),
    }
}
