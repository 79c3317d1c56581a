//! `trinity datasets`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use trinity_cli::{Client, lookup, upload};

use super::Outcome;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Datasets {
    /// Lists a project's datasets, newest first.
    List {
        #[arg(long)]
        project: String,
    },
    /// Uploads a CSV or Parquet file.
    Upload {
        file: PathBuf,
        #[arg(long)]
        project: String,
        /// Made from the file's name when absent.
        #[arg(long)]
        name: Option<String>,
    },
    /// Shows the first rows.
    Preview {
        dataset: String,
        #[arg(long, default_value_t = 20)]
        rows: u32,
    },
    /// Saves the file.
    Download {
        dataset: String,
        /// Where to; standard output when absent.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
}

impl Datasets {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::List { project } => {
                let project = lookup::project(client, &project).await?;
                let datasets = client.list(&format!("/projects/{project}/datasets"), &[]).await?;
                output.list(&datasets, &["id", "name", "format", "rows", "size_bytes", "origin", "created_at"]);
            }
            Self::Upload { file, project, name } => {
                let project = lookup::project(client, &project).await?;
                let dataset = send(client, &project, &file, name.as_deref()).await?;
                if let Some(problem) = dataset["problem"].as_str() {
                    eprintln!("stored, but not readable: {problem}");
                }
                output.object(&dataset, dataset["id"].as_str().unwrap_or_default());
            }
            Self::Preview { dataset, rows } => {
                let path = format!("/datasets/{dataset}/preview");
                show(&client.get(&path, &[("rows", &rows.to_string())]).await?, output);
            }
            Self::Download { dataset, output } => save(client, &dataset, output.as_deref()).await?,
        }
        Ok(Outcome::Done)
    }
}

async fn send(client: &Client, project: &str, file: &Path, name: Option<&str>) -> Result<Value> {
    let size = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    let bar = progress_bar(size);
    let moving = bar.clone();
    let sent = upload::upload(client, project, file, name, move |bytes| moving.inc(bytes)).await;
    bar.finish_and_clear();
    sent
}

fn show(preview: &Value, output: Output) {
    if output == Output::Json {
        return output.object(preview, "");
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let names: Vec<String> =
        list(&preview["columns"]).iter().filter_map(|column| Some(column["name"].as_str()?.to_owned())).collect();
    output.list(&list(&preview["rows"]), &names.iter().map(String::as_str).collect::<Vec<_>>());
}

async fn save(client: &Client, dataset: &str, file: Option<&Path>) -> Result<()> {
    let response = client.download(&format!("/datasets/{dataset}/content")).await?;
    let bar = progress_bar(response.content_length().unwrap_or(0));
    let mut sink: Box<dyn Write> = match file {
        Some(file) => {
            Box::new(std::fs::File::create(file).with_context(|| format!("cannot create {}", file.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.context("the download broke off")?;
        sink.write_all(&piece)?;
        bar.inc(piece.len() as u64);
    }
    sink.flush()?;
    bar.finish_and_clear();
    Ok(())
}

/// On standard error, and only where that is a terminal.
fn progress_bar(size: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    ProgressBar::new(size).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
