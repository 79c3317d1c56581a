//! The settings of the identity service: `TRINITY_IDENTITY_<NAME>`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// Every setting with its default. Never shown: it holds the master key.
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
    /// Seals the signing keys at rest and derives refresh tokens: 32 bytes, base64. It must stay the same.
    pub master_key: String,
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

const fn default_session_days() -> u16 {
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
