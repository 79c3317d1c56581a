//! What each RPC does: check, change, announce, answer.

pub(crate) mod lookup;
pub(crate) mod tenant;
