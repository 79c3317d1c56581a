//! The program itself: settings and exit codes.

use std::process::{Command, Output};

fn worker(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trinity-worker"))
        .env_clear()
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .unwrap()
}

fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_setting_is_named() {
    let said = refusal(&worker(&[], &[]));
    assert!(said.contains("TRINITY_WORKER_STORAGE_URL is missing"), "{said}");
}

#[test]
fn unknown_and_senseless_settings_are_named() {
    let store = ("TRINITY_WORKER_STORAGE_URL", "file:///tmp");
    let said = refusal(&worker(&[store, ("TRINITY_WORKER_SLOT", "3")], &["config"]));
    assert!(said.contains("TRINITY_WORKER_SLOT is unknown"), "{said}");
    let shared = [("TRINITY_REDIS_URL", "redis://127.0.0.1:1"), ("TRINITY_SERVICE_KEY", "k")];
    let said = refusal(&worker(&[store, shared[0], shared[1], ("TRINITY_WORKER_SLOTS", "0")], &["config"]));
    assert!(said.contains("TRINITY_WORKER_SLOTS is between 1 and 1024"), "{said}");
    let said = refusal(&worker(&[store, shared[0], shared[1], ("TRINITY_WORKER_LABELS", "Has Spaces")], &["config"]));
    assert!(said.contains("TRINITY_WORKER_LABELS holds words"), "{said}");
    let said = refusal(&worker(&[store, shared[0], shared[1], ("TRINITY_WORKER_EGRESS_ALLOW", "*")], &["config"]));
    assert!(said.contains("TRINITY_WORKER_EGRESS_ALLOW is wrong"), "{said}");
}

#[test]
fn labels_and_allowed_hosts_are_lists_in_one_text() {
    let variables = [
        ("TRINITY_WORKER_STORAGE_URL", "s3://files/trinity"),
        ("TRINITY_STORAGE_REGION", "eu-central-1"),
        ("TRINITY_WORKER_LABELS", "default, gpu"),
        ("TRINITY_WORKER_EGRESS_ALLOW", "10.0.0.0/8,scores.internal"),
        ("TRINITY_REDIS_URL", "redis://127.0.0.1:1"),
        ("TRINITY_SERVICE_KEY", "k"),
    ];
    let output = worker(&variables, &["config"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_runner_refuses_to_be_used_by_hand() {
    let said = refusal(&worker(&[], &["atom-runner"]));
    assert!(said.contains("not for people"), "{said}");
}
