//! What each RPC does: validate, transact, announce, reply.

pub mod calls;
pub mod canvas;
pub mod check_out;
pub mod job;
pub mod permit;
pub mod placement;
pub mod plan;
pub mod version;
pub mod workflow;
