//! The identity service over gRPC, with the tenant service beside it, on a Postgres of its own, in its serving role.

mod access;
mod api_keys;
mod clients;
mod decisions;
mod folders;
mod grants;
mod isolation;
mod keys;
mod lockout;
mod login;
mod migrations;
mod objects;
mod owners;
mod people;
mod refresh;
mod secrets;
mod sessions;
mod stack;
mod staff;
mod staleness;
mod users;
