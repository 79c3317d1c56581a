//! The atoms on real and on hostile files, in this process and in child processes.

mod csv_files;
mod http;
mod operations;
mod processes;
mod seattle;
mod support;
