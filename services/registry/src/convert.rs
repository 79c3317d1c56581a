//! Between the contracts and this service's own types.

use prost_types::Timestamp;
use trinity_db::Page;
use trinity_error::{Error, Result, parse_id};
use trinity_proto::common::{Json, PageInfo};
use trinity_proto::registry as pb;

use crate::domain::dataset::{Column, Dataset, Format, Origin, Output};
use crate::domain::document::Document;
use crate::domain::project::{CatalogApp, NewProject, Project, ProjectChange};
use crate::domain::settings::Settings;
use crate::domain::text;
use crate::store::atom::{Atom, Version};

pub(crate) mod folder;

/// Where a numbered list stands.
pub(crate) fn page_info<T>(page: &Page<T>) -> PageInfo {
    PageInfo {
        page: Some(page.request.page),
        per_page: page.request.per_page,
        total: Some(page.total),
        total_pages: Some(page.total_pages()),
        next_page_token: page.next_page_token(),
    }
}

fn timestamp(time: chrono::DateTime<chrono::Utc>) -> Timestamp {
    Timestamp { seconds: time.timestamp(), nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default() }
}

fn settings(json: Json) -> Result<Document> {
    let document = Document::parse("settings", json.text)?;
    Settings::parse(&document)?;
    Ok(document)
}

impl TryFrom<pb::CreateProjectRequest> for NewProject {
    type Error = Error;

    fn try_from(request: pb::CreateProjectRequest) -> Result<Self> {
        if request.app.is_empty() {
            return Err(Error::required("app"));
        }
        Ok(Self {
            name: text::name("name", &request.name)?,
            app: text::plain("app", request.app)?,
            description: text::description("description", request.description)?,
            settings: request.settings.map(settings).transpose()?.unwrap_or_else(Document::empty),
            state: request
                .state
                .map(|json| Document::parse("state", json.text))
                .transpose()?
                .unwrap_or_else(Document::empty),
        })
    }
}

impl TryFrom<pb::UpdateProjectRequest> for ProjectChange {
    type Error = Error;

    fn try_from(request: pb::UpdateProjectRequest) -> Result<Self> {
        Ok(Self {
            id: parse_id("project_id", &request.project_id)?,
            // Why: no version is that large, so the change is stale whatever is there.
            version: request.version.map(|version| i64::try_from(version).unwrap_or(i64::MAX)),
            name: request.name.map(|name| text::name("name", &name)).transpose()?,
            description: request.description.map(|given| text::description("description", given)).transpose()?,
            settings: request.settings.map(settings).transpose()?,
            state: request.state.map(|json| Document::parse("state", json.text)).transpose()?,
        })
    }
}

impl From<CatalogApp> for pb::App {
    fn from(app: CatalogApp) -> Self {
        Self { slug: app.slug, name: app.name, description: app.description, active: app.active }
    }
}

impl From<Project> for pb::Project {
    fn from(project: Project) -> Self {
        Self {
            id: project.id.to_string(),
            name: project.name,
            description: project.description,
            owner_id: project.owner_id.to_string(),
            app: project.app,
            state: project.state.map(|state| Json::new(state.into_text())),
            settings: Some(Json::new(project.settings.into_text())),
            version: project.version.unsigned_abs(),
            created_at: Some(timestamp(project.created_at)),
            updated_at: Some(timestamp(project.updated_at)),
            deleted_at: project.deleted_at.map(timestamp),
            deleted_reason: project.deleted_reason,
        }
    }
}

impl From<Version> for pb::AtomVersion {
    /// What is said of it beside what is stored comes from this build, if it has the version.
    fn from(version: Version) -> Self {
        let spec = trinity_catalog::find(&version.atom, &version.version);
        let ports = |ports: &[trinity_catalog::Port]| ports.iter().map(port).collect();
        Self {
            r#type: spec.map_or("atom_execution", |spec| spec.kind.as_str()).to_owned(),
            input_ports: spec.map(|spec| ports(&spec.input_ports)).unwrap_or_default(),
            output_ports: spec.map(|spec| ports(&spec.output_ports)).unwrap_or_default(),
            atom: version.atom,
            version: version.version,
            config_schema: Some(Json::new(version.config_schema)),
            example: Some(Json::new(version.example)),
            min_inputs: version.min_inputs.unsigned_abs(),
            max_inputs: version.max_inputs.unsigned_abs(),
            outputs: version.outputs,
            passthrough: version.passthrough,
            active: version.active,
        }
    }
}

fn port(port: &trinity_catalog::Port) -> pb::Port {
    let column = |column: &trinity_catalog::PortColumn| pb::PortColumn {
        name: column.name.clone(),
        r#type: column.kind.clone(),
        description: column.description.clone(),
    };
    pb::Port {
        name: port.name.clone(),
        description: port.description.clone(),
        columns: port.columns.iter().map(column).collect(),
    }
}

impl From<Atom> for pb::Atom {
    fn from(atom: Atom) -> Self {
        Self {
            slug: atom.slug,
            name: atom.name,
            category: atom.category,
            description: atom.description,
            latest: Some(atom.latest.into()),
        }
    }
}

impl From<Format> for pb::DatasetFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Parquet => Self::Parquet,
            Format::Excel => Self::Excel,
            Format::Json => Self::Json,
            Format::Ndjson => Self::Ndjson,
            Format::Arrow => Self::Arrow,
        }
    }
}

impl From<Column> for pb::Column {
    fn from(column: Column) -> Self {
        Self { name: column.name, r#type: column.kind, nullable: column.nullable }
    }
}

/// Columns as people see them.
pub(crate) fn columns(columns: Vec<Column>) -> Vec<pb::Column> {
    columns.into_iter().map(Into::into).collect()
}

impl From<Dataset> for pb::Dataset {
    fn from(dataset: Dataset) -> Self {
        let origin = match dataset.origin {
            Origin::Upload => pb::DatasetOrigin::Upload,
            Origin::Run => pb::DatasetOrigin::Run,
        };
        Self {
            id: dataset.id.to_string(),
            project_id: dataset.project_id.to_string(),
            name: dataset.name,
            format: pb::DatasetFormat::from(dataset.format).into(),
            size_bytes: dataset.size_bytes.unsigned_abs(),
            rows: dataset.rows.map(i64::unsigned_abs),
            schema: columns(dataset.columns),
            content_hash: dataset.content_hash,
            problem: dataset.problem,
            origin: origin.into(),
            run_id: dataset.run_id.map(Into::into),
            task_id: dataset.task_id.map(Into::into),
            created_by: dataset.created_by.map(String::from).unwrap_or_default(),
            created_at: Some(timestamp(dataset.created_at)),
        }
    }
}

impl From<Dataset> for pb::DatasetFile {
    fn from(dataset: Dataset) -> Self {
        Self {
            dataset_id: dataset.id.to_string(),
            storage_key: dataset.storage_key,
            format: pb::DatasetFormat::from(dataset.format).into(),
            content_hash: dataset.content_hash,
            size_bytes: dataset.size_bytes.unsigned_abs(),
        }
    }
}

impl TryFrom<(usize, pb::Output)> for Output {
    type Error = Error;

    fn try_from((at, output): (usize, pb::Output)) -> Result<Self> {
        let field = |name: &str| format!("outputs[{at}].{name}");
        let size =
            |name: &str, value: u64| i64::try_from(value).map_err(|_| Error::invalid(field(name), "is too large"));
        let format = match output.format() {
            pb::DatasetFormat::Csv => Format::Csv,
            pb::DatasetFormat::Parquet => Format::Parquet,
            pb::DatasetFormat::Excel => Format::Excel,
            pb::DatasetFormat::Json => Format::Json,
            pb::DatasetFormat::Ndjson => Format::Ndjson,
            pb::DatasetFormat::Arrow => Format::Arrow,
            pb::DatasetFormat::Unspecified => return Err(Error::required(field("format"))),
        };
        let created_by = Some(output.created_by).filter(|id| !id.is_empty());
        let column = |column: pb::Column| Column { name: column.name, kind: column.r#type, nullable: column.nullable };
        Ok(Self {
            id: parse_id(&field("dataset_id"), &output.dataset_id)?,
            project_id: parse_id(&field("project_id"), &output.project_id)?,
            run_id: parse_id(&field("run_id"), &output.run_id)?,
            task_id: parse_id(&field("task_id"), &output.task_id)?,
            attempt: output.attempt.into(),
            created_by: created_by.map(|id| parse_id(&field("created_by"), &id)).transpose()?,
            name: text::plain(&field("name"), output.name)?,
            format,
            storage_key: text::plain(&field("storage_key"), output.storage_key)?,
            size_bytes: size("size_bytes", output.size_bytes)?,
            rows: size("rows", output.rows)?,
            columns: output.schema.into_iter().map(column).collect(),
            content_hash: text::plain(&field("content_hash"), output.content_hash)?,
        })
    }
}
