//! The tenant service as a process.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trinity_rpc::launch("tenant", &trinity_tenant::MIGRATOR, trinity_tenant::build)
}
