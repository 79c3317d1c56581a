//! Where OpenLineage events go: a file, a line each, or an HTTP endpoint. The operator names it, so it may be anywhere.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use trinity_egress::{Egress, Method, Request, Url};

const TIMEOUT: Duration = Duration::from_secs(15);

/// The way to the receiver.
#[derive(Debug)]
pub enum Receiver {
    /// Appends lines.
    File(PathBuf),
    /// Sends each event by POST.
    Http(Egress, String),
}

impl Receiver {
    /// Reads the setting: `file:///path` or `http…`.
    ///
    /// # Errors
    /// Names the setting when it is neither.
    pub fn new(url: &str) -> Result<Self> {
        const MALFORMED: &str = "the setting TRINITY_ORCHESTRATION_OPENLINEAGE_URL is neither file:///… nor http…";
        let parsed = Url::parse(url).context(MALFORMED)?;
        match parsed.scheme() {
            "file" => Ok(Self::File(parsed.to_file_path().ok().context(MALFORMED)?)),
            "http" | "https" => {
                let host = parsed.host_str().context(MALFORMED)?.trim_matches(['[', ']']);
                Ok(Self::Http(Egress::new(&[host]).context(MALFORMED)?, url.to_owned()))
            }
            _ => bail!(MALFORMED),
        }
    }

    /// Hands events over, all or, when it fails, some of them.
    ///
    /// # Errors
    /// Says what the receiver did not like.
    pub async fn take(&self, events: &[Value]) -> Result<(), String> {
        let taken = match self {
            Self::File(path) => append(path, events).await,
            Self::Http(egress, url) => post(egress, url, events).await,
        };
        taken.map_err(|error| format!("{error:#}"))
    }
}

async fn append(path: &PathBuf, events: &[Value]) -> Result<()> {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
    // Why in one piece: lines of several replicas must not mix.
    file.write_all(lines.as_bytes()).await?;
    file.sync_all().await?;
    Ok(())
}

async fn post(egress: &Egress, url: &str, events: &[Value]) -> Result<()> {
    for event in events {
        let request = Request::new(Method::POST, url)?.header("content-type", "application/json")?;
        let answer = egress.send(request.body(event.to_string()).timeout(TIMEOUT)).await?;
        ensure!(answer.is_success(), "answered {}", answer.status());
    }
    Ok(())
}
