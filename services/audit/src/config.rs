//! Settings of audit: `TRINITY_AUDIT_<FIELD>`.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// Everything that can be set.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Postgres in the serving role.
    pub database_url: String,
    /// Postgres in the owner's role; only migrations need it.
    pub owner_url: Option<String>,
    /// Connections to Postgres at the most.
    #[serde(default = "default_database_connections")]
    pub database_connections: u32,
    /// The Ed25519 seed that signs chains and checkpoints: 32 bytes, base64. Keep it where Postgres' administrators are not.
    pub signing_key: String,
    /// A chain that has grown by so many records gets a checkpoint at once.
    #[serde(default = "default_checkpoint_events")]
    pub checkpoint_events: u32,
    /// A chain that has moved gets a checkpoint after this many seconds.
    #[serde(default = "default_checkpoint_interval_s")]
    pub checkpoint_interval_s: u32,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).finish_non_exhaustive()
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

fn default_listen() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 7006).into()
}

const fn default_database_connections() -> u32 {
    16
}

const fn default_checkpoint_events() -> u32 {
    1_000
}

const fn default_checkpoint_interval_s() -> u32 {
    60
}
