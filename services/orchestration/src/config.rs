//! Settings of the orchestration service: `TRINITY_ORCHESTRATION_<NAME>`.

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
    /// How long a silent worker keeps its tasks, in milliseconds.
    #[serde(default = "default_lease_ms")]
    pub lease_ms: u32,
    /// How often workers are asked to say that they live, in milliseconds.
    #[serde(default = "default_heartbeat_ms")]
    pub heartbeat_ms: u32,
    /// How often the tenant service is told what tenants used, in milliseconds.
    #[serde(default = "default_usage_interval_ms")]
    pub usage_interval_ms: u32,
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

impl trinity_rpc::Settings for Config {
    fn listen(&self) -> SocketAddr {
        self.listen
    }
    fn owner_url(&self) -> Option<&str> {
        self.owner_url.as_deref()
    }
}
