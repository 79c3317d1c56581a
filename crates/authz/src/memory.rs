//! A cache whose entries are never older than a second, counted from when they were asked for.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use trinity_error::{Error, Result};

/// How old an answer may be.
const MAX_AGE: Duration = Duration::from_secs(1);
const ENTRIES: u64 = 50_000;

/// Answers by key; many who ask for the same at once share one question.
pub(crate) struct Memory<K, V>(Cache<K, Entry<V>>);

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
    pub(crate) fn new() -> Self {
        let cache = Cache::builder().max_capacity(ENTRIES).support_invalidation_closures().expire_after(FromAsked);
        Self(cache.build())
    }

    /// The answer, asked for by `ask` when it is not known or too old. Errors are not remembered.
    pub(crate) async fn get(&self, key: K, ask: impl Future<Output = Result<V>>) -> Result<Arc<V>> {
        if let Some(entry) = self.0.get(&key).await {
            return Ok(entry.value);
        }
        let asked = Instant::now();
        let fresh = async move { ask.await.map(|value| Entry { value: Arc::new(value), asked }) };
        let entry = self.0.try_get_with(key, fresh).await.map_err(|error: Arc<Error>| error.again())?;
        Ok(entry.value)
    }

    /// Forgets all that `doubtful` names.
    pub(crate) fn forget(&self, doubtful: impl Fn(&K) -> bool + Send + Sync + 'static) {
        // Why no error: invalidation closures are switched on above.
        let _ = self.0.invalidate_entries_if(move |key, _| doubtful(key));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_answer_is_kept_until_it_is_doubted_or_old() {
        let (memory, asked) = (Memory::new(), AtomicUsize::new(0));
        let ask = || async { Ok::<_, Error>(asked.fetch_add(1, Ordering::Relaxed)) };
        assert_eq!(*memory.get(1, ask()).await.unwrap(), 0);
        assert_eq!(*memory.get(1, ask()).await.unwrap(), 0);
        memory.forget(|key| *key == 1);
        assert_eq!(*memory.get(1, ask()).await.unwrap(), 1);
        let refused = async { Err::<usize, _>(Error::unauthenticated()) };
        assert!(memory.get(2, refused).await.is_err());
        assert_eq!(*memory.get(2, ask()).await.unwrap(), 2);
        let from = Instant::now();
        while *memory.get(1, ask()).await.unwrap() == 1 {
            assert!(from.elapsed() < MAX_AGE * 3, "the answer is too old");
            tokio::task::yield_now().await;
        }
    }
}
