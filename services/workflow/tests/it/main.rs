//! The workflow service over real gRPC and a real Postgres, with peers that answer by their contracts.

mod access;
mod calls;
mod catalogue;
mod check_out;
mod executions;
mod faults;
mod folders;
mod jobs;
mod peers;
mod save;
mod stage;
mod tenancy;
mod versions;
