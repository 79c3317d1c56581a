//! `trinity access`: who may do what, and why.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use trinity_cli::Client;

use super::Outcome;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Access {
    /// Answers whether something is allowed; exit code 6 when it is not.
    Check(Question),
    /// Says what allows it: bindings, grants, ownership.
    Explain(Question),
    /// Shares an object, such as `access share workflow:ID --with user:ID --level edit`.
    Share {
        /// The object as KIND:ID, where KIND is project, folder, job or workflow.
        object: String,
        /// A user or group as user:ID or group:ID.
        #[arg(long)]
        with: String,
        /// view, edit or admin.
        #[arg(long, default_value = "view")]
        level: String,
        /// When it ends, such as 2027-01-31T18:00:00Z; never unless given.
        #[arg(long)]
        until: Option<String>,
    },
    /// Takes a grant back.
    Unshare {
        /// The grant's id, as `access grants` lists it.
        grant: String,
    },
    /// Lists with whom an object is shared.
    Grants {
        /// The object as KIND:ID.
        object: String,
    },
}

#[derive(Args)]
pub struct Question {
    /// A permission such as workflow.execute.
    permission: String,
    /// The object as KIND:ID; the whole tenant unless given.
    #[arg(long)]
    object: Option<String>,
    /// Somebody else, as user:ID, group:ID or service_account:ID; yourself unless given.
    #[arg(long)]
    subject: Option<String>,
}

impl Question {
    fn body(&self) -> Result<Value> {
        let mut body = json!({"permission": self.permission});
        if let Some(object) = &self.object {
            let (kind, id) = pair(object)?;
            body["object_type"] = kind.into();
            body["object_id"] = id.into();
        }
        if let Some(subject) = &self.subject {
            body["subject"] = reference(subject)?;
        }
        Ok(body)
    }
}

impl Access {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        match self {
            Self::Check(question) => {
                let answer = client.post("/access/check", &question.body()?).await?;
                Ok(verdict(&answer, output))
            }
            Self::Explain(question) => {
                let answer = client.post("/access/explain", &question.body()?).await?;
                if output == Output::Text {
                    let reasons = answer["reasons"].as_array().cloned().unwrap_or_default();
                    output.list(&reasons, &["kind", "gives", "object_type", "object_id", "group_id", "id"]);
                }
                Ok(verdict(&answer, output))
            }
            Self::Share { object, with, level, until } => {
                let (kind, id) = pair(&object)?;
                let mut body =
                    json!({"object_type": kind, "object_id": id, "subject": reference(&with)?, "level": level});
                if let Some(until) = until {
                    body["expires_at"] = until.into();
                }
                let grant = client.post("/grants", &body).await?;
                output.object(&grant, &format!("shared: grant {}", grant["id"].as_str().unwrap_or_default()));
                Ok(Outcome::Done)
            }
            Self::Unshare { grant } => {
                let answer = client.call("DELETE", &format!("/grants/{grant}"), None).await?;
                output.object(&answer, "no longer shared");
                Ok(Outcome::Done)
            }
            Self::Grants { object } => {
                let (kind, id) = pair(&object)?;
                let grants = client.list("/grants", &[("object_type", kind), ("object_id", id)]).await?;
                output.list(&grants, &["id", "level", "subject.type", "subject.id", "starts_at", "expires_at"]);
                Ok(Outcome::Done)
            }
        }
    }
}

fn verdict(answer: &Value, output: Output) -> Outcome {
    let allowed = answer["allowed"] == true;
    output.object(answer, if allowed { "allowed" } else { "not allowed" });
    if allowed { Outcome::Done } else { Outcome::Failed }
}

fn reference(text: &str) -> Result<Value> {
    let (kind, id) = pair(text)?;
    Ok(json!({"type": kind, "id": id}))
}

fn pair(text: &str) -> Result<(&str, &str)> {
    text.split_once(':').with_context(|| format!("{text:?} is not of the form KIND:ID"))
}
