//! `up` and `down` as people use them: the real program, a real Postgres and Redis, the worked example.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use trinity_cli::{Client, Login, lookup};

/// An installation that is removed at the end, also when the test panics.
struct Installation(TempDir);

impl Installation {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Runs a command of the program. Returns what it printed.
    fn command(&self, name: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trinity-all-in-one"));
        command.args([name, "--data"]).arg(self.data()).env_remove("DATABASE_URL").env_remove("REDIS_URL");
        if name == "up" {
            command.arg("--example").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/seattle-weather"));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A value of `dev.env`.
    fn environment(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.data().join("dev.env")).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    }

    async fn client(&self) -> Client {
        let client = Client::new(&self.environment("TRINITY_URL")).unwrap();
        let [tenant, email, password] =
            ["TRINITY_TENANT", "TRINITY_EMAIL", "TRINITY_PASSWORD"].map(|name| self.environment(name));
        let Login::Done(tokens) = client.login(&tenant, &email, &password).await.unwrap() else {
            panic!("a second factor is asked for");
        };
        client.with_token(&tokens.access_token)
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let program = env!("CARGO_BIN_EXE_trinity-all-in-one");
        let _ = Command::new(program).args(["remove", "--data"]).arg(self.data()).output();
    }
}

#[tokio::test]
async fn second_up_keeps_the_data_and_runs_nothing_again() {
    let installation = Installation::new();
    let first = installation.command("up");
    assert!(first.contains("run succeeded"), "{first}");
    assert!(first.contains("events holds"), "{first}");

    let project = lookup::project(&installation.client().await, "Seattle weather").await.unwrap();
    installation.command("down");
    let second = installation.command("up");
    assert!(!second.contains("run succeeded"), "{second}");

    let client = installation.client().await;
    let runs = client.page("/runs", &[("project_id", &project)]).await.unwrap().items;
    assert_eq!(runs.len(), 1, "the example ran once");
    let workflows = client.list(&format!("/projects/{project}/workflows"), &[]).await.unwrap();
    assert_eq!(workflows.len(), 1);
    assert_eq!(workflows[0]["version"], 1, "the same file twice changes nothing");

    let third = installation.command("up");
    assert!(third.contains(&installation.environment("TRINITY_URL")), "{third}");
}
