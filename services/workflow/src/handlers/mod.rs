//! What each RPC does: validate, transact, announce, reply.

pub mod canvas;
pub mod check_out;
pub mod permit;
pub mod plan;
pub mod version;
pub mod workflow;
