//! What grants on folders reach. Services judge an object by itself and its project, so a caller's grants on folders are told to
//! them together with all that the folders contain; they keep it no longer than anything else.

use std::collections::{BTreeMap, BTreeSet};

use trinity_access::{Access, ObjectKind};
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_proto::identity::Reach;
use trinity_proto::registry::ExpandFoldersRequest;
use trinity_proto::workflow::{FolderContents, ListFolderContentsRequest};

use crate::wiring::App;

/// What each grant on a folder reaches.
///
/// # Errors
/// `Unavailable` when a service that knows is away.
pub async fn of(app: &App, ctx: &RequestContext, access: &Access) -> Result<Vec<Reach>> {
    let shared = || access.grants.iter().filter(|grant| grant.object.kind == ObjectKind::Folder);
    let ids: BTreeSet<String> = shared().map(|grant| grant.object.id.to_string()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let within = expand(app, ctx, ids).await?;
    let all = within.iter().flat_map(|(folder, contained)| std::iter::once(folder).chain(contained));
    let contents = contents(app, ctx, all.cloned().collect()).await?;
    let reach = |grant: &trinity_access::Grant| {
        let folder = grant.object.id.to_string();
        let folder_ids = within.get(&folder)?.clone();
        let mut reach = Reach { grant_id: grant.id.to_string(), folder_ids, ..Reach::default() };
        for folder in std::iter::once(&folder).chain(within.get(&folder)?) {
            if let Some(contents) = contents.get(folder) {
                reach.workflow_ids.extend_from_slice(&contents.workflow_ids);
                reach.job_ids.extend_from_slice(&contents.job_ids);
            }
        }
        Some(reach)
    };
    Ok(shared().filter_map(reach).collect())
}

/// The folders in each of some folders, for those that are live.
async fn expand(app: &App, ctx: &RequestContext, ids: BTreeSet<String>) -> Result<BTreeMap<String, Vec<String>>> {
    let message = ExpandFoldersRequest { tenant_id: ctx.tenant()?.into(), folder_ids: ids.into_iter().collect() };
    let answer = app.folders.clone().expand_folders(app.peers.request(ctx, message)).await?.into_inner();
    Ok(answer.folders.into_iter().map(|folder| (folder.folder_id, folder.contained_ids)).collect())
}

/// What lies in each of some folders itself.
async fn contents(app: &App, ctx: &RequestContext, ids: BTreeSet<String>) -> Result<BTreeMap<String, FolderContents>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let message = ListFolderContentsRequest { tenant_id: ctx.tenant()?.into(), folder_ids: ids.into_iter().collect() };
    let answer = app.placements.clone().list_folder_contents(app.peers.request(ctx, message)).await?.into_inner();
    Ok(answer.folders.into_iter().map(|folder| (folder.folder_id.clone(), folder)).collect())
}
