//! `trinity workflows`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use trinity_cli::workflow::{Change, WorkflowFile};
use trinity_cli::{Client, lookup};

use super::Outcome;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Workflows {
    /// Lists a project's workflows, newest first.
    List {
        #[arg(long)]
        project: String,
    },
    /// Brings a workflow to what a file says; the same file twice changes nothing.
    Apply {
        file: PathBuf,
        #[arg(long)]
        project: String,
    },
}

impl Workflows {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::List { project } => {
                let project = lookup::project(client, &project).await?;
                let workflows = client.list(&format!("/projects/{project}/workflows"), &[]).await?;
                output.list(&workflows, &["id", "slug", "name", "version", "execution_count", "updated_at"]);
            }
            Self::Apply { file, project } => {
                let workflow = WorkflowFile::read(&file)?;
                let project = lookup::project(client, &project).await?;
                let (id, change) = workflow.apply(client, &project).await?;
                let word = match change {
                    Change::Created => "created",
                    Change::Saved => "saved",
                    Change::Nothing => "unchanged",
                };
                output.object(&json!({"id": id, "change": word}), &format!("{id} {word}"));
            }
        }
        Ok(Outcome::Done)
    }
}
