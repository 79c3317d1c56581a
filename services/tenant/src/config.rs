//! The settings of the tenant service: `TRINITY_TENANT_<NAME>`.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// Every setting with its default.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where gRPC is served; `127.0.0.1:7001` unless set.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The database in the serving role.
    pub database_url: String,
    /// The database in the owner's role, for `migrate`.
    pub owner_url: Option<String>,
    /// How many connections are open at the most; 16 unless set.
    #[serde(default = "default_connections")]
    pub database_connections: u32,
}

const fn default_listen() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7001)
}

const fn default_connections() -> u32 {
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
