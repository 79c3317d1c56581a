//! `trinity projects`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use trinity_cli::Client;

use super::Outcome;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Projects {
    /// Lists the projects that you may see, newest first.
    List,
    /// Creates a project.
    Create {
        name: String,
        /// The slug of the app that it is made for; `trinity projects apps` lists them.
        #[arg(long)]
        app: String,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Lists the apps that projects can be made for.
    Apps,
}

impl Projects {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::List => {
                let projects = client.list("/projects", &[]).await?;
                output.list(&projects, &["id", "name", "app", "version", "created_at"]);
            }
            Self::Create { name, app, description } => {
                let body = json!({"name": name, "app": app, "description": description});
                let project = client.post("/projects", &body).await?;
                output.object(&project, project["id"].as_str().unwrap_or_default());
            }
            Self::Apps => output.list(&client.page("/apps", &[]).await?.items, &["slug", "name", "description"]),
        }
        Ok(Outcome::Done)
    }
}
