//! Datasets: tables stored as files.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use trinity_ids::{DatasetId, ProjectId, RunId, TaskId, UserId};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
    /// .xlsx, .xls or .ods.
    Excel,
    /// One array of objects.
    Json,
    /// An object on each line.
    Ndjson,
    /// An Arrow IPC file or stream.
    Arrow,
}

impl Format {
    const ALL: [Self; 6] = [Self::Csv, Self::Parquet, Self::Excel, Self::Json, Self::Ndjson, Self::Arrow];

    /// The word in the database and in requests.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Excel => "excel",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
        }
    }

    /// Reads the word.
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// Every word, for people.
    pub fn words() -> String {
        Self::ALL.map(Self::word).join(", ")
    }

    /// What the name of such a file ends with; of an Excel file, `given` if that is one of the three kinds.
    pub fn extension(self, given: Option<&str>) -> &'static str {
        match (self, given) {
            (Self::Excel, Some("xls")) => "xls",
            (Self::Excel, Some("ods")) => "ods",
            (Self::Excel, _) => "xlsx",
            (other, _) => other.word(),
        }
    }

    /// The media type of such a file.
    pub fn content_type(self, extension: &str) -> &'static str {
        match (self, extension) {
            (Self::Csv, _) => "text/csv; charset=utf-8",
            (Self::Parquet, _) => "application/vnd.apache.parquet",
            (Self::Excel, "xls") => "application/vnd.ms-excel",
            (Self::Excel, "ods") => "application/vnd.oasis.opendocument.spreadsheet",
            (Self::Excel, _) => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            (Self::Json, _) => "application/json",
            (Self::Ndjson, _) => "application/x-ndjson",
            (Self::Arrow, _) => "application/vnd.apache.arrow.file",
        }
    }
}

/// A column of a table. `kind` is `boolean`, `int64`, `float64`, `date`, `timestamp`, `string`, or another engine's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub nullable: bool,
}

/// What reading a file told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Description {
    /// Unknown when the file could not be read to its end.
    pub rows: Option<u64>,
    pub columns: Vec<Column>,
    /// Why the file could not be read to its end, with the line.
    pub problem: Option<String>,
    /// What stands between the fields of a CSV file.
    pub delimiter: Option<u8>,
}

/// A dataset that somebody brought, whose file is stored.
#[derive(Debug, Clone)]
pub(crate) struct NewDataset {
    pub id: DatasetId,
    pub project_id: ProjectId,
    pub name: String,
    pub format: Format,
    pub size_bytes: u64,
    pub content_hash: String,
    pub storage_key: String,
    pub description: Description,
}

/// A table stored as a file.
#[derive(Debug, Clone)]
pub(crate) struct Dataset {
    pub id: DatasetId,
    pub project_id: ProjectId,
    pub name: String,
    pub format: Format,
    pub delimiter: Option<u8>,
    pub size_bytes: i64,
    pub rows: Option<i64>,
    pub columns: Vec<Column>,
    pub content_hash: String,
    pub storage_key: String,
    pub problem: Option<String>,
    pub origin: Origin,
    pub run_id: Option<RunId>,
    pub task_id: Option<TaskId>,
    pub created_by: Option<UserId>,
    pub created_at: DateTime<Utc>,
}

impl Dataset {
    /// What the name of its file ends with.
    pub fn extension(&self) -> &'static str {
        self.format.extension(self.storage_key.rsplit_once('.').map(|(_, extension)| extension))
    }

    /// The name of the file for somebody who takes it away: plain, with the extension of its format.
    pub fn filename(&self) -> String {
        let extension = self.extension();
        let plain = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c };
        let name: String = self.name.chars().map(plain).collect();
        let has_extension = name.to_lowercase().ends_with(&format!(".{extension}"));
        if has_extension { name } else { format!("{name}.{extension}") }
    }
}

/// Where a dataset comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Upload,
    Run,
}

/// A table that a task wrote.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub id: DatasetId,
    pub project_id: ProjectId,
    pub run_id: RunId,
    pub task_id: TaskId,
    pub attempt: i64,
    pub created_by: Option<UserId>,
    pub name: String,
    pub format: Format,
    pub storage_key: String,
    pub size_bytes: i64,
    pub rows: i64,
    pub columns: Vec<Column>,
    pub content_hash: String,
}
