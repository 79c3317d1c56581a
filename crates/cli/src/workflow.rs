//! Applying a workflow file: what is there already is left alone.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{Client, Error, lookup};

/// A workflow as a file holds it. Datasets may be named in place of their ids.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowFile {
    pub name: String,
    /// Finds the workflow again when the file is applied once more.
    pub slug: String,
    pub description: Option<String>,
    pub canvas: Value,
}

/// What applying did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Saved,
    Nothing,
}

impl WorkflowFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing or not of this form.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a workflow file", path.display()))
    }

    /// Brings the project's workflow of this slug to what the file says. Returns its id.
    ///
    /// # Errors
    /// When a named dataset is missing or the server refuses.
    pub async fn apply(&self, client: &Client, project_id: &str) -> Result<(String, Change)> {
        self.apply_in(client, project_id, "").await
    }

    /// As [`Self::apply`]; a workflow that is new lies in the folder of this id, unless that is empty.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn apply_in(&self, client: &Client, project_id: &str, folder_id: &str) -> Result<(String, Change)> {
        let canvas = with_dataset_ids(client, project_id, &self.canvas).await?;
        let mark = self.mark(&canvas);
        let mut body = Map::new();
        body.insert("project_id".into(), json!(project_id));
        body.insert("name".into(), json!(self.name));
        body.insert("slug".into(), json!(self.slug));
        body.insert("canvas".into(), canvas);
        body.insert("comment".into(), json!(mark));
        body.extend(self.description.as_ref().map(|text| ("description".to_owned(), json!(text))));

        let found = lookup::find_workflow(client, project_id, &self.slug).await?;
        if let Some(id) = &found {
            let newest = client.page(&format!("/workflows/{id}/versions"), &[("per_page", "1")]).await?;
            let newest = newest.items.first().context("a workflow without versions")?;
            if newest["comment"] == mark {
                return Ok((id.clone(), Change::Nothing));
            }
            body.insert("workflow_id".into(), json!(id));
            body.insert("version".into(), newest["version"].clone());
        } else {
            body.insert("folder_id".into(), json!(folder_id));
        }
        let saved = client.post("/workflows/save", &body.into()).await?;
        let id = saved["workflow"]["id"].as_str().context("the saved workflow has no id")?.to_owned();
        Ok((id, if found.is_some() { Change::Saved } else { Change::Created }))
    }

    /// The comment of a version that this file made: the newest version has it until somebody saves something else.
    fn mark(&self, canvas: &Value) -> String {
        let mut hash = Sha256::new();
        for part in [&self.name, &self.slug, self.description.as_deref().unwrap_or_default(), &canvas.to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        format!("applied from a file, sha256 {}", &hex::encode(hash.finalize())[..16])
    }
}

/// The canvas with every dataset's name in an atom's config replaced by its id.
async fn with_dataset_ids(client: &Client, project_id: &str, canvas: &Value) -> Result<Value> {
    let mut canvas = canvas.clone();
    for name in dataset_fields(&mut canvas) {
        let Some(text) = name.as_str().filter(|text| !lookup::is_id(text)) else { continue };
        let id = lookup::find_dataset(client, project_id, text).await?;
        *name = json!(id.ok_or_else(|| Error::NoSuch { kind: "dataset", name: text.to_owned() })?);
    }
    Ok(canvas)
}

fn dataset_fields(canvas: &mut Value) -> Vec<&mut Value> {
    let molecules = canvas.get_mut("molecules").and_then(Value::as_array_mut).into_iter().flatten();
    molecules
        .filter_map(|molecule| molecule.get_mut("atoms")?.as_array_mut())
        .flatten()
        .filter_map(|atom| atom.get_mut("config")?.get_mut("dataset"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(canvas: Value) -> WorkflowFile {
        WorkflowFile { name: "Weather".into(), slug: "weather".into(), description: None, canvas }
    }

    #[test]
    fn every_named_dataset_is_found() {
        let mut canvas = json!({"molecules": [
            {"atoms": [{"config": {"dataset": "one"}}, {"atom": "clean"}]},
            {"atoms": [{"config": {"dataset": "two", "delimiter": ";"}}]},
            {"selectedAtoms": {"csv-reader": true}},
        ]});
        let names: Vec<String> =
            dataset_fields(&mut canvas).iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn mark_changes_with_name_and_canvas() {
        let canvas = json!({"molecules": []});
        let first = file(canvas.clone());
        let renamed = WorkflowFile { name: "Rain".into(), ..first.clone() };
        assert_eq!(first.mark(&canvas), file(canvas.clone()).mark(&canvas));
        assert_ne!(first.mark(&canvas), renamed.mark(&canvas));
        assert_ne!(first.mark(&canvas), first.mark(&json!({"molecules": [], "connections": []})));
    }
}
