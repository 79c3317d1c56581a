//! Lineage as people see it.

use trinity_ids::DatasetId;
use trinity_proto::orchestration as pb;

use super::timestamp;
use crate::store::lineage::{Column, Row, Source};

impl From<Row> for pb::LineageStep {
    fn from(row: Row) -> Self {
        // Why an empty text and not nothing: columns refer to inputs by their place.
        let input = |id: Option<DatasetId>| id.map(String::from).unwrap_or_default();
        Self {
            run_id: row.run_id.to_string(),
            task_id: row.task_id.to_string(),
            workflow_id: row.workflow_id.map(String::from).unwrap_or_default(),
            place: row.place,
            atom: row.atom,
            input_dataset_ids: row.input_dataset_ids.into_iter().map(input).collect(),
            output_dataset_id: row.output_dataset_id.to_string(),
            output_name: row.output_name,
            columns: row.columns.into_iter().map(Into::into).collect(),
            completed_at: Some(timestamp(row.completed_at)),
        }
    }
}

impl From<Column> for pb::ColumnLineage {
    fn from(column: Column) -> Self {
        Self { column: column.column, sources: column.sources.into_iter().map(Into::into).collect() }
    }
}

impl From<Source> for pb::ColumnSource {
    fn from(source: Source) -> Self {
        Self { input: source.input, column: source.column }
    }
}
