//! A short trial of `trinity-chaos`; `make chaos` runs the long one.

use std::process::Command;

#[test]
fn a_bad_half_minute_loses_nothing() {
    let own = std::env::current_exe().unwrap();
    let program = own.ancestors().nth(2).unwrap().join("trinity-chaos");
    // Why: it crashes its Postgres, which nobody else may use.
    let output = Command::new(&program).args(["--seconds", "25"]).env_remove("TRINITY_TEST_POSTGRES").output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; make test builds it", program.display()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
