//! Messages of the contract to and from the atoms' own form.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use serde_json::Value;
use trinity_atoms::{ColumnLineage, ColumnSource, Fault, Format, InputTable, LogLine, Outcome, Task, fault::code};
use trinity_proto::{common::Json, orchestration as pb};

/// A task in one of its attempts: the same when task and attempt are, and sent back just as it came.
#[derive(Debug, Clone)]
pub(crate) struct TaskKey(pb::TaskRef);

impl TaskKey {
    pub fn task_id(&self) -> &str {
        &self.0.task_id
    }

    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}

impl PartialEq for TaskKey {
    fn eq(&self, other: &Self) -> bool {
        (self.task_id(), self.attempt()) == (other.task_id(), other.attempt())
    }
}

impl Eq for TaskKey {}

impl Hash for TaskKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.task_id(), self.attempt()).hash(state);
    }
}

impl From<&pb::TaskRef> for TaskKey {
    fn from(task: &pb::TaskRef) -> Self {
        Self(task.clone())
    }
}

impl From<&TaskKey> for pb::TaskRef {
    fn from(key: &TaskKey) -> Self {
        key.0.clone()
    }
}

/// An assigned task as the atoms take it.
///
/// # Errors
/// `CONFIG_INVALID`, `INPUT_MISSING` when the assignment makes no sense to this worker.
pub(crate) fn task(assigned: &pb::AssignedTask) -> Result<Task, Fault> {
    let config = match assigned.config.as_ref().map(|config| config.text.trim()) {
        None | Some("") => Value::Object(serde_json::Map::new()),
        Some(text) => {
            serde_json::from_str(text).map_err(|error| Fault::config(format!("the config is no JSON: {error}")))?
        }
    };
    let labels = [
        ("tenant_id", &assigned.tenant_id),
        ("project_id", &assigned.project_id),
        ("workflow_id", &assigned.workflow_id),
        ("run_id", &assigned.run_id),
        ("place", &assigned.place),
    ];
    Ok(Task {
        atom: assigned.atom.clone(),
        version: assigned.atom_version.clone(),
        config,
        inputs: assigned.inputs.iter().map(input).collect::<Result<_, _>>()?,
        datasets: assigned.datasets.iter().map(input).collect::<Result<_, _>>()?,
        output_prefix: assigned.output_prefix.clone(),
        attempt: assigned.task.as_ref().map_or(1, |task| task.attempt),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect::<BTreeMap<_, _>>(),
        secrets: BTreeMap::new(),
    })
}

fn input(file: &pb::InputFile) -> Result<InputTable, Fault> {
    let format = Format::parse(&file.format).ok_or_else(|| {
        Fault::lasting(code::INPUT_MISSING, format!("an input of the unknown format \"{}\"", file.format))
    })?;
    Ok(InputTable {
        dataset_id: Some(file.dataset_id.clone()).filter(|id| !id.is_empty()),
        storage_key: file.storage_key.clone(),
        format,
        content_hash: file.content_hash.clone(),
    })
}

/// The message that says how an attempt ended.
pub(crate) fn ending(key: &TaskKey, result: Result<(Outcome, bool), Fault>) -> pb::connect_request::Kind {
    match result {
        Ok((outcome, cached)) => pb::connect_request::Kind::Completed(pb::TaskCompleted {
            task: Some(key.into()),
            rows_in: outcome.rows_in,
            rows_out: outcome.rows_out,
            outputs: outcome.outputs.into_iter().map(output).collect(),
            result: Some(Json::new(result_text(&outcome.result))),
            cached,
        }),
        Err(fault) => pb::connect_request::Kind::Failed(pb::TaskFailed {
            task: Some(key.into()),
            code: fault.code,
            message: fault.message,
            retryable: fault.retryable,
        }),
    }
}

/// The longest result document, in bytes; gRPC takes 4 MiB at the most, and its schemas need room as well.
const MAX_RESULT_BYTES: usize = 1 << 20;

/// Why cut: what does not pass would break the stream, be repeated, and break it again.
fn result_text(result: &Value) -> String {
    let text = result.to_string();
    if text.len() <= MAX_RESULT_BYTES {
        return text;
    }
    serde_json::json!({ "too_large": true, "size_bytes": text.len(), "message": "the outputs hold all of it" })
        .to_string()
}

fn output(table: trinity_atoms::OutputTable) -> pb::OutputFile {
    let column = |column: trinity_atoms::ColumnInfo| pb::OutputColumn {
        name: column.name,
        r#type: column.kind,
        nullable: column.nullable,
    };
    pb::OutputFile {
        name: table.name,
        storage_key: table.storage_key,
        rows: table.rows,
        size_bytes: table.size_bytes,
        content_hash: table.content_hash,
        schema: table.columns.into_iter().map(column).collect(),
        lineage: table.lineage.into_iter().map(lineage).collect(),
        format: table.format.word().to_owned(),
    }
}

fn lineage(lineage: ColumnLineage) -> pb::ColumnLineage {
    let source = |source: ColumnSource| pb::ColumnSource { input: source.input, column: source.column };
    pb::ColumnLineage { column: lineage.column, sources: lineage.sources.into_iter().map(source).collect() }
}

pub(crate) fn line(line: LogLine) -> pb::TaskLogLine {
    pb::TaskLogLine { at_ms: line.at_ms, level: line.level, message: line.message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_too_large_for_the_stream_is_said_to_be_so() {
        assert_eq!(result_text(&Value::from("x")), "\"x\"");
        let text = result_text(&Value::from("x".repeat(MAX_RESULT_BYTES)));
        assert!(text.len() < 200 && text.contains("too_large"), "{text}");
    }

    #[test]
    fn inputs_of_unknown_format_are_refused() {
        let mut assigned = pb::AssignedTask::default();
        assigned.inputs.push(pb::InputFile { format: "xlsx".into(), ..pb::InputFile::default() });
        assert_eq!(task(&assigned).unwrap_err().code, code::INPUT_MISSING);
    }
}
