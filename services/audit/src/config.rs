//! Settings of the audit service: `TRINITY_AUDIT_<NAME>`.

use std::net::SocketAddr;

use serde::Deserialize;

/// Settings, with their defaults.
#[derive(Debug, Clone, Deserialize)]
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
    /// How many connections to the database at the most.
    #[serde(default = "default_connections")]
    pub database_connections: u32,
    /// The Ed25519 seed that signs chains: 32 bytes, base64. Whoever has it can forge a trail; it belongs to audit alone.
    pub signing_key: String,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7006))
}
const fn default_connections() -> u32 {
    8
}

impl trinity_rpc::Settings for Config {
    fn listen(&self) -> SocketAddr {
        self.listen
    }
    fn owner_url(&self) -> Option<&str> {
        self.owner_url.as_deref()
    }
}
