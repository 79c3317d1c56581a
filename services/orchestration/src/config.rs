//! Settings of the orchestration service: `TRINITY_ORCHESTRATION_<NAME>`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use trinity_crypto::MasterKey;

/// Settings, with their defaults. Never shown: they hold a secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The database, in the serving role.
    pub database_url: String,
    /// The database, in the owner's role; for migrations alone.
    #[serde(default)]
    pub owner_url: Option<String>,
    /// How many connections to the database at the most, besides the engine's own.
    #[serde(default = "default_connections")]
    pub database_connections: u32,
    /// How long a silent worker keeps its tasks, in milliseconds.
    #[serde(default = "default_lease_ms")]
    pub lease_ms: u32,
    /// How often workers are asked to say that they live, in milliseconds.
    #[serde(default = "default_heartbeat_ms")]
    pub heartbeat_ms: u32,
    /// How often the tenant service is told what tenants used, in milliseconds.
    #[serde(default = "default_usage_interval_ms")]
    pub usage_interval_ms: u32,
    /// Seals the signing keys of hooks and webhook targets: 32 bytes, base64. Empty when a file holds it.
    #[serde(default)]
    pub master_key: String,
    /// The file that holds the master key, in place of the setting.
    #[serde(default)]
    pub master_key_file: Option<PathBuf>,
    /// Hosts and address ranges that webhooks may be sent to though they are not public, with commas between.
    #[serde(default)]
    pub egress_allow: String,
    /// Where OpenLineage events go: `file:///…` or `http…`. Nowhere unless set.
    #[serde(default)]
    pub openlineage_url: Option<String>,
    /// How many days runs, with their tasks and lineage, are kept after their end; 0 for ever.
    #[serde(default = "default_run_retention_days")]
    pub run_retention_days: u16,
    /// How many days log lines are kept; 0 for ever.
    #[serde(default = "default_log_retention_days")]
    pub log_retention_days: u16,
    /// How many days notifications and messages are kept; 0 for ever.
    #[serde(default = "default_notification_retention_days")]
    pub notification_retention_days: u16,
}

impl Config {
    /// The master key.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed, without showing it.
    pub(crate) fn master_key(&self) -> Result<MasterKey> {
        const NAME: &str = "TRINITY_ORCHESTRATION_MASTER_KEY";
        let text = match &self.master_key_file {
            Some(path) => {
                ensure!(self.master_key.is_empty(), "{NAME} and {NAME}_FILE are both set");
                std::fs::read_to_string(path)
                    .with_context(|| format!("the setting {NAME}_FILE names no file that can be read"))?
            }
            None => self.master_key.clone(),
        };
        ensure!(!text.is_empty(), "the setting {NAME} is missing");
        MasterKey::from_setting(NAME, &text).map_err(anyhow::Error::msg)
    }

    /// What webhooks may reach besides public addresses.
    pub(crate) fn egress_allow(&self) -> Vec<&str> {
        self.egress_allow.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect()
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7005))
}
const fn default_connections() -> u32 {
    16
}
const fn default_lease_ms() -> u32 {
    10_000
}
const fn default_heartbeat_ms() -> u32 {
    1_000
}
const fn default_usage_interval_ms() -> u32 {
    5_000
}

const fn default_run_retention_days() -> u16 {
    365
}
const fn default_log_retention_days() -> u16 {
    7
}
const fn default_notification_retention_days() -> u16 {
    30
}

impl trinity_rpc::Settings for Config {
    fn listen(&self) -> SocketAddr {
        self.listen
    }
    fn owner_url(&self) -> Option<&str> {
        self.owner_url.as_deref()
    }
}
