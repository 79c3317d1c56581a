//! Logs, metrics and background tasks: set up once, by `main`.

mod json;
mod lines;

use std::future::Future;
use std::panic::AssertUnwindSafe;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
pub use metrics_exporter_prometheus::PrometheusHandle;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::json::{JsonLines, JsonPairs};
use crate::lines::Lines;

/// Sends logs to standard error, as JSON lines or as text. Lines with the target `access` come up to 50 ms late.
///
/// # Errors
/// When `filter` or `format` is malformed, or logs are set up already.
pub fn init_logs(filter: &str, format: &str) -> Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("the setting TRINITY_LOG is malformed: {filter}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(Lines::new(std::io::stderr())?);
    match format {
        "json" => registry.with(lines.event_format(JsonLines::new()).fmt_fields(JsonPairs)).try_init()?,
        "text" => registry.with(lines).try_init()?,
        other => bail!("the setting TRINITY_LOG_FORMAT is \"{other}\"; it may be json or text"),
    }
    Ok(())
}

/// Starts to keep metrics; the handle renders them for Prometheus.
///
/// # Errors
/// When a recorder is installed already.
pub fn init_metrics() -> Result<PrometheusHandle> {
    let handle = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
        .context("metric buckets")?
        .install_recorder()
        .context("metrics are set up already")?;
    let upkeep = handle.clone();
    spawn("metrics-upkeep", async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Runs `future` in the background under a name; a panic in it is logged.
///
/// Why: a bare `tokio::spawn` loses the name and hides the panic.
pub fn spawn<F>(name: &'static str, future: F) -> tokio::task::JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    spawn_bare(name, future.instrument(tracing::info_span!("background", task = name)))
}

/// As [`spawn`], for what comes by the thousand and names itself in its logs: without a span of its own.
pub fn spawn_bare<F>(name: &'static str, future: F) -> tokio::task::JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let guarded = async move {
        if AssertUnwindSafe(future).catch_unwind().await.is_err() {
            tracing::error!(task = name, "a background task panicked");
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    tokio::spawn(guarded)
}
