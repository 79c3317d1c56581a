//! Where workflows and jobs lie: in a project, and in one of its folders or in none.

use trinity_access::Path;
use trinity_ids::{FolderId, ProjectId, UserId};

/// Where a caller wants something, as far as he says: at least one is there.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub project: Option<ProjectId>,
    pub folder: Option<FolderId>,
}

/// A place that exists.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub project: ProjectId,
    pub project_owner: UserId,
    pub folder: Option<FolderId>,
}

impl Spot {
    /// The folder in its project, or the project. What the folders around it let a caller do stands in his access already.
    #[must_use]
    pub fn path(&self) -> Path {
        let project = Path::project(self.project, self.project_owner);
        self.folder.into_iter().fold(project, Path::folder)
    }
}

impl From<Spot> for Wanted {
    fn from(spot: Spot) -> Self {
        Self { project: Some(spot.project), folder: spot.folder }
    }
}
