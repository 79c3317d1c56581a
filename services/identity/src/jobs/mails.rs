//! Hands over the mails that handlers left, until each has gone or is worth nothing any more.

use std::sync::Arc;
use std::time::Duration;

use trinity_db::Db;
use trinity_error::Result;
use trinity_rpc::CancellationToken;

use crate::mailroom::Mailroom;
use crate::store::mail;

/// How often the table is looked at when nobody says that a mail was left: another replica may have ended too early.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a mail is ours. Longer than a batch takes when the server is at its slowest.
const LEASE: Duration = Duration::from_secs(120);
const BATCH: i64 = 4;

/// Starts the job.
pub(crate) fn spawn(db: Db, mailroom: Arc<Mailroom>, shutdown: CancellationToken) {
    if !mailroom.has_way() {
        tracing::warn!("no mail leaves: neither TRINITY_IDENTITY_SMTP_URL nor TRINITY_IDENTITY_MAIL_FOLDER is set");
        return;
    }
    trinity_telemetry::spawn("mails", async move {
        shutdown.run_until_cancelled(run(&db, &mailroom)).await;
    });
}

async fn run(db: &Db, mailroom: &Mailroom) {
    loop {
        match turn(db, mailroom).await {
            Ok(0) => mailroom.wait(INTERVAL).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "mails cannot be looked at; trying again");
                tokio::time::sleep(INTERVAL).await;
            }
        }
    }
}

/// Takes some mails and hands them over; says how many it took.
async fn turn(db: &Db, mailroom: &Mailroom) -> Result<usize> {
    let mut tx = db.begin_system("mails-claim").await?;
    let rows = mail::claim(&mut tx, BATCH, LEASE).await?;
    let mut texts = Vec::new();
    for row in &rows {
        texts.push(mailroom.open(&mut tx, row).await);
    }
    tx.commit().await?;
    for (row, text) in rows.iter().zip(texts) {
        let delivered = match text {
            _ if row.is_late => Ok(()),
            Ok(Some(text)) => mailroom.deliver(row, &text).await,
            Ok(None) => Err(anyhow::anyhow!("the tenant's data key is gone")),
            Err(error) => Err(error.into()),
        };
        let mut tx = db.begin_system("mails-settle").await?;
        match delivered {
            Ok(()) => mail::remove(&mut tx, row).await?,
            Err(_) => mail::release(&mut tx, row).await?,
        }
        tx.commit().await?;
        tell(row, delivered);
    }
    Ok(rows.len())
}

fn tell(row: &mail::Row, delivered: anyhow::Result<()>) {
    let (id, attempts) = (row.id, row.failed_attempts);
    match delivered {
        Ok(()) if row.is_late => tracing::error!(%id, attempts, "a mail could not be handed over in time"),
        Ok(()) => tracing::info!(%id, attempts, "a mail was handed over"),
        Err(error) => tracing::warn!(%id, attempts, %error, "a mail is not handed over yet"),
    }
}
