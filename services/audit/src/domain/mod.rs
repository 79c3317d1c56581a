//! Nouns and rules; pure.

pub mod chain;
pub mod event;
pub mod signer;
