//! Sending a file of any size in small pieces.

use std::path::Path;

use anyhow::{Context, Result};
use futures::StreamExt;
use serde_json::Value;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use crate::Client;

/// Uploads a file to a project. `progress` hears the bytes of each piece as it leaves.
///
/// # Errors
/// When the file cannot be read or the server refuses.
pub async fn upload(
    client: &Client,
    project_id: &str,
    file: &Path,
    name: Option<&str>,
    progress: impl Fn(u64) + Send + Sync + 'static,
) -> Result<Value> {
    let opened = File::open(file).await.with_context(|| format!("cannot open {}", file.display()))?;
    let size = opened.metadata().await?.len();
    let filename = file.file_name().and_then(|name| name.to_str()).unwrap_or("data");
    let mut query = vec![("filename", filename)];
    query.extend(name.map(|name| ("name", name)));
    let pieces = ReaderStream::with_capacity(opened, 64 * 1024).inspect(move |piece| {
        if let Ok(piece) = piece {
            progress(piece.len() as u64);
        }
    });
    let path = format!("/projects/{project_id}/datasets");
    Ok(client.post_file(&path, &query, size, reqwest::Body::wrap_stream(pieces)).await?)
}
