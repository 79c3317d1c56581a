//! Where names become addresses: only those that may be called come through, so the connection goes where was looked.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Name, Resolve, Resolving};

use crate::Error;
use crate::rules::Rules;

type Addresses = io::Result<Vec<SocketAddr>>;
/// How a name is looked up.
pub type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Addresses> + Send>> + Send + Sync>;

/// The system's own lookup.
pub fn system() -> Lookup {
    // Why port 0: the client puts the URL's in its place.
    Arc::new(|host| Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }))
}

/// Looks names up and leaves out what may not be called.
pub struct Resolver {
    rules: Arc<Rules>,
    lookup: Lookup,
}

impl Resolver {
    pub fn new(rules: Arc<Rules>, lookup: Lookup) -> Self {
        Self { rules, lookup }
    }

    /// The addresses of a host that may be called; at least one.
    pub fn find(&self, host: &str) -> impl Future<Output = Result<Vec<SocketAddr>, Error>> + Send + use<> {
        let (rules, host) = (Arc::clone(&self.rules), host.to_owned());
        let found = (self.lookup)(host.clone());
        async move {
            let found = found.await.map_err(|_| Error::Unreachable(format!("{host} has no address")))?;
            let admitted: Vec<SocketAddr> =
                found.into_iter().filter(|address| rules.admit(&host, address.ip())).collect();
            if admitted.is_empty() { Err(Error::Refused(host)) } else { Ok(admitted) }
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.find(name.as_str());
        Box::pin(async move {
            let addresses: reqwest::dns::Addrs = Box::new(found.await?.into_iter());
            Ok(addresses)
        })
    }
}
