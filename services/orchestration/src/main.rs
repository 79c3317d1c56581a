//! The orchestration service as a process.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trinity_rpc::launch("orchestration", &trinity_orchestration::MIGRATOR, trinity_orchestration::build)
}
