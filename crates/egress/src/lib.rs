//! The one way out to addresses that people choose: it refuses what is not of the public internet.
//!
//! Reading order: `rules` (which addresses pass), `resolver` (where they are checked), `request` and `answer`.
//! Calls to Trinity's own services do not go through here.

mod answer;
mod request;
mod resolver;
mod rules;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

pub use answer::Answer;
pub use request::Request;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Body, Method, Url};

use crate::resolver::{Lookup, Resolver};
use crate::rules::Rules;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL or a header cannot be sent at all.
    #[error("{0}")]
    Malformed(String),
    /// The host leads to an address that may not be called.
    #[error("the address of {0} may not be called from here")]
    Refused(String),
    /// Nobody answered, or not in HTTP.
    #[error("{0}")]
    Unreachable(String),
    /// The answer took too long.
    #[error("there was no answer in time")]
    TimedOut,
    /// The answer is larger than asked for.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl Error {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut)
    }
}

/// The guarded client. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Egress {
    client: Client,
    resolver: Arc<Resolver>,
    rules: Arc<Rules>,
}

impl Egress {
    /// Prepares a client. `allow` holds host names and address ranges that pass although they are not public.
    ///
    /// # Errors
    /// `Malformed` naming the entry that is neither.
    pub fn new(allow: &[impl AsRef<str>]) -> Result<Self, Error> {
        Self::with_lookup(allow, resolver::system())
    }

    fn with_lookup(allow: &[impl AsRef<str>], lookup: Lookup) -> Result<Self, Error> {
        let rules = Arc::new(Rules::parse(allow)?);
        let resolver = Arc::new(Resolver::new(Arc::clone(&rules), lookup));
        let client = Client::builder()
            .dns_resolver(Arc::clone(&resolver))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("trinity/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Malformed(error.to_string()))?;
        Ok(Self { client, resolver, rules })
    }

    /// The address at which a host that speaks no HTTP may be called; a caller connects to just this one.
    ///
    /// # Errors
    /// `Refused` when none of its addresses may be called; `Unreachable` when it has none.
    pub async fn locate(&self, host: &str) -> Result<IpAddr, Error> {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) if self.rules.admit(host, address) => Ok(address),
            Ok(_) => Err(Error::Refused(host.to_owned())),
            Err(_) => self
                .resolver
                .find(host)
                .await?
                .first()
                .map(SocketAddr::ip)
                .ok_or_else(|| Error::Refused(host.to_owned())),
        }
    }

    /// Whether a URL could be called, as far as its text tells: `http` or `https`, without user and password, not naming a
    /// forbidden address.
    ///
    /// # Errors
    /// `Malformed`, `Refused`.
    pub fn check(&self, url: &str) -> Result<Url, Error> {
        let url = request::parse(url)?;
        self.check_host(&url)?;
        Ok(url)
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// `Refused` when its host leads to a forbidden address; `Unreachable`; `TimedOut`.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        self.check_host(request.url())?;
        let sent = self.client.execute(request.into_inner()).await;
        sent.map(Answer::new).map_err(|error| failure(&error))
    }

    /// Why here too: an address in place of a name never reaches the resolver.
    fn check_host(&self, url: &Url) -> Result<(), Error> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        match host.parse::<IpAddr>() {
            Ok(address) if !self.rules.admit(host, address) => Err(Error::Refused(host.to_owned())),
            _ => Ok(()),
        }
    }
}

/// What a client's error means for the caller, without addresses of the inside.
fn failure(error: &reqwest::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(known) = one.downcast_ref::<Error>() {
            return known.clone();
        }
        cause = one.source();
    }
    if error.is_timeout() {
        return Error::TimedOut;
    }
    let what = if error.is_connect() { "no connection could be made" } else { "the connection broke off" };
    Error::Unreachable(what.to_owned())
}

#[cfg(test)]
mod tests;
