//! `trinity api`: any route of the server, for what has no command of its own.

use std::io::Read;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use trinity_cli::Client;

use super::Outcome;
use crate::output::Output;

/// Calls a route, such as `trinity api POST /groups --data '{"name": "Analysts"}'`; the server lists them at /docs.
#[derive(Args)]
pub struct Api {
    /// GET, POST, PUT, PATCH or DELETE.
    method: String,
    /// The path behind /api/v1, with its query.
    path: String,
    /// The JSON body; - reads it from standard input, so that secrets stay out of the list of processes.
    #[arg(long)]
    data: Option<String>,
}

impl Api {
    pub async fn execute(self, client: &Client) -> Result<Outcome> {
        let body = self.data.map(|text| body(&text)).transpose()?;
        let path = if self.path.starts_with('/') { self.path } else { format!("/{}", self.path) };
        let answer = client.call(&self.method.to_uppercase(), &path, body.as_ref()).await?;
        Output::Json.object(&answer, "");
        Ok(Outcome::Done)
    }
}

fn body(text: &str) -> Result<Value> {
    let mut read = String::new();
    let text = match text {
        "-" => {
            std::io::stdin().read_to_string(&mut read).context("cannot read the body from standard input")?;
            &read
        }
        given => given,
    };
    serde_json::from_str(text).context("the body is not JSON")
}
