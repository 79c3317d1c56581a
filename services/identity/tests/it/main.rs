//! The identity service over gRPC, with the tenant service beside it, on a Postgres of its own, in its serving role.

mod isolation;
mod keys;
mod lockout;
mod login;
mod owners;
mod refresh;
mod sessions;
mod stack;
mod users;
