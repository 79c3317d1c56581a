//! Notifications, webhook targets and deliveries as people see them.

use trinity_proto::orchestration as pb;

use super::timestamp;
use crate::store::{delivery, notification, webhook_target};

impl From<notification::Row> for pb::Notification {
    fn from(row: notification::Row) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind,
            title: row.title,
            message: row.message,
            run_id: row.run_id.to_string(),
            workflow_id: row.workflow_id.map(String::from).unwrap_or_default(),
            created_at: Some(timestamp(row.created_at)),
            read_at: row.read_at.map(timestamp),
        }
    }
}

impl From<webhook_target::Row> for pb::WebhookTarget {
    fn from(row: webhook_target::Row) -> Self {
        Self { id: row.id.to_string(), name: row.name, url: row.url, created_at: Some(timestamp(row.created_at)) }
    }
}

impl From<delivery::Row> for pb::WebhookDelivery {
    fn from(row: delivery::Row) -> Self {
        let waits = row.status == "waiting";
        Self {
            id: row.id.to_string(),
            run_id: row.run_id.to_string(),
            kind: row.kind,
            status: row.status,
            attempts: row.attempts.unsigned_abs(),
            response_status: row.response_status.map(i32::unsigned_abs),
            error: row.error,
            created_at: Some(timestamp(row.created_at)),
            next_attempt_at: waits.then(|| timestamp(row.next_attempt_at)),
        }
    }
}
