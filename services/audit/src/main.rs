//! The audit service as a process of its own.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trinity_rpc::launch("audit", &trinity_audit::MIGRATOR, trinity_audit::build)
}
