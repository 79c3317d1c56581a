//! The rules of a chain: each link's hash covers the link before it, and sequences have no gaps.

use sha2::{Digest, Sha256};
use trinity_ids::TenantId;

use super::record::Record;

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// What stands before the first link.
pub(crate) const GENESIS: Hash = [0; 32];

/// A record in its place.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub sequence: i64,
    pub record: Record,
    pub hash: Hash,
}

/// The hash of a link: SHA-256 over the hash of the link before and the record's canonical form.
pub(crate) fn hash(previous: &Hash, tenant: TenantId, sequence: i64, record: &Record) -> Hash {
    Sha256::new_with_prefix(previous).chain_update(record.canonical(tenant, sequence)).finalize().into()
}

/// Puts records behind the end of a chain, in their order.
pub(crate) fn extend(tenant: TenantId, sequence: i64, head: Hash, records: Vec<Record>) -> Vec<Link> {
    let mut end = (sequence, head);
    let link = |record: Record| {
        let sequence = end.0 + 1;
        let hash = hash(&end.1, tenant, sequence, &record);
        end = (sequence, hash);
        Link { sequence, record, hash }
    };
    records.into_iter().map(link).collect()
}

/// Where a chain is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Break {
    pub sequence: i64,
    pub problem: String,
}

/// Walks a chain from its first link, recomputing every hash.
#[derive(Debug)]
pub(crate) struct Walk {
    tenant: TenantId,
    /// The last sound link.
    pub sequence: i64,
    pub head: Hash,
}

impl Walk {
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, sequence: 0, head: GENESIS }
    }

    /// Takes the next link in order of sequence.
    ///
    /// # Errors
    /// The first sequence that was altered, removed, added or put in another order.
    pub fn step(&mut self, link: &Link) -> Result<(), Break> {
        let expected = self.sequence + 1;
        let wrong = |sequence: i64, problem: String| Err(Break { sequence, problem });
        if link.sequence > expected {
            return wrong(expected, format!("record {expected} is missing"));
        }
        if link.sequence < expected {
            return wrong(link.sequence, format!("record {} is there twice", link.sequence));
        }
        if hash(&self.head, self.tenant, expected, &link.record) != link.hash {
            return wrong(expected, format!("record {expected} was altered, or stands in another's place"));
        }
        self.sequence = expected;
        self.head = link.hash;
        Ok(())
    }

    /// Compares where the walk ended with where the chain says that it ends.
    ///
    /// # Errors
    /// The first record that is missing at the end, or too many.
    pub fn finish(&self, sequence: i64, head: &Hash) -> Result<(), Break> {
        let wrong = |sequence: i64, problem: String| Err(Break { sequence, problem });
        if self.sequence < sequence {
            let first = self.sequence + 1;
            return wrong(first, format!("records {first} to {sequence} are missing at the end"));
        }
        if self.sequence > sequence {
            let first = sequence + 1;
            return wrong(first, format!("records {first} to {} stand behind the end of the chain", self.sequence));
        }
        if self.head != *head {
            return wrong(sequence, "the end of the chain does not match its last record".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
