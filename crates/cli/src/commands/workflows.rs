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
    /// Lists a project's workflows, or those of one of its folders, newest first.
    List {
        #[arg(long)]
        project: String,
        /// A folder by id or path, such as Reports/2026.
        #[arg(long)]
        folder: Option<String>,
    },
    /// Brings a workflow to what a file says; the same file twice changes nothing.
    Apply {
        file: PathBuf,
        #[arg(long)]
        project: String,
        /// Where a new workflow is to lie, by id or path; one that exists stays where it is.
        #[arg(long)]
        folder: Option<String>,
    },
    /// Moves a workflow to a folder of its project.
    Move {
        /// Its id, slug or name.
        workflow: String,
        #[arg(long)]
        project: String,
        /// Where to, by id or path; out of every folder unless given.
        #[arg(long)]
        folder: Option<String>,
    },
}

impl Workflows {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::List { project, folder } => {
                let project = lookup::project(client, &project).await?;
                let folder = find(client, &project, folder).await?;
                let query = [("folder_id", folder.as_str())];
                let workflows = client.list(&format!("/projects/{project}/workflows"), &query).await?;
                output.list(&workflows, &["id", "slug", "name", "version", "execution_count", "updated_at"]);
            }
            Self::Apply { file, project, folder } => {
                let workflow = WorkflowFile::read(&file)?;
                let project = lookup::project(client, &project).await?;
                let folder = find(client, &project, folder).await?;
                let (id, change) = workflow.apply_in(client, &project, &folder).await?;
                let word = match change {
                    Change::Created => "created",
                    Change::Saved => "saved",
                    Change::Nothing => "unchanged",
                };
                output.object(&json!({"id": id, "change": word}), &format!("{id} {word}"));
            }
            Self::Move { workflow, project, folder } => {
                let project = lookup::project(client, &project).await?;
                let id = lookup::workflow(client, Some(&project), &workflow).await?;
                let folder = find(client, &project, folder).await?;
                let moved = client.post(&format!("/workflows/{id}/move"), &json!({"folder_id": folder})).await?;
                output.object(&moved, "moved");
            }
        }
        Ok(Outcome::Done)
    }
}

/// The id of a folder of a project; empty for none.
async fn find(client: &Client, project: &str, folder: Option<String>) -> Result<String> {
    match folder {
        Some(folder) => Ok(lookup::folder(client, Some(project), &folder).await?),
        None => Ok(String::new()),
    }
}
