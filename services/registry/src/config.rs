//! Settings of the registry: `TRINITY_REGISTRY_<FIELD>`.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
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
    /// Where files are kept, such as `file:///var/lib/trinity/objects`.
    pub storage_url: String,
    /// The largest file that may be uploaded, in bytes.
    #[serde(default = "default_max_upload_bytes")]
    pub max_upload_bytes: u64,
    /// How often the tenant service is told what tenants store, in milliseconds.
    #[serde(default = "default_meter_interval_ms")]
    pub meter_interval_ms: u64,
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
    (Ipv4Addr::LOCALHOST, 7003).into()
}

const fn default_database_connections() -> u32 {
    16
}

/// 5 GiB.
const fn default_max_upload_bytes() -> u64 {
    5 << 30
}

/// A minute.
const fn default_meter_interval_ms() -> u64 {
    60_000
}
