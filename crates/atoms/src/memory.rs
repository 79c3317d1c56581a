//! The memory that the steps of a query share: equal parts for those that can use the disk instead, and a bound on what
//! merging takes, so that one sort that merges does not starve another that has only begun.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use datafusion::{
    error::{DataFusionError, Result},
    execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation},
};

/// What the engine calls the memory in which a sort merges what it spilled. It takes all that is there, since more
/// makes it faster, and does with little.
const MERGE: &str = "ExternalSorterMerge";
/// The part of the memory that one merge may have.
const MERGE_PART: usize = 6;

/// The engine's own pool with that bound.
#[derive(Debug)]
pub(crate) struct Memory {
    fair: FairSpillPool,
    limit_bytes: usize,
    merge_limit_bytes: AtomicUsize,
}

impl Memory {
    pub fn new(limit_bytes: usize) -> Self {
        Self { fair: FairSpillPool::new(limit_bytes), limit_bytes, merge_limit_bytes: AtomicUsize::new(limit_bytes) }
    }

    /// Bounds what each merge may take from now on, or no longer.
    pub fn bound_merges(&self, bounded: bool) {
        let limit = if bounded { self.limit_bytes / MERGE_PART } else { self.limit_bytes };
        self.merge_limit_bytes.store(limit, Ordering::Relaxed);
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fair.fmt(formatter)
    }
}

impl MemoryPool for Memory {
    fn name(&self) -> &str {
        "trinity"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.fair.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.fair.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.fair.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.fair.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let merges = reservation.consumer().name().starts_with(MERGE);
        if merges && reservation.size() + additional > self.merge_limit_bytes.load(Ordering::Relaxed) {
            return Err(DataFusionError::ResourcesExhausted("a merge has its part of the memory".into()));
        }
        self.fair.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.fair.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.fair.memory_limit()
    }
}
