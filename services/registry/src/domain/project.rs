//! Projects and the apps they are made for.

use chrono::{DateTime, Utc};
use trinity_ids::{ProjectId, UserId};

use super::document::Document;

/// A catalogue entry that projects are made for.
#[derive(Debug, Clone)]
pub(crate) struct CatalogApp {
    pub slug: String,
    pub name: String,
    pub description: String,
    pub active: bool,
}

/// A container of datasets and workflows.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub id: ProjectId,
    pub name: String,
    pub description: String,
    pub owner_id: UserId,
    pub app: String,
    /// Left out of lists.
    pub state: Option<Document>,
    pub settings: Document,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub deleted_at: Option<DateTime<Utc>>,
    pub deleted_reason: Option<String>,
}

impl Project {
    /// What decides who may do what with it.
    pub fn place(&self) -> Place {
        Place { project: self.id, owner: self.owner_id, app: self.app.clone() }
    }
}

/// A project, as far as it decides who may do what with it and with what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub project: ProjectId,
    pub owner: UserId,
    pub app: String,
}

/// What somebody wants to create.
#[derive(Debug, Clone)]
pub(crate) struct NewProject {
    pub name: String,
    pub app: String,
    pub description: String,
    pub settings: Document,
    pub state: Document,
}

/// What somebody wants to change; what is not given stays.
#[derive(Debug, Clone)]
pub(crate) struct ProjectChange {
    pub id: ProjectId,
    /// The version that the change is based on.
    pub version: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub settings: Option<Document>,
    pub state: Option<Document>,
}
