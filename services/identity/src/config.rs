//! The settings of the identity service: `TRINITY_IDENTITY_<NAME>`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use trinity_crypto::MasterKey;

/// Every setting with its default. Never shown: it holds secrets.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served; `127.0.0.1:7002` unless set.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The database in the serving role.
    pub database_url: String,
    /// The database in the owner's role, for `migrate`.
    pub owner_url: Option<String>,
    /// How many connections are open at the most; 16 unless set.
    #[serde(default = "default_connections")]
    pub database_connections: u32,
    /// Wraps the signing keys and the tenants' data keys, and derives refresh tokens: 32 bytes, base64. Empty when a file
    /// holds it.
    #[serde(default)]
    pub master_key: String,
    /// The file that holds the master key, in place of the setting.
    pub master_key_file: Option<PathBuf>,
    /// The master key before this one, while one takes the other's place: all that it wraps is wrapped anew.
    pub previous_master_key: Option<String>,
    /// The part of API keys that tells installations apart: a lower-case word; `dev` unless set.
    #[serde(default = "default_environment")]
    pub environment: String,
    /// The server that takes mails: `smtps://user:password@host:465`, or `smtp://…:587?tls=required`. Without it they go
    /// into `mail_folder`.
    pub smtp_url: Option<String>,
    /// A folder into which mails are written as `.eml` files; it is made when it is missing. Without it and `smtp_url`
    /// mails wait in the database.
    pub mail_folder: Option<PathBuf>,
    /// Who mails are from, such as `Trinity <trinity@example.com>`; needed beside `smtp_url`.
    pub mail_from: Option<String>,
    /// Where people reach the installation with a browser: links in mails begin with it.
    pub public_url: Option<String>,
    /// How many days after its login a session ends; 30 unless set.
    #[serde(default = "default_session_days")]
    pub session_days: u16,
}

const fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7002)
}

const fn default_connections() -> u32 {
    16
}

fn default_environment() -> String {
    "dev".to_owned()
}

const fn default_session_days() -> u16 {
    30
}

impl Config {
    /// The master key, and the one before it while one takes the other's place.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed, without showing it.
    pub(crate) fn master_keys(&self) -> Result<(MasterKey, Option<MasterKey>)> {
        let read = |name, text: &str| MasterKey::from_setting(name, text).map_err(anyhow::Error::msg);
        let current = match &self.master_key_file {
            Some(path) => {
                ensure!(
                    self.master_key.is_empty(),
                    "TRINITY_IDENTITY_MASTER_KEY and TRINITY_IDENTITY_MASTER_KEY_FILE are both set"
                );
                let text = std::fs::read_to_string(path)
                    .context("the setting TRINITY_IDENTITY_MASTER_KEY_FILE names no file that can be read")?;
                read("TRINITY_IDENTITY_MASTER_KEY_FILE", &text)?
            }
            None => {
                ensure!(!self.master_key.is_empty(), "the setting TRINITY_IDENTITY_MASTER_KEY is missing");
                read("TRINITY_IDENTITY_MASTER_KEY", &self.master_key)?
            }
        };
        let previous = self.previous_master_key.as_deref();
        let previous = previous.map(|text| read("TRINITY_IDENTITY_PREVIOUS_MASTER_KEY", text)).transpose()?;
        Ok((current, previous))
    }

    /// The environment's word in API keys.
    ///
    /// # Errors
    /// When the setting is not a lower-case word.
    pub(crate) fn environment(&self) -> Result<String> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        ensure!(
            (1..=16).contains(&self.environment.len()) && self.environment.bytes().all(plain),
            "the setting TRINITY_IDENTITY_ENVIRONMENT is not a lower-case word of at most 16 letters and digits"
        );
        Ok(self.environment.clone())
    }
}

impl trinity_rpc::Settings for Config {
    fn listen(&self) -> SocketAddr {
        self.listen
    }
    fn owner_url(&self) -> Option<&str> {
        self.owner_url.as_deref()
    }
}
