//! The registry against a real Postgres and through real gRPC.

mod atoms;
mod datasets;
mod hostile;
mod hot;
mod outputs;
mod parquet_files;
mod projects;
mod stand;
mod start;
mod tenants;
mod uploads;
