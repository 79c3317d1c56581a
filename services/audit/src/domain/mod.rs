//! Nouns and rules, without databases or networks.

pub(crate) mod chain;
pub(crate) mod query;
pub(crate) mod record;
