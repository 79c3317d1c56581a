//! Folders: how they stand in each other.

use chrono::{DateTime, Utc};
use trinity_error::{Error, Result};
use trinity_ids::{FolderId, ProjectId, UserId};

use crate::error;

/// How many folders may stand in each other, the outermost and the innermost counted.
pub(crate) const MAX_DEPTH: usize = 32;

/// A shelf in a project.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub id: FolderId,
    pub project_id: ProjectId,
    /// None at the top of the project.
    pub parent_id: Option<FolderId>,
    pub name: String,
    pub version: i64,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Folder {
    /// Checks the version that a change is based on.
    ///
    /// # Errors
    /// `Aborted` when it is another one.
    pub fn require_version(&self, version: Option<i64>) -> Result<()> {
        if version.is_none_or(|version| version == self.version) {
            return Ok(());
        }
        Err(Error::stale("folder").with_metadata("version", self.version.to_string()))
    }
}

/// What somebody wants to create.
#[derive(Debug, Clone)]
pub(crate) struct NewFolder {
    pub project: ProjectId,
    pub parent: Option<FolderId>,
    pub name: String,
}

/// What somebody wants to rename.
#[derive(Debug, Clone)]
pub(crate) struct FolderChange {
    pub id: FolderId,
    /// The version that the change is based on.
    pub version: Option<i64>,
    pub name: Option<String>,
}

/// Where somebody wants a folder to be.
#[derive(Debug, Clone)]
pub(crate) struct FolderMove {
    pub id: FolderId,
    /// The version that the move is based on.
    pub version: Option<i64>,
    pub parent: Option<FolderId>,
}

/// Checks a place for a folder: `around` are the folders there, from the place itself outwards, and `height` is how many
/// folders stand in each other from the folder on, itself counted.
///
/// # Errors
/// `FailedPrecondition` `FOLDER_CYCLE`, `FOLDER_TOO_DEEP`.
pub(crate) fn check_place(folder: Option<FolderId>, around: &[FolderId], height: usize) -> Result<()> {
    if folder.is_some_and(|folder| around.contains(&folder)) {
        return Err(error::folder_cycle());
    }
    if around.len() + height > MAX_DEPTH { Err(error::folder_too_deep(MAX_DEPTH)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_neither_in_the_folder_itself_nor_too_deep() {
        let around: Vec<FolderId> = (0..31).map(|_| FolderId::new()).collect();
        let reason = |answer: Result<()>| answer.err().map(|error| error.reason().to_owned());
        assert_eq!(reason(check_place(None, &around, 1)), None);
        assert_eq!(reason(check_place(Some(FolderId::new()), &[], 32)), None);
        assert_eq!(reason(check_place(None, &around, 2)).as_deref(), Some("FOLDER_TOO_DEEP"));
        for inside in [around[0], around[30]] {
            assert_eq!(reason(check_place(Some(inside), &around, 1)).as_deref(), Some("FOLDER_CYCLE"));
        }
    }
}
