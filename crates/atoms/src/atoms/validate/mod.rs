//! `validate`: rules about rows and the table, reported with some of the rows that fail.

mod check;
mod failing;
mod rule;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use serde::Deserialize;
use serde_json::{Value, json};

use check::Checked;
use rule::{Rule, Severity};

use crate::{Fault, Outcome, fault::code, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    rules: Vec<Rule>,
    #[serde(default)]
    on_failure: OnFailure,
    #[serde(default = "ten")]
    sample_rows: usize,
}

fn ten() -> usize {
    10
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnFailure {
    #[default]
    Fail,
    Continue,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = types::normalize(job.input(0).await?)?;
    let keys = if job.task.inputs.len() > 1 { Some(types::normalize(job.input(1).await?)?) } else { None };
    let rows_in = job.rows_in();
    let plan = check::Plan::new(job, frame, keys, &config.rules).await?;
    let checked = plan.count(&config.rules).await?;
    let report = output::batch(job, "report", report(&config.rules, &checked)?).await?;
    let failing = failing::write(job, &plan, &config.rules, &checked, config.sample_rows).await?;
    let result = summary(&config.rules, &checked);
    for (rule, checked) in config.rules.iter().zip(&checked).filter(|(_, checked)| !checked.passed) {
        let level = if rule.severity == Severity::Error { "error" } else { "warn" };
        job.say(level, format!("{}: {}", rule.name(), checked.detail));
    }
    if config.on_failure == OnFailure::Fail {
        refuse(&config.rules, &checked)?;
    }
    // What is handed on is the first input; the second only holds keys.
    let rows_out = plan.rows(&checked).unwrap_or(rows_in);
    Ok(Outcome { rows_in, rows_out, outputs: vec![report, failing], result })
}

/// Fails the task when a rule of severity error does.
fn refuse(rules: &[Rule], checked: &[Checked]) -> Result<(), Fault> {
    let failed: Vec<String> = rules
        .iter()
        .zip(checked)
        .filter(|(rule, checked)| !checked.passed && rule.severity == Severity::Error)
        .map(|(rule, checked)| format!("{}: {}", rule.name(), checked.detail))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let message = format!("{} of {} rules failed: {}", failed.len(), rules.len(), failed.join("; "));
    Err(Fault::lasting(code::VALIDATION_FAILED, message))
}

fn report(rules: &[Rule], checked: &[Checked]) -> Result<RecordBatch, Fault> {
    let texts = |of: &dyn Fn(&Rule) -> String| -> ArrayRef {
        Arc::new(rules.iter().map(|rule| Some(of(rule))).collect::<StringArray>())
    };
    let counts = |of: fn(&Checked) -> u64| -> ArrayRef {
        Arc::new(checked.iter().map(|checked| i64::try_from(of(checked)).ok()).collect::<Int64Array>())
    };
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("rule", texts(&Rule::name), false),
        ("check", texts(&|rule| rule.check.word().to_owned()), false),
        ("columns", texts(&|rule| rule.columns().join(", ")), false),
        ("severity", texts(&|rule| rule.severity.word().to_owned()), false),
        ("checked", counts(|checked| checked.rows), false),
        ("failed", counts(|checked| checked.failed), false),
        (
            "passed",
            Arc::new(checked.iter().map(|checked| Some(checked.passed)).collect::<BooleanArray>()) as ArrayRef,
            false,
        ),
        (
            "detail",
            Arc::new(checked.iter().map(|checked| Some(checked.detail.as_str())).collect::<StringArray>()) as ArrayRef,
            false,
        ),
    ])?)
}

fn summary(rules: &[Rule], checked: &[Checked]) -> Value {
    let failed = |severity: Severity| -> Vec<String> {
        let both = rules.iter().zip(checked);
        both.filter(|(rule, checked)| rule.severity == severity && !checked.passed)
            .map(|(rule, _)| rule.name())
            .collect()
    };
    let errors = failed(Severity::Error);
    json!({
        "passed": errors.is_empty(), "rules": rules.len(), "errors": errors, "warnings": failed(Severity::Warning),
    })
}
