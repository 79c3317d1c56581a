//! Settings of the workflow service: `TRINITY_WORKFLOW_<FIELD>`.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// What can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Postgres in the serving role.
    pub database_url: String,
    /// Postgres in the owner's role, for `migrate` alone.
    #[serde(default)]
    pub owner_url: Option<String>,
    /// How many connections are held at the most.
    #[serde(default = "default_database_connections")]
    pub database_connections: u32,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 7004))
}

fn default_database_connections() -> u32 {
    16
}

impl trinity_rpc::Settings for Config {
    fn listen(&self) -> SocketAddr {
        self.listen
    }
    fn owner_url(&self) -> Option<&str> {
        self.owner_url.as_deref()
    }
}
