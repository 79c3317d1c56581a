//! From what people type (an id, a name, a slug) to ids.

use serde_json::Value;
use uuid::Uuid;

use crate::{Client, Error, Result};

/// The id of a project named by id or name.
///
/// # Errors
/// `NoSuch` when none has that name.
pub async fn project(client: &Client, name: &str) -> Result<String> {
    match find_project(client, name).await? {
        Some(id) => Ok(id),
        None => Err(Error::NoSuch { kind: "project", name: name.to_owned() }),
    }
}

/// As `project`, with absence as an answer.
///
/// # Errors
/// Those of the request.
pub async fn find_project(client: &Client, name: &str) -> Result<Option<String>> {
    if is_id(name) {
        return Ok(Some(name.to_owned()));
    }
    Ok(id_where(&client.list("/projects", &[]).await?, &["name"], name))
}

/// The id of a folder named by id, or by its path within a project, such as `Reports/2026`.
///
/// # Errors
/// `NoSuch` when there is none, or when a path comes without a project.
pub async fn folder(client: &Client, project_id: Option<&str>, path: &str) -> Result<String> {
    if is_id(path) {
        return Ok(path.to_owned());
    }
    let missing = || Error::NoSuch { kind: "folder", name: path.to_owned() };
    let folders = format!("/projects/{}/folders", project_id.ok_or_else(missing)?);
    let mut id = String::new();
    for name in path.split('/') {
        let there = client.list(&folders, &[("parent_id", &id)]).await?;
        id = id_where(&there, &["name"], name).ok_or_else(missing)?;
    }
    Ok(id)
}

/// The id of a workflow named by id, or by slug or name within a project.
///
/// # Errors
/// `NoSuch` when none fits, or when a name comes without a project.
pub async fn workflow(client: &Client, project: Option<&str>, name: &str) -> Result<String> {
    if is_id(name) {
        return Ok(name.to_owned());
    }
    let missing = || Error::NoSuch { kind: "workflow", name: name.to_owned() };
    let project = project.ok_or_else(missing)?;
    find_workflow(client, project, name).await?.ok_or_else(missing)
}

/// The id of a project's workflow by slug or name.
///
/// # Errors
/// Those of the request.
pub async fn find_workflow(client: &Client, project_id: &str, name: &str) -> Result<Option<String>> {
    let workflows = client.list(&format!("/projects/{project_id}/workflows"), &[]).await?;
    Ok(id_where(&workflows, &["slug", "name"], name))
}

/// The id of a project's newest uploaded dataset of this name.
///
/// # Errors
/// Those of the request.
pub async fn find_dataset(client: &Client, project_id: &str, name: &str) -> Result<Option<String>> {
    let mut datasets = client.list(&format!("/projects/{project_id}/datasets"), &[]).await?;
    datasets.retain(|dataset| dataset["origin"] == "upload");
    Ok(id_where(&datasets, &["name"], name))
}

/// Whether this is an id and not a name.
pub fn is_id(name: &str) -> bool {
    Uuid::try_parse(name).is_ok()
}

fn id_where(items: &[Value], fields: &[&str], name: &str) -> Option<String> {
    let fits = |item: &&Value| fields.iter().any(|field| item[field] == name);
    Some(items.iter().find(fits)?["id"].as_str()?.to_owned())
}
