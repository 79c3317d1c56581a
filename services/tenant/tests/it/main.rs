//! The tenant service over gRPC, on a Postgres of its own, in its serving role.

mod isolation;
mod lifecycle;
mod lookup;
mod stack;
