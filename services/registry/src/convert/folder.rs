//! Folders between the contract and this service's own types.

use trinity_error::{Error, Result, parse_id};
use trinity_ids::FolderId;
use trinity_proto::registry as pb;

use super::timestamp;
use crate::domain::folder::{Folder, FolderChange, FolderMove, NewFolder};
use crate::domain::text;

/// The folder of this id; none when it is empty.
///
/// # Errors
/// `InvalidArgument` naming `parent_id`.
pub(crate) fn parent(id: &str) -> Result<Option<FolderId>> {
    if id.is_empty() { Ok(None) } else { parse_id("parent_id", id).map(Some) }
}

/// A version that a change is based on.
fn version(version: Option<u64>) -> Option<i64> {
    // Why: no version is that large, so the change is stale whatever is there.
    version.map(|version| i64::try_from(version).unwrap_or(i64::MAX))
}

impl TryFrom<pb::CreateFolderRequest> for NewFolder {
    type Error = Error;

    fn try_from(request: pb::CreateFolderRequest) -> Result<Self> {
        Ok(Self {
            project: parse_id("project_id", &request.project_id)?,
            parent: parent(&request.parent_id)?,
            name: text::name("name", &request.name)?,
        })
    }
}

impl TryFrom<pb::UpdateFolderRequest> for FolderChange {
    type Error = Error;

    fn try_from(request: pb::UpdateFolderRequest) -> Result<Self> {
        Ok(Self {
            id: parse_id("folder_id", &request.folder_id)?,
            version: version(request.version),
            name: request.name.map(|name| text::name("name", &name)).transpose()?,
        })
    }
}

impl TryFrom<pb::MoveFolderRequest> for FolderMove {
    type Error = Error;

    fn try_from(request: pb::MoveFolderRequest) -> Result<Self> {
        Ok(Self {
            id: parse_id("folder_id", &request.folder_id)?,
            version: version(request.version),
            parent: parent(&request.parent_id)?,
        })
    }
}

impl From<Folder> for pb::Folder {
    fn from(folder: Folder) -> Self {
        Self {
            id: folder.id.to_string(),
            project_id: folder.project_id.to_string(),
            parent_id: folder.parent_id.map(String::from),
            name: folder.name,
            version: folder.version.unsigned_abs(),
            created_by: folder.created_by.to_string(),
            created_at: Some(timestamp(folder.created_at)),
            updated_at: Some(timestamp(folder.updated_at)),
        }
    }
}
