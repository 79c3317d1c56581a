//! The registry against a real Postgres and through real gRPC.

mod access;
mod atoms;
mod calls;
mod datasets;
mod folder_rights;
mod folders;
mod formats;
mod hostile;
mod hot;
mod limits;
mod lists;
mod meter;
mod outputs;
mod parquet_files;
mod plans;
mod programs;
mod projects;
mod shelves;
mod stand;
mod standing;
mod start;
mod uploads;
