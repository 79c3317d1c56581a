//! `trinity folders`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use trinity_cli::{Client, lookup};

use super::Outcome;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Folders {
    /// Lists the folders of a project's top, or of a folder.
    List {
        #[arg(long)]
        project: String,
        /// The folder, by id or by path such as Reports/2026.
        #[arg(long = "in")]
        place: Option<String>,
    },
    /// Creates a folder.
    Create {
        name: String,
        #[arg(long)]
        project: String,
        /// The folder that it is to be in; the top of the project unless given.
        #[arg(long = "in")]
        place: Option<String>,
    },
    /// Renames a folder.
    Rename {
        #[command(flatten)]
        which: Which,
        name: String,
    },
    /// Moves a folder with all that is in it.
    Move {
        #[command(flatten)]
        which: Which,
        /// Where to; the top of the project unless given.
        #[arg(long)]
        to: Option<String>,
    },
    /// Deletes an empty folder.
    Delete {
        #[command(flatten)]
        which: Which,
    },
}

/// A folder by id, or by path in a project.
#[derive(Args)]
pub struct Which {
    /// Its id, or its path such as Reports/2026.
    folder: String,
    /// The project; needed for a path.
    #[arg(long)]
    project: Option<String>,
}

impl Which {
    async fn id(&self, client: &Client, folder: &str) -> Result<String> {
        let project = match &self.project {
            Some(project) => Some(lookup::project(client, project).await?),
            None => None,
        };
        Ok(lookup::folder(client, project.as_deref(), folder).await?)
    }
}

impl Folders {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::List { project, place } => {
                let project = lookup::project(client, &project).await?;
                let place = find(client, &project, place.as_deref()).await?;
                let folders = client.list(&format!("/projects/{project}/folders"), &[("parent_id", &place)]).await?;
                output.list(&folders, &["id", "name", "version", "updated_at"]);
            }
            Self::Create { name, project, place } => {
                let project = lookup::project(client, &project).await?;
                let place = find(client, &project, place.as_deref()).await?;
                let body = json!({"name": name, "parent_id": place});
                let folder = client.post(&format!("/projects/{project}/folders"), &body).await?;
                output.object(&folder, folder["id"].as_str().unwrap_or_default());
            }
            Self::Rename { which, name } => {
                let id = which.id(client, &which.folder).await?;
                let folder = client.call("PATCH", &format!("/folders/{id}"), Some(&json!({"name": name}))).await?;
                output.object(&folder, "renamed");
            }
            Self::Move { which, to } => {
                let id = which.id(client, &which.folder).await?;
                let to = match &to {
                    Some(to) => which.id(client, to).await?,
                    None => String::new(),
                };
                let folder = client.post(&format!("/folders/{id}/move"), &json!({"parent_id": to})).await?;
                output.object(&folder, "moved");
            }
            Self::Delete { which } => {
                let id = which.id(client, &which.folder).await?;
                let answer = client.call("DELETE", &format!("/folders/{id}"), None).await?;
                output.object(&answer, "deleted");
            }
        }
        Ok(Outcome::Done)
    }
}

/// The id of a folder of a project; empty for its top.
async fn find(client: &Client, project: &str, place: Option<&str>) -> Result<String> {
    match place {
        Some(place) => Ok(lookup::folder(client, Some(project), place).await?),
        None => Ok(String::new()),
    }
}
