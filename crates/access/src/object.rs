//! Objects that can be shared, and how they contain each other.

use trinity_ids::UserId;
use uuid::Uuid;

/// The kinds of objects that grants can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// Contains folders, jobs, workflows, datasets and runs.
    Project,
    /// Contains folders, jobs and workflows.
    Folder,
    /// Contains its runs. The workflows that it runs are named by it and not in it.
    Job,
    /// Contains its runs.
    Workflow,
}

impl ObjectKind {
    /// Its name in requests and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Folder => "folder",
            Self::Job => "job",
            Self::Workflow => "workflow",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Project, Self::Folder, Self::Job, Self::Workflow].into_iter().find(|kind| kind.name() == name)
    }
}

/// One object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Which one.
    pub id: Uuid,
}

/// An object on a path, with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The object.
    pub object: Object,
    /// The person who made it.
    pub owner: Option<UserId>,
}

/// An object and all that contains it, the innermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Node>);

impl Path {
    /// A project.
    #[must_use]
    pub fn project(id: impl Into<Uuid>, owner: UserId) -> Self {
        Self(vec![Node { object: Object { kind: ObjectKind::Project, id: id.into() }, owner: Some(owner) }])
    }

    /// A workflow in a project.
    #[must_use]
    pub fn workflow(id: impl Into<Uuid>, owner: UserId, project: Self) -> Self {
        project.containing(ObjectKind::Workflow, id, Some(owner))
    }

    /// A folder inside this project or folder. It is nobody's own: making a shelf gives no right to what others put there.
    #[must_use]
    pub fn folder(self, id: impl Into<Uuid>) -> Self {
        self.containing(ObjectKind::Folder, id, None)
    }

    /// An object of `kind` inside this one.
    #[must_use]
    pub fn containing(mut self, kind: ObjectKind, id: impl Into<Uuid>, owner: Option<UserId>) -> Self {
        self.0.insert(0, Node { object: Object { kind, id: id.into() }, owner });
        self
    }

    /// The nodes, the innermost first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.0
    }
}
