//! `trinity login` and `trinity logout`.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::Outcome;
use crate::output::Output;
use crate::session::{self, Where};

/// Signs in. The password comes from TRINITY_PASSWORD, or from standard input.
#[derive(Args)]
pub struct Login {}

impl Login {
    pub async fn execute(&self, server: &Where) -> Result<Outcome> {
        let email = match &server.email {
            Some(email) => email.clone(),
            None => ask("E-mail: ", false)?,
        };
        let password = match &server.password {
            Some(password) => password.clone(),
            None => ask("Password: ", true)?,
        };
        let client = server.login(&email, &password).await?;
        println!("signed in at {} as {email}", client.url());
        Ok(Outcome::Done)
    }
}

/// Ends the session at the server, as far as that is possible, and forgets it here.
pub async fn logout(server: &Where, output: Output) -> Result<Outcome> {
    if let Ok(client) = server.client().await {
        let _ = client.post("/auth/logout", &json!({})).await;
    }
    session::forget()?;
    output.object(&json!({}), "signed out");
    Ok(Outcome::Done)
}

/// Asks a person, on a terminal or by a line of standard input.
pub fn ask(question: &str, hidden: bool) -> Result<String> {
    let terminal = stdin().is_terminal();
    if terminal {
        print!("{question}");
        stdout().flush()?;
    }
    let hidden = hidden && terminal;
    if hidden {
        echo("-echo");
    }
    let mut line = String::new();
    let read = stdin().read_line(&mut line);
    if hidden {
        echo("echo");
        println!();
    }
    read.context("cannot read the answer")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Best effort: a terminal without stty shows what is typed.
fn echo(mode: &str) {
    let _ = Command::new("stty").arg(mode).status();
}
