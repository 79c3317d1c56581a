//! The other services, by name, and how to speak to them in this service's own name.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use tonic::service::Routes;
use tonic::transport::Endpoint;
use trinity_authz::ServiceKey;
use trinity_config::Shared;
use trinity_context::RequestContext;

use crate::Channel;

/// The services that have peers' calls.
const NAMES: [&str; 6] = ["tenant", "identity", "registry", "workflow", "orchestration", "audit"];
/// How long a call to a peer may take, unless the caller says less.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 windows that let a document of 100 KB pass without waiting.
pub(crate) const STREAM_WINDOW: u32 = 1 << 20;
pub(crate) const CONNECTION_WINDOW: u32 = 4 << 20;

/// Ways to every peer.
#[derive(Debug, Clone)]
pub struct Peers {
    channels: BTreeMap<&'static str, Channel>,
    key: Arc<ServiceKey>,
    seed: Arc<str>,
}

impl Peers {
    /// Peers across the network, where the settings say.
    ///
    /// # Errors
    /// Names the malformed setting.
    pub fn remote(service: &str, shared: &Shared) -> Result<Self> {
        let mut channels = BTreeMap::new();
        for name in NAMES {
            let Some(url) = shared.peers.get(name) else { continue };
            let endpoint = Endpoint::from_shared(url.clone())
                .with_context(|| format!("the setting TRINITY_PEERS_{} is not a URL: {url}", name.to_uppercase()))?
                .connect_timeout(Duration::from_secs(2))
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(20));
            channels.insert(name, Channel::Remote(endpoint.connect_lazy()));
        }
        Self::with(service, shared, channels)
    }

    /// Peers in this process; each must be [installed](Self::install) before it is called.
    ///
    /// # Errors
    /// When the service key is malformed.
    pub fn local(service: &str, shared: &Shared) -> Result<Self> {
        let channels = NAMES.into_iter().map(|name| (name, Channel::Local(Arc::new(OnceLock::new())))).collect();
        Self::with(service, shared, channels)
    }

    fn with(service: &str, shared: &Shared, channels: BTreeMap<&'static str, Channel>) -> Result<Self> {
        let key = ServiceKey::new(service, &shared.service_key).map_err(anyhow::Error::msg)?;
        Ok(Self { channels, key: Arc::new(key), seed: shared.service_key.as_str().into() })
    }

    /// The same peers, spoken to in the name of `service`.
    ///
    /// # Panics
    /// Never: the key was sound before.
    #[must_use]
    pub fn named(&self, service: &str) -> Self {
        let key = ServiceKey::new(service, &self.seed).expect("the same key was accepted before");
        Self { key: Arc::new(key), ..self.clone() }
    }

    /// Makes room for a service of this process, unless the settings say where it is.
    pub fn reserve(&mut self, name: &'static str) {
        self.channels.entry(name).or_insert_with(|| Channel::Local(Arc::new(OnceLock::new())));
    }

    /// Puts a service of this process in place: from now on calls reach it.
    pub fn install(&self, name: &str, routes: Routes) {
        // Why: a service that is told its own address uses it; both lead to the same code.
        if let Some(Channel::Local(cell)) = self.channels.get(name) {
            let _ = cell.set(routes.prepare());
        }
    }

    /// The way to a peer.
    ///
    /// # Errors
    /// Names the setting that is missing.
    pub fn channel(&self, name: &str) -> Result<Channel> {
        self.channels
            .get(name)
            .cloned()
            .with_context(|| format!("the setting TRINITY_PEERS_{} is missing", name.to_uppercase()))
    }

    /// The key with which this service proves itself.
    #[must_use]
    pub fn service_key(&self) -> &Arc<ServiceKey> {
        &self.key
    }

    /// A request in this service's own name, which carries on the request id and trace of `ctx`.
    pub fn request<T>(&self, ctx: &RequestContext, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let metadata = request.metadata_mut();
        let pairs = [
            ("authorization", format!("Bearer {}", self.key.token())),
            ("x-request-id", ctx.request_id.clone()),
            ("traceparent", ctx.traceparent.clone()),
            ("x-client-ip", ctx.client_ip.clone()),
            ("x-user-agent", ctx.user_agent.clone()),
        ];
        for (name, value) in pairs {
            if let Ok(value) = value.parse()
                && !tonic::metadata::MetadataValue::is_empty(&value)
            {
                metadata.insert(name, value);
            }
        }
        request.set_timeout(CALL_TIMEOUT);
        request
    }
}
