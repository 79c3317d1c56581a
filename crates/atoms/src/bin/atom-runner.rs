//! The child process by itself, for tests and for workers that are installed beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    trinity_atoms::runner::main()
}
