//! Whether the services behind the edge can answer.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use http::uri::PathAndQuery;
use trinity_rpc::{Channel, Service};

use crate::call::probe;

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks every service that the edge needs.
pub struct Readiness {
    probes: BTreeMap<String, Probe>,
}

/// How a service is asked.
enum Probe {
    /// Over `grpc.health.v1`.
    Remote(Channel),
    /// In this process.
    Local(Service),
}

impl Readiness {
    /// Asks services of this process directly, the others over their channels.
    #[must_use]
    pub fn new(channels: BTreeMap<String, Channel>, local: Vec<Service>) -> Self {
        let mut probes: BTreeMap<_, _> =
            channels.into_iter().map(|(name, channel)| (name, Probe::Remote(channel))).collect();
        probes.extend(local.into_iter().map(|service| (service.name.to_owned(), Probe::Local(service))));
        Self { probes }
    }

    /// The names of the services that cannot answer now.
    pub async fn missing(&self) -> Vec<&str> {
        let answers = join_all(self.probes.iter().map(|(name, probe)| async move {
            let ready = tokio::time::timeout(PROBE_TIMEOUT, probe.is_ready(name)).await.unwrap_or(false);
            (!ready).then_some(name.as_str())
        }));
        answers.await.into_iter().flatten().collect()
    }
}

impl Probe {
    async fn is_ready(&self, name: &str) -> bool {
        match self {
            Self::Local(service) => service.is_ready().await,
            Self::Remote(channel) => {
                let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
                probe::is_serving(channel.clone(), path, name).await
            }
        }
    }
}
