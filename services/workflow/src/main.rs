//! The workflow service as a process.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trinity_rpc::launch("workflow", &trinity_workflow::MIGRATOR, trinity_workflow::build)
}
