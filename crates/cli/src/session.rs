//! Who is signed in where: arguments and environment first, then what `trinity login` left in the user's folder.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use trinity_cli::{Client, Login, Tokens};

use crate::commands::login::ask;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// A token this close to its end, in seconds, is renewed first.
const RENEW_BEFORE: u64 = 30;

/// Where the server is and who signs in.
#[derive(Args, Clone, Debug)]
pub struct Where {
    /// The server, such as http://127.0.0.1:8080.
    #[arg(long, env = "TRINITY_URL", global = true)]
    pub url: Option<String>,
    /// The tenant's slug.
    #[arg(long, env = "TRINITY_TENANT", global = true)]
    pub tenant: Option<String>,
    #[arg(long, env = "TRINITY_EMAIL", global = true)]
    pub email: Option<String>,
    #[arg(skip)]
    pub password: Option<String>,
    /// A code of the second factor.
    #[arg(skip)]
    pub code: Option<String>,
    /// An API key, or the token of staff: used as it is, instead of a session.
    #[arg(skip)]
    pub token: Option<String>,
}

/// The file that a login leaves.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
struct Session {
    url: String,
    tenant: String,
    email: String,
    access_token: String,
    refresh_token: String,
    /// Seconds since 1970.
    expires_at: u64,
}

impl Where {
    /// A client that is signed in.
    pub async fn client(&self) -> Result<Client> {
        if let Some(token) = &self.token {
            return Ok(self.stranger()?.with_token(token));
        }
        let stored = read()?.filter(|session| self.fits(session));
        if let Some(session) = stored {
            if session.expires_at > now() + RENEW_BEFORE {
                return Ok(Client::new(&session.url)?.with_token(&session.access_token));
            }
            let client = Client::new(&session.url)?;
            if let Ok(tokens) = client.refresh(&session.refresh_token).await {
                return keep(client, &session.tenant, &session.email, &tokens);
            }
        }
        match (&self.email, &self.password) {
            (Some(email), Some(password)) => self.login(email, password).await,
            _ => anyhow::bail!(NotSignedIn),
        }
    }

    /// A client that is signed in if there is a way to be, for routes that strangers may call too.
    pub async fn client_or_stranger(&self) -> Result<Client> {
        match self.client().await {
            Err(error) if error.is::<NotSignedIn>() => self.stranger(),
            other => other,
        }
    }

    fn stranger(&self) -> Result<Client> {
        Ok(Client::new(self.url.as_deref().unwrap_or(DEFAULT_URL))?)
    }

    /// Signs in and remembers it. Whoever has a second factor is asked for a code of it.
    pub async fn login(&self, email: &str, password: &str) -> Result<Client> {
        let client = self.stranger()?;
        let tenant = self.tenant.clone().unwrap_or_default();
        let tokens = match client.login(&tenant, email, password).await? {
            Login::Done(tokens) => tokens,
            Login::NeedsCode(mfa_token) => {
                let code = match &self.code {
                    Some(code) => code.clone(),
                    None => ask("Code of the authenticator app: ", false)?,
                };
                client.verify_code(&mfa_token, &code).await?
            }
        };
        keep(client, &tenant, email, &tokens)
    }

    fn fits(&self, session: &Session) -> bool {
        let same = |asked: &Option<String>, stored: &str| asked.as_deref().is_none_or(|asked| asked == stored);
        let url = self.url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        same(&url, &session.url) && same(&self.tenant, &session.tenant) && same(&self.email, &session.email)
    }
}

/// There is neither a session nor a way to begin one.
#[derive(Debug, thiserror::Error)]
#[error(
    "not signed in: run `trinity login`, or set TRINITY_URL and either TRINITY_TOKEN or TRINITY_TENANT, TRINITY_EMAIL and \
     TRINITY_PASSWORD"
)]
pub struct NotSignedIn;

/// Forgets the session.
pub fn forget() -> Result<()> {
    let file = file()?;
    if file.exists() {
        std::fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
    }
    Ok(())
}

fn keep(client: Client, tenant: &str, email: &str, tokens: &Tokens) -> Result<Client> {
    write(&Session {
        url: client.url().to_owned(),
        tenant: tenant.to_owned(),
        email: email.to_owned(),
        access_token: tokens.access_token.clone(),
        refresh_token: tokens.refresh_token.clone(),
        expires_at: now() + tokens.expires_in,
    })?;
    Ok(client.with_token(&tokens.access_token))
}

fn file() -> Result<PathBuf> {
    let config = match std::env::var_os("XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".config"),
    };
    Ok(config.join("trinity").join("session.json"))
}

fn read() -> Result<Option<Session>> {
    match std::fs::read(file()?) {
        // An unreadable form is that of another version: sign in again.
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("cannot read the session"),
    }
}

/// Replaces the file in one step, readable by its owner alone.
fn write(session: &Session) -> Result<()> {
    let file = file()?;
    let folder = file.parent().context("no folder for the session")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let fresh = folder.join(format!("session.json.{}", std::process::id()));
    let mut output = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    output.write_all(&serde_json::to_vec(session)?)?;
    std::fs::rename(&fresh, &file).context("cannot write the session")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
