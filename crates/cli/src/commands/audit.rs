//! `trinity audit`.

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use trinity_cli::Client;

use super::Outcome;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Audit {
    /// Recomputes the tenant's chain of hashes; exit code 6 when it does not hold.
    Verify,
    /// Lists events, newest first.
    Events {
        /// Only those about this object.
        #[arg(long)]
        object: Option<String>,
        /// Only those of this action, such as project.create.
        #[arg(long)]
        action: Option<String>,
        /// How many, at most 200.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
}

impl Audit {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::Verify => {
                let verdict = client.post("/audit/verify", &json!({})).await?;
                let valid = verdict["valid"] == true;
                let sentence = if valid {
                    format!("the chain of {} events holds", verdict["events"])
                } else {
                    let problem = verdict["problem"].as_str().unwrap_or("it was altered");
                    format!("the chain is broken at event {}: {problem}", verdict["first_bad_sequence"])
                };
                output.object(&verdict, &sentence);
                Ok(if valid { Outcome::Done } else { Outcome::Failed })
            }
            Self::Events { object, action, limit } => {
                let limit = limit.to_string();
                let mut query = vec![("per_page", limit.as_str())];
                query.extend(object.as_deref().map(|id| ("object_id", id)));
                query.extend(action.as_deref().map(|word| ("action", word)));
                let page = client.page("/audit/events", &query).await?;
                let fields =
                    ["sequence", "created_at", "action", "outcome", "actor.name", "object_type", "object_name"];
                output.list(&page.items, &fields);
                Ok(Outcome::Done)
            }
        }
    }
}
