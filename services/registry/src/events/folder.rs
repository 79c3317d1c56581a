//! What is announced of folders.

use serde::Serialize;
use trinity_outbox::Event;

use super::json;
use crate::domain::folder::Folder;

#[derive(Serialize)]
struct Image<'a> {
    project_id: String,
    parent_id: Option<String>,
    name: &'a str,
    version: i64,
}

/// A folder is new.
pub(crate) fn created(folder: &Folder) -> Event {
    Event { after: Some(image(folder)), ..event("folder.create", folder) }
}

/// A folder was renamed.
pub(crate) fn updated(before: &Folder, after: &Folder) -> Event {
    Event { before: Some(image(before)), after: Some(image(after)), ..event("folder.update", after) }
}

/// A folder was moved.
pub(crate) fn moved(before: &Folder, after: &Folder) -> Event {
    Event { before: Some(image(before)), after: Some(image(after)), ..event("folder.move", after) }
}

/// A folder is gone.
pub(crate) fn deleted(folder: &Folder) -> Event {
    Event { before: Some(image(folder)), ..event("folder.delete", folder) }
}

fn event(action: &'static str, folder: &Folder) -> Event {
    Event {
        action,
        object_type: "folder",
        object_id: folder.id.to_string(),
        object_name: folder.name.clone(),
        ..Event::default()
    }
}

fn image(folder: &Folder) -> String {
    json(&Image {
        project_id: folder.project_id.to_string(),
        parent_id: folder.parent_id.map(String::from),
        name: &folder.name,
        version: folder.version,
    })
}
