//! `trinity run`.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;
use trinity_cli::{Client, lookup, run};

use super::Outcome;
use crate::output::Output;

/// Runs a workflow, and follows it when asked to.
#[derive(Args)]
pub struct Run {
    /// Id, or with --project also slug or name.
    workflow: String,
    #[arg(long)]
    project: Option<String>,
    /// JSON that the run's atoms see as their context.
    #[arg(long)]
    context: Option<String>,
    /// Shows every task until the run ends; exit code 6 when it does not succeed.
    #[arg(long)]
    follow: bool,
}

impl Run {
    pub async fn execute(self, client: &Client, output: Output) -> Result<Outcome> {
        let project = match &self.project {
            Some(name) => Some(lookup::project(client, name).await?),
            None => None,
        };
        let workflow = lookup::workflow(client, project.as_deref(), &self.workflow).await?;
        let context: Option<Value> =
            self.context.as_deref().map(serde_json::from_str).transpose().context("--context is not JSON")?;
        let started = run::start(client, &workflow, context.as_ref()).await?;
        let run_id = started["run_id"].as_str().context("the answer names no run")?;
        if !self.follow {
            output.object(&started, run_id);
            return Ok(Outcome::Done);
        }
        let mut view = View::new();
        let ended = run::follow(client, run_id, |tasks| view.show(tasks)).await?;
        output.object(&ended, &summary(&ended));
        Ok(if ended["status"] == "succeeded" { Outcome::Done } else { Outcome::Failed })
    }
}

fn summary(run: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let head = format!("run {} {} after {} ms", text(&run["id"]), text(&run["status"]), run["duration_ms"]);
    match &run["error"] {
        Value::Null => head,
        error => format!("{head}\n{}: {} ({})", text(&error["task"]), text(&error["message"]), text(&error["code"])),
    }
}

/// The tasks of a run as they change: a live table on a terminal, else a line for each change.
struct View {
    bars: Option<MultiProgress>,
    rows: BTreeMap<String, (String, Option<ProgressBar>)>,
}

impl View {
    fn new() -> Self {
        Self { bars: stderr().is_terminal().then(MultiProgress::new), rows: BTreeMap::new() }
    }

    fn show(&mut self, tasks: &[Value]) {
        for task in tasks {
            let id = task["id"].as_str().unwrap_or_default();
            let line = describe(task);
            if self.rows.get(id).is_some_and(|(shown, _)| *shown == line) {
                continue;
            }
            let bar = self.rows.remove(id).and_then(|(_, bar)| bar).or_else(|| self.bars.as_ref().map(spinner));
            match &bar {
                Some(bar) if is_over(task) => bar.finish_with_message(line.clone()),
                Some(bar) => bar.set_message(line.clone()),
                None => eprintln!("{line}"),
            }
            self.rows.insert(id.to_owned(), (line, bar));
        }
    }
}

fn is_over(task: &Value) -> bool {
    !matches!(task["status"].as_str(), Some("queued" | "running"))
}

fn describe(task: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut line = format!("{:24} {:24} {:10}", text(&task["place"]), text(&task["atom"]), text(&task["status"]));
    if let Some(rows) = task["rows_out"].as_u64() {
        line.push_str(&format!(" {rows} rows"));
    }
    if let Some(attempt) = task["attempt"].as_u64().filter(|attempt| *attempt > 1) {
        line.push_str(&format!(" attempt {attempt}"));
    }
    if let Some(reason) = task["error"]["message"].as_str().or(task["waiting_for"].as_str()) {
        line.push_str(&format!(" ({reason})"));
    }
    line
}

fn spinner(bars: &MultiProgress) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = bars.add(ProgressBar::new_spinner().with_style(style));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
