//! The program `trinity-all-in-one`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    trinity_all_in_one::command::main()
}
