//! The atoms on real and on hostile files, in this process and in child processes.

mod csv_files;
mod expected;
mod http;
mod models;
mod operations;
mod postgres;
mod processes;
mod quality;
mod readers;
mod seattle;
mod shape;
mod spill;
mod support;
