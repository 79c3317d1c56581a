//! The gateway's settings: `TRINITY_GATEWAY_<NAME>`, or the table `gateway` of the settings file.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Every setting with its default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where HTTP is served; 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Origins whose pages may call the API, separated by commas; none.
    #[serde(deserialize_with = "words")]
    pub cors_origins: Vec<String>,
    /// The largest JSON body, in bytes; 1 MiB.
    pub json_limit_bytes: usize,
    /// The largest upload, in bytes; 5 GiB.
    pub upload_limit_bytes: u64,
    /// How long a body may stand still while it is read, in milliseconds; 30 s.
    pub body_timeout_ms: u64,
    /// How much of a tenant's requests per minute may come at once, as the seconds in which the limit allows as much; 10.
    pub rate_burst_seconds: u64,
    /// How many requests of people who have not signed in, such as logins, one address may make in a minute; 300. No
    /// limit when 0.
    pub public_requests_per_minute: u32,
    /// How often the tenant service is told what each tenant used, in milliseconds; 10 s.
    pub usage_interval_ms: u64,
    /// How many proxies in front are trusted to append to `X-Forwarded-For`; 0: the peer's address is the client's.
    pub trusted_proxies: usize,
    /// How long new requests are still taken after the word to stop, while not ready, in milliseconds; 300.
    pub drain_delay_ms: u64,
    /// How long requests under way may go on after that, in milliseconds; 20 s.
    pub drain_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            cors_origins: Vec::new(),
            json_limit_bytes: 1 << 20,
            upload_limit_bytes: 5 << 30,
            body_timeout_ms: 30_000,
            rate_burst_seconds: 10,
            public_requests_per_minute: 300,
            usage_interval_ms: 10_000,
            trusted_proxies: 0,
            drain_delay_ms: 300,
            drain_timeout_ms: 20_000,
        }
    }
}

impl Config {
    /// How long a body may stand still.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}

/// A list, or its words in one text.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Text(String),
        List(Vec<String>),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::Text(text) => {
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        Words::List(list) => list,
    })
}
