//! Where everything lives: the only place that makes keys.
//!
//! Invariant: every key begins with the tenant, so that one tenant's files never mix with another's and
//! can be listed, counted and erased together.

use std::fmt::Display;

/// Everything of a tenant.
pub fn tenant_prefix(tenant_id: impl Display) -> String {
    format!("tenant-{tenant_id}")
}

/// A project's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFolder {
    prefix: String,
}

impl ProjectFolder {
    /// The folder of a project of a tenant.
    pub fn new(tenant_id: impl Display, project_id: impl Display) -> Self {
        Self { prefix: format!("{}/project-{project_id}", tenant_prefix(tenant_id)) }
    }

    /// Everything of the project.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Everything of a dataset that people brought.
    pub fn shared_prefix(&self, dataset_id: impl Display) -> String {
        format!("{}/shared/{dataset_id}", self.prefix)
    }

    /// The file of a dataset that people brought; `format` is `csv` or `parquet`.
    pub fn shared_file(&self, dataset_id: impl Display, format: &str) -> String {
        format!("{}/data.{format}", self.shared_prefix(dataset_id))
    }

    /// Scratch files, removable at any time.
    pub fn temp(&self, name: impl Display) -> String {
        format!("{}/temp/{name}", self.prefix)
    }

    /// Files made for people to take away.
    pub fn exports(&self, name: impl Display) -> String {
        format!("{}/exports/{name}", self.prefix)
    }

    /// A workflow's folder.
    pub fn workflow(&self, workflow_id: impl Display) -> WorkflowFolder {
        WorkflowFolder { prefix: format!("{}/pipelines/{workflow_id}", self.prefix) }
    }
}

/// A workflow's folder inside its project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFolder {
    prefix: String,
}

impl WorkflowFolder {
    /// Everything that runs of the workflow wrote.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where finished results are kept by content hash.
    pub fn cache_prefix(&self) -> String {
        format!("{}/cache", self.prefix)
    }

    /// Everything that a run wrote.
    pub fn run_prefix(&self, run_id: impl Display) -> String {
        format!("{}/runs/{run_id}", self.prefix)
    }

    /// Which outputs of a run came from which inputs.
    pub fn lineage(&self, run_id: impl Display) -> String {
        format!("{}/lineage.json", self.run_prefix(run_id))
    }

    /// Where one attempt of a task writes: attempts never share a folder, so a superseded one harms nobody.
    pub fn output_prefix(&self, run_id: impl Display, task: impl Display, attempt: u32) -> String {
        format!("{}/outputs/{task}/{attempt}", self.run_prefix(run_id))
    }
}

/// The entry of a cache for a content hash.
pub fn cache_entry(cache_prefix: &str, hash: &str) -> String {
    format!("{cache_prefix}/{hash}")
}

/// The table of an output.
pub fn output_data(output_prefix: &str, name: &str) -> String {
    format!("{output_prefix}/{name}/data.parquet")
}

/// The file of an output in another format than Parquet.
pub fn output_file(output_prefix: &str, name: &str, extension: &str) -> String {
    format!("{output_prefix}/{name}/data.{extension}")
}

/// The columns of an output.
pub fn output_schema(output_prefix: &str, name: &str) -> String {
    format!("{output_prefix}/{name}/schema.json")
}

/// How an output was made.
pub fn output_metadata(output_prefix: &str, name: &str) -> String {
    format!("{output_prefix}/{name}/metadata.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_begins_with_its_tenant_and_is_valid() {
        let project = ProjectFolder::new("t1", "p1");
        let workflow = project.workflow("w1");
        let outputs = workflow.output_prefix("r1", "task1", 2);
        let keys = [
            project.shared_file("d1", "csv"),
            project.temp("x"),
            project.exports("x.zip"),
            workflow.lineage("r1"),
            cache_entry(&workflow.cache_prefix(), "ab12"),
            output_data(&outputs, "data"),
            output_schema(&outputs, "data"),
            output_metadata(&outputs, "data"),
        ];
        for key in &keys {
            assert!(key.starts_with("tenant-t1/project-p1/"), "{key}");
            crate::check_key(key).unwrap();
        }
        assert_eq!(keys[5], "tenant-t1/project-p1/pipelines/w1/runs/r1/outputs/task1/2/data/data.parquet");
    }

    #[test]
    fn an_id_that_tries_to_leave_its_tenant_makes_no_valid_key() {
        assert!(crate::check_key(&ProjectFolder::new("t1", "../tenant-t2").shared_file("d", "csv")).is_err());
    }
}
