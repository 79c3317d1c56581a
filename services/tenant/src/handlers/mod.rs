//! What each RPC does: check, change, announce, answer.

pub(crate) mod budget;
pub(crate) mod domain;
pub(crate) mod flag;
pub(crate) mod life;
pub(crate) mod lookup;
pub(crate) mod plan;
pub(crate) mod subscription;
pub(crate) mod tenant;
pub(crate) mod usage;
