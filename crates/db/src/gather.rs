//! Point reads that share round trips: while one statement of a tenant is under way, whoever asks meanwhile waits and
//! shares the next one.
//!
//! An idle service answers at once, a busy one with a fraction of the statements. The idea is that of DataLoader
//! (<https://github.com/graphql/dataloader>), without its waiting time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::postgres::{PgHasArrayType, PgRow};
use sqlx::{Encode, FromRow, Postgres, Type};
use tokio::sync::oneshot;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::{CONTEXT_CTE, Db};

/// How many ids one statement asks for at the most.
const MAX_IDS: usize = 256;

/// Reads of one kind of row by its id, gathered by tenant: no statement serves two of them.
pub struct GatheredReads<K, T>(Arc<Inner<K, T>>);

struct Inner<K, T> {
    db: Db,
    statement: &'static str,
    key: fn(&T) -> K,
    /// Who waits for the next statement, for each tenant that has one under way.
    waiting: Mutex<HashMap<TenantId, Vec<Asker<K, T>>>>,
}

struct Asker<K, T> {
    id: K,
    answer: oneshot::Sender<Result<Option<T>>>,
}

impl<K, T> std::fmt::Debug for GatheredReads<K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatheredReads").field("statement", &self.0.statement).finish_non_exhaustive()
    }
}

impl<K, T> GatheredReads<K, T>
where
    K: Copy + Eq + Hash + Send + Sync + PgHasArrayType + Type<Postgres> + for<'q> Encode<'q, Postgres> + 'static,
    T: Clone + Send + Sync + Unpin + for<'r> FromRow<'r, PgRow> + 'static,
{
    /// `statement` is a hot one (see [`CONTEXT_CTE`]) whose `$2` is an array of ids; `key` gives the id of a row.
    #[must_use]
    pub fn new(db: Db, statement: &'static str, key: fn(&T) -> K) -> Self {
        debug_assert!(statement.starts_with(CONTEXT_CTE), "a hot statement sets its context first");
        Self(Arc::new(Inner { db, statement, key, waiting: Mutex::default() }))
    }

    /// Finds one row of the caller's tenant.
    ///
    /// # Errors
    /// `Unauthenticated` without a tenant; `Unavailable` when Postgres is away.
    pub async fn find(&self, ctx: &RequestContext, id: K) -> Result<Option<T>> {
        let tenant = ctx.tenant()?;
        let (answer, answered) = oneshot::channel();
        let asker = Asker { id, answer };
        match self.0.waiting().entry(tenant) {
            Entry::Occupied(mut under_way) => under_way.get_mut().push(asker),
            Entry::Vacant(idle) => {
                idle.insert(vec![asker]);
                let inner = Arc::clone(&self.0);
                // Why a task: a caller that goes away must not leave the others who wait for the same statement.
                #[expect(clippy::disallowed_methods, reason = "its panic reaches those who wait as an error")]
                tokio::spawn(async move { inner.serve(tenant).await });
            }
        }
        answered.await.map_err(Error::internal)?
    }
}

impl<K, T> Inner<K, T>
where
    K: Copy + Eq + Hash + Send + Sync + PgHasArrayType + Type<Postgres> + for<'q> Encode<'q, Postgres> + 'static,
    T: Clone + Send + Sync + Unpin + for<'r> FromRow<'r, PgRow> + 'static,
{
    async fn serve(&self, tenant: TenantId) {
        let _idle_at_last = Idle { inner: self, tenant };
        while let Some(askers) = self.next(tenant) {
            let found = self.read(tenant, askers.iter().map(|asker| asker.id).collect()).await;
            for Asker { id, answer } in askers {
                let row = found.as_ref().map(|rows| rows.get(&id).cloned()).map_err(Error::again);
                // A caller that went away needs no answer.
                let _ = answer.send(row);
            }
        }
    }

    /// Those who wait; nobody any more ends the tenant's entry.
    fn next(&self, tenant: TenantId) -> Option<Vec<Asker<K, T>>> {
        let mut waiting = self.waiting();
        let askers = waiting.get_mut(&tenant)?;
        if askers.is_empty() {
            waiting.remove(&tenant);
            return None;
        }
        Some(askers.drain(..askers.len().min(MAX_IDS)).collect())
    }

    async fn read(&self, tenant: TenantId, ids: Vec<K>) -> Result<HashMap<K, T>> {
        let query = || sqlx::query_as(self.statement).bind(tenant.to_string()).bind(&ids);
        let rows: Vec<T> = match query().fetch_all(&mut **self.db.connection().await?).await {
            Err(error) if crate::is_broken(&error) => query().fetch_all(&mut **self.db.connection().await?).await?,
            other => other?,
        };
        Ok(rows.into_iter().map(|row| ((self.key)(&row), row)).collect())
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Asker<K, T>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the tenant's entry away even when reading panics: whoever waits gets an error, and the next one starts anew.
struct Idle<'i, K, T> {
    inner: &'i Inner<K, T>,
    tenant: TenantId,
}

impl<K, T> Drop for Idle<'_, K, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
        }
    }
}
