//! A cache whose entries are never older than a second, counted from when they were asked for, and never older than the
//! last doubt about their tenant.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

/// How old an answer may be.
const MAX_AGE: Duration = Duration::from_secs(1);
const ENTRIES: u64 = 50_000;

/// Answers by key; many who ask for the same at once share one question.
pub(crate) struct Memory<K, V> {
    known: Cache<K, Entry<V>>,
    /// Which tenant a key belongs to.
    tenant: fn(&K) -> TenantId,
    /// When each tenant's entries were last doubted, as long as any older entry may be there; `None` stands for all.
    doubts: RwLock<HashMap<Option<TenantId>, Instant>>,
}

struct Entry<V> {
    value: Arc<V>,
    asked: Instant,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), asked: self.asked }
    }
}

struct FromAsked;

impl<K, V> Expiry<K, Entry<V>> for FromAsked {
    fn expire_after_create(&self, _: &K, entry: &Entry<V>, _: Instant) -> Option<Duration> {
        Some(MAX_AGE.saturating_sub(entry.asked.elapsed()))
    }
}

impl<K, V> Memory<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub(crate) fn new(tenant: fn(&K) -> TenantId) -> Self {
        let known = Cache::builder().max_capacity(ENTRIES).expire_after(FromAsked).build();
        Self { known, tenant, doubts: RwLock::default() }
    }

    /// The answer, asked for by `ask` when it is not known, too old or in doubt. Errors are not remembered.
    pub(crate) async fn get<F>(&self, key: K, ask: impl Fn() -> F) -> Result<Arc<V>>
    where
        F: Future<Output = Result<V>>,
    {
        loop {
            let entry = match self.known.get(&key).await {
                Some(entry) => entry,
                None => self.ask(key.clone(), ask()).await?,
            };
            if !self.is_doubted(&key, entry.asked) {
                return Ok(entry.value);
            }
            self.known.invalidate(&key).await;
        }
    }

    async fn ask(&self, key: K, ask: impl Future<Output = Result<V>>) -> Result<Entry<V>> {
        let asked = Instant::now();
        let fresh = async move { ask.await.map(|value| Entry { value: Arc::new(value), asked }) };
        self.known.try_get_with(key, fresh).await.map_err(|error: Arc<Error>| error.again())
    }

    /// Doubts all that was asked for until now about a tenant, or about everybody.
    pub(crate) fn forget(&self, tenant: Option<TenantId>) {
        let mut doubts = self.doubts.write().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|_, at| at.elapsed() <= MAX_AGE);
        doubts.insert(tenant, Instant::now());
    }

    fn is_doubted(&self, key: &K, asked: Instant) -> bool {
        let doubts = self.doubts.read().unwrap_or_else(PoisonError::into_inner);
        let since = |tenant| doubts.get(&tenant).is_some_and(|at| asked <= *at);
        !doubts.is_empty() && (since(Some((self.tenant)(key))) || since(None))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_answer_is_kept_until_it_is_doubted_or_old() {
        let (memory, asked) = (Memory::new(|_| TenantId::NIL), AtomicUsize::new(0));
        let ask = || async { Ok::<_, Error>(asked.fetch_add(1, Ordering::Relaxed)) };
        assert_eq!(*memory.get(1, ask).await.unwrap(), 0);
        assert_eq!(*memory.get(1, ask).await.unwrap(), 0);
        memory.forget(Some(TenantId::NIL));
        memory.forget(Some(TenantId::new()));
        assert_eq!(*memory.get(1, ask).await.unwrap(), 1);
        let refused = || async { Err::<usize, _>(Error::unauthenticated()) };
        assert!(memory.get(2, refused).await.is_err());
        assert_eq!(*memory.get(2, ask).await.unwrap(), 2);
        memory.forget(None);
        assert_eq!(*memory.get(2, ask).await.unwrap(), 3, "all are doubted");
        assert_eq!(*memory.get(1, ask).await.unwrap(), 4);
        let from = Instant::now();
        while *memory.get(1, ask).await.unwrap() == 4 {
            assert!(from.elapsed() < MAX_AGE * 3, "the answer is too old");
            tokio::task::yield_now().await;
        }
    }
}
