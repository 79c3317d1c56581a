//! The catalogue of atoms, kept at hand: fetched from registry now and then, and when an unknown atom is asked for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_proto::registry::GetCatalogRequest;
use trinity_proto::registry::atom_service_client::AtomServiceClient;
use trinity_rpc::{Channel, Peers};

use crate::convert;
use crate::domain::catalog::{AtomFacts, AtomVersion, Catalog};

/// How old the catalogue may get.
const MAX_AGE: Duration = Duration::from_secs(30);
/// How soon after one fetch an unknown atom may cause another, so that typing errors cannot hammer registry.
const MIN_AGE: Duration = Duration::from_secs(2);

/// The catalogue of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CatalogCache {
    client: AtomServiceClient<Channel>,
    peers: Peers,
    current: Arc<RwLock<Option<Kept>>>,
    fetching: Arc<Mutex<()>>,
}

#[derive(Debug, Clone)]
struct Kept {
    catalog: Arc<Catalog>,
    fetched_at: Instant,
}

impl CatalogCache {
    /// Starts with nothing at hand.
    ///
    /// # Errors
    /// Names the setting of registry when it is missing.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        Ok(Self {
            client: AtomServiceClient::new(peers.channel("registry")?),
            peers: peers.clone(),
            current: Arc::default(),
            fetching: Arc::default(),
        })
    }

    /// The catalogue; an old one when registry does not answer.
    ///
    /// # Errors
    /// `Unavailable` when there never was one.
    pub async fn get(&self, ctx: &RequestContext) -> Result<Arc<Catalog>> {
        if let Some(kept) = self.kept_within(MAX_AGE) {
            return Ok(kept);
        }
        match (self.fetch_unless_within(ctx, MAX_AGE).await, self.kept()) {
            (Err(error), Some(kept)) => {
                tracing::warn!(%error, "the catalogue cannot be fetched; going on with the last one");
                Ok(kept.catalog)
            }
            (fetched, _) => fetched,
        }
    }

    /// A catalogue of this moment; None when registry was asked very lately, or does not answer.
    pub async fn newer(&self, ctx: &RequestContext) -> Option<Arc<Catalog>> {
        if self.kept_within(MIN_AGE).is_some() {
            return None;
        }
        self.fetch_unless_within(ctx, MIN_AGE).await.ok()
    }

    /// Fetches, unless somebody else just did: one call serves all who wait.
    async fn fetch_unless_within(&self, ctx: &RequestContext, age: Duration) -> Result<Arc<Catalog>> {
        let _one = self.fetching.lock().await;
        if let Some(catalog) = self.kept_within(age) {
            return Ok(catalog);
        }
        let request = self.peers.request(ctx, GetCatalogRequest {});
        let answer = self.client.clone().get_catalog(request).await?.into_inner();
        let facts = answer.versions.into_iter().map(convert::atom_facts).collect();
        let catalog = Arc::new(compile(facts, self.kept().as_ref().map(|kept| kept.catalog.as_ref())));
        let kept = Kept { catalog: Arc::clone(&catalog), fetched_at: Instant::now() };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(catalog)
    }

    fn kept(&self) -> Option<Kept> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kept_within(&self, age: Duration) -> Option<Arc<Catalog>> {
        self.kept().filter(|kept| kept.fetched_at.elapsed() < age).map(|kept| kept.catalog)
    }
}

/// Compiles what is new; versions are immutable, so what was compiled before is used again.
fn compile(facts: Vec<AtomFacts>, last: Option<&Catalog>) -> Catalog {
    let known: HashMap<_, _> = last
        .into_iter()
        .flat_map(Catalog::versions)
        .map(|version| ((version.slug.as_str(), version.version.as_str()), version))
        .collect();
    let versions = facts.into_iter().filter_map(|facts| {
        let same = known.get(&(facts.slug.as_str(), facts.version.as_str()));
        if let Some(same) = same.filter(|same| same.schema_text == facts.schema_text) {
            return Some(Arc::clone(same));
        }
        let (slug, version) = (facts.slug.clone(), facts.version.clone());
        AtomVersion::compile(facts)
            .inspect_err(|error| tracing::error!(%error, slug, version, "an atom of the catalogue cannot be used"))
            .ok()
            .map(Arc::new)
    });
    Catalog::new(versions.collect())
}
