//! The tenant service over gRPC, on a Postgres of its own, in its serving role.

mod budgets;
mod domains;
mod erasure;
mod flags;
mod isolation;
mod lifecycle;
mod lookup;
mod migration;
mod plans;
mod stack;
mod usage;
