//! What this service announces: each change with what it was before and what it is after.
//!
//! Documents that did not change are left out, so that a rename does not carry a canvas of a megabyte twice.

use serde::Serialize;
use serde_json::value::RawValue;
use trinity_outbox::Event;

use crate::domain::dataset::{Column, Dataset};
use crate::domain::document::Document;
use crate::domain::project::Project;

pub(crate) mod folder;

#[derive(Serialize)]
struct ProjectImage<'a> {
    name: &'a str,
    description: &'a str,
    app: &'a str,
    owner_id: String,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct DatasetImage<'a> {
    project_id: String,
    name: &'a str,
    format: &'a str,
    size_bytes: i64,
    rows: Option<i64>,
    columns: &'a [Column],
    content_hash: &'a str,
    problem: Option<&'a str>,
}

/// A project is new.
pub(crate) fn project_created(project: &Project) -> Event {
    let after = image(project, true, true);
    Event { after: Some(after), ..project_event("project.create", project) }
}

/// A project was edited.
pub(crate) fn project_updated(before: &Project, after: &Project) -> Event {
    let settings = before.settings != after.settings;
    let state = before.state != after.state;
    Event {
        before: Some(image(before, settings, state)),
        after: Some(image(after, settings, state)),
        ..project_event("project.update", after)
    }
}

/// A project was hidden.
pub(crate) fn project_deleted(before: &Project, reason: &str) -> Event {
    let deleted = Project { deleted_reason: Some(reason.to_owned()), version: before.version + 1, ..before.clone() };
    Event {
        before: Some(image(before, false, false)),
        after: Some(image(&deleted, false, false)),
        ..project_event("project.delete", before)
    }
}

/// A project was brought back.
pub(crate) fn project_restored(before: &Project, after: &Project) -> Event {
    Event {
        before: Some(image(before, false, false)),
        after: Some(image(after, false, false)),
        ..project_event("project.restore", after)
    }
}

/// Somebody brought a dataset.
pub(crate) fn dataset_uploaded(dataset: &Dataset) -> Event {
    Event { after: Some(dataset_image(dataset)), ..dataset_event("dataset.upload", dataset) }
}

/// A dataset is gone.
pub(crate) fn dataset_deleted(dataset: &Dataset) -> Event {
    Event { before: Some(dataset_image(dataset)), ..dataset_event("dataset.delete", dataset) }
}

fn project_event(action: &'static str, project: &Project) -> Event {
    Event {
        action,
        object_type: "project",
        object_id: project.id.to_string(),
        object_name: project.name.clone(),
        ..Event::default()
    }
}

fn dataset_event(action: &'static str, dataset: &Dataset) -> Event {
    Event {
        action,
        object_type: "dataset",
        object_id: dataset.id.to_string(),
        object_name: dataset.name.clone(),
        ..Event::default()
    }
}

fn image(project: &Project, settings: bool, state: bool) -> String {
    let settings = Some(&project.settings).filter(|_| settings).and_then(verbatim);
    let state = project.state.as_ref().filter(|_| state).and_then(verbatim);
    json(&ProjectImage {
        name: &project.name,
        description: &project.description,
        app: &project.app,
        owner_id: project.owner_id.to_string(),
        version: project.version,
        deleted_reason: project.deleted_reason.as_deref(),
        settings,
        state,
    })
}

/// A document in place, as the text that it is.
fn verbatim(document: &Document) -> Option<&RawValue> {
    serde_json::from_str(document.text()).ok()
}

fn dataset_image(dataset: &Dataset) -> String {
    json(&DatasetImage {
        project_id: dataset.project_id.to_string(),
        name: &dataset.name,
        format: dataset.format.word(),
        size_bytes: dataset.size_bytes,
        rows: dataset.rows,
        columns: &dataset.columns,
        content_hash: &dataset.content_hash,
        problem: dataset.problem.as_deref(),
    })
}

fn json(image: &impl Serialize) -> String {
    serde_json::to_string(image).expect("an image has string keys and sound documents")
}
