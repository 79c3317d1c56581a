//! Requests of a tenant, over all instances of the gateway.
//!
//! Redis counts for everybody (`take.lua`), but a round trip for each request would cost more than the request. So an
//! instance takes permits in chunks, the larger the busier the tenant is, and keeps them for a second at most. Besides,
//! it counts by itself what it let through: that is the limit while Redis is away, it saves asking when the answer can
//! only be no, and a Redis that comes back empty gives nobody a second burst on this instance.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use trinity_bus::{Bus, Script};
use trinity_ids::TenantId;

use super::gcra::{Quota, Used};
use super::{Allowance, Clock, Exceeded};

/// How long permits are kept; what is not used by then is lost.
const KEPT_US: u64 = 1_000_000;
/// The largest chunk is this part of the limit.
const CHUNKS: u32 = 20;
/// A chunk that is used up so soon is followed by one twice as large.
const SOON_US: u64 = 100_000;
/// How long a request waits for Redis.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long Redis is left alone after it did not answer.
const AWAY_US: u64 = 1_000_000;

/// The limit by tenant.
pub struct TenantLimit {
    bus: Bus,
    script: Script,
    burst: Duration,
    clock: Clock,
    buckets: RwLock<HashMap<TenantId, Arc<Bucket>>>,
    /// When Redis may be asked again.
    away_until_us: AtomicU64,
    is_away: AtomicBool,
}

/// What this instance holds of one tenant's quota.
#[derive(Default)]
struct Bucket {
    state: Mutex<State>,
    /// Held by the one who fetches the next chunk for all.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    limit: u32,
    permits: u64,
    /// When the permits are lost.
    expires_us: u64,
    /// When they were fetched, and how many were wanted.
    fetched_us: u64,
    chunk: u64,
    /// What there was room for beyond them.
    beyond: u64,
    /// Until when nothing will be let through.
    refused_until_us: u64,
    /// What this instance took, whoever counted it.
    used: Used,
}

/// An answer of Redis, or of this instance in its place.
struct Grant {
    taken: u64,
    beyond: u64,
    wait_us: u64,
}

type Verdict = Result<Allowance, Exceeded>;

impl TenantLimit {
    /// `burst`: how much may come at once, as the time in which the limit allows as much.
    #[must_use]
    pub fn new(bus: Bus, burst: Duration) -> Self {
        Self {
            bus,
            script: Script::new(include_str!("take.lua")),
            burst,
            clock: Clock::start(),
            buckets: RwLock::default(),
            away_until_us: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
        }
    }

    /// Counts a request of a tenant that may make `limit` a minute.
    ///
    /// # Errors
    /// It is one too many.
    pub async fn admit(&self, tenant: TenantId, limit: u32) -> Verdict {
        let bucket = self.bucket(tenant);
        if let Some(verdict) = bucket.state().decide(limit, self.clock.now_us()) {
            return verdict;
        }
        let _alone = bucket.fetching.lock().await;
        let now = self.clock.now_us();
        let quota = Quota::new(limit, self.burst);
        let wanted = {
            let mut state = bucket.state();
            if let Some(verdict) = state.decide(limit, now) {
                return verdict;
            }
            state.next_chunk(quota, now)
        };
        let key = format!("rate:{tenant}:{limit}");
        let grant = if wanted > 0 { self.fetch(&key, quota, wanted).await } else { None };
        bucket.state().put(grant, wanted, quota, now)
    }

    /// Takes permits from Redis; `None` when it is away.
    async fn fetch(&self, key: &str, quota: Quota, wanted: u64) -> Option<Grant> {
        if self.clock.now_us() < self.away_until_us.load(Ordering::Relaxed) {
            return None;
        }
        let arguments = [quota.interval_us(), quota.tolerance_us(), wanted];
        let answer = tokio::time::timeout(PATIENCE, self.bus.run(&self.script, key, &arguments)).await;
        let cause = match answer {
            Ok(Ok((taken, beyond, wait_us))) => {
                self.is_away.store(false, Ordering::Relaxed);
                return Some(Grant { taken, beyond, wait_us });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.away_until_us.store(self.clock.now_us() + AWAY_US, Ordering::Relaxed);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(cause, "redis is away; each gateway limits requests by itself");
        }
        None
    }

    fn bucket(&self, tenant: TenantId) -> Arc<Bucket> {
        let known = self.buckets.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        known.unwrap_or_else(|| {
            let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(buckets.entry(tenant).or_default())
        })
    }

    /// Forgets tenants of which nothing is counted any more.
    pub(super) fn sweep(&self) {
        let now = self.clock.now_us();
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|_, bucket| {
            let state = bucket.state();
            state.used.is_pending(now) || now < state.expires_us
        });
    }
}

impl Bucket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Decides by what is known; `None` when more permits must be fetched first.
    fn decide(&mut self, limit: u32, now_us: u64) -> Option<Verdict> {
        if self.limit != limit {
            // Why: a new plan holds at once, whatever was used of the old one.
            *self = Self { limit, ..Self::default() };
        }
        if self.permits > 0 && now_us < self.expires_us {
            self.permits -= 1;
            return Some(Ok(Allowance { limit, remaining: self.permits + self.beyond }));
        }
        let wait = self.refused_until_us.checked_sub(now_us).filter(|wait| *wait > 0)?;
        Some(Err(Exceeded { limit, wait: Duration::from_micros(wait) }))
    }

    /// How many permits to fetch: none when this instance alone has used all there is.
    fn next_chunk(&mut self, quota: Quota, now_us: u64) -> u64 {
        let was_used_up = self.permits == 0 && now_us.saturating_sub(self.fetched_us) < SOON_US;
        let largest = u64::from(self.limit / CHUNKS).max(1);
        self.chunk = if was_used_up { (self.chunk * 2).clamp(1, largest) } else { 1 };
        self.permits = 0;
        self.chunk.min(self.used.room(quota, now_us))
    }

    /// Takes what was fetched and lets one request through if it can. Without a grant this instance decides alone.
    fn put(&mut self, grant: Option<Grant>, wanted: u64, quota: Quota, now_us: u64) -> Verdict {
        let Grant { taken, beyond, wait_us } = grant.unwrap_or_else(|| Grant {
            taken: wanted,
            beyond: self.used.room(quota, now_us) - wanted,
            wait_us: u64::try_from(self.used.wait(quota, now_us).as_micros()).unwrap_or(u64::MAX),
        });
        self.used.take(quota, now_us, taken);
        if taken == 0 {
            // Why at least 1: the next one who asks has to find an answer here.
            self.refused_until_us = now_us + wait_us.max(1);
            return Err(Exceeded { limit: self.limit, wait: Duration::from_micros(wait_us) });
        }
        (self.permits, self.beyond) = (taken - 1, beyond);
        (self.fetched_us, self.expires_us) = (now_us, now_us + KEPT_US);
        Ok(Allowance { limit: self.limit, remaining: self.permits + beyond })
    }
}
