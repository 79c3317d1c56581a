//! Folders: how they stand in each other, and that nothing makes a circle.

use std::collections::HashSet;

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_ids::FolderId;
use trinity_proto::registry as pb;
use uuid::Uuid;

use crate::stand::{Person, Stand, field, reason};

impl Stand {
    pub async fn project(&self, person: &Person) -> String {
        self.create_project(person, &Uuid::now_v7().to_string(), "{}").await.unwrap().id
    }

    pub async fn folder(&self, person: &Person, project: &str, parent: &str, name: &str) -> Result<pb::Folder, Status> {
        let request = pb::CreateFolderRequest {
            project_id: project.to_owned(),
            parent_id: parent.to_owned(),
            name: name.to_owned(),
        };
        Ok(self.folders().create_folder(person.says(request)).await?.into_inner().folder.unwrap())
    }

    pub async fn get_folder(&self, person: &Person, id: &str) -> Result<pb::Folder, Status> {
        let request = pb::GetFolderRequest { folder_id: id.to_owned() };
        Ok(self.folders().get_folder(person.says(request)).await?.into_inner().folder.unwrap())
    }

    pub async fn rename(
        &self,
        person: &Person,
        id: &str,
        name: &str,
        version: Option<u64>,
    ) -> Result<pb::Folder, Status> {
        let request = pb::UpdateFolderRequest { folder_id: id.to_owned(), version, name: Some(name.to_owned()) };
        Ok(self.folders().update_folder(person.says(request)).await?.into_inner().folder.unwrap())
    }

    pub async fn put(&self, person: &Person, id: &str, parent: &str) -> Result<pb::Folder, Status> {
        let request = pb::MoveFolderRequest { folder_id: id.to_owned(), parent_id: parent.to_owned(), version: None };
        Ok(self.folders().move_folder(person.says(request)).await?.into_inner().folder.unwrap())
    }

    pub async fn drop_folder(&self, person: &Person, id: &str) -> Result<(), Status> {
        let request = pb::DeleteFolderRequest { folder_id: id.to_owned() };
        self.folders().delete_folder(person.says(request)).await.map(drop)
    }

    /// The names in a place, page by page.
    pub async fn names(&self, person: &Person, project: &str, parent: &str) -> Result<Vec<String>, Status> {
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListFoldersRequest {
                project_id: project.to_owned(),
                parent_id: parent.to_owned(),
                per_page: 2,
                page_token,
                ..pb::ListFoldersRequest::default()
            };
            let answer = self.folders().list_folders(person.says(request)).await?.into_inner();
            names.extend(answer.folders.into_iter().map(|folder| folder.name));
            page_token = answer.page.unwrap().next_page_token;
            if page_token.is_empty() {
                return Ok(names);
            }
        }
    }

    pub async fn located(&self, person: &Person, id: &str) -> Result<pb::LocateFolderResponse, Status> {
        let request = pb::LocateFolderRequest { tenant_id: person.tenant.to_string(), folder_id: id.to_owned() };
        Ok(self.folders().locate_folder(self.service_says(request)).await?.into_inner())
    }

    pub async fn expanded(&self, person: &Person, ids: &[&str]) -> Vec<(String, HashSet<String>)> {
        let folder_ids = ids.iter().map(|&id| id.to_owned()).collect();
        let request = pb::ExpandFoldersRequest { tenant_id: person.tenant.to_string(), folder_ids };
        let answer = self.folders().expand_folders(self.service_says(request)).await.unwrap().into_inner();
        answer
            .folders
            .into_iter()
            .map(|folder| (folder.folder_id, folder.contained_ids.into_iter().collect()))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_made_listed_renamed_moved_and_deleted() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let reports = stand.folder(&anna, &project, "", "Reports").await.unwrap();
    assert_eq!((reports.version, reports.parent_id.as_deref(), &reports.project_id), (1, None, &project));
    assert_eq!(reports.created_by, anna.user.to_string());
    for name in ["archive", "Models", " Zoo "] {
        stand.folder(&anna, &project, "", name).await.unwrap();
    }
    let year = stand.folder(&anna, &project, &reports.id, "2026").await.unwrap();
    assert_eq!(year.parent_id.as_deref(), Some(reports.id.as_str()));
    assert_eq!(stand.names(&anna, &project, "").await.unwrap(), ["archive", "Models", "Reports", "Zoo"]);
    assert_eq!(stand.names(&anna, &project, &reports.id).await.unwrap(), ["2026"]);

    let taken = stand.folder(&anna, &project, "", "REPORTS").await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "FOLDER_NAME_TAKEN"));
    stand.folder(&anna, &project, &reports.id, "Reports").await.expect("another place has its own names");
    assert_eq!(field(&stand.folder(&anna, &project, "", " ").await.unwrap_err()), "name");

    let renamed = stand.rename(&anna, &year.id, "Year", Some(1)).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.version), ("Year", 2));
    assert_eq!(reason(&stand.rename(&anna, &year.id, "Late", Some(1)).await.unwrap_err()), "VERSION_CONFLICT");
    assert_eq!(stand.rename(&anna, &year.id, "Year", None).await.unwrap().version, 2, "nothing changed");

    let moved = stand.put(&anna, &year.id, "").await.unwrap();
    assert_eq!((moved.parent_id, moved.version), (None, 3));
    assert_eq!(stand.put(&anna, &year.id, "").await.unwrap().version, 3, "it is there already");
    let clash = stand.rename(&anna, &year.id, "zoo", None).await.unwrap_err();
    assert_eq!(reason(&clash), "FOLDER_NAME_TAKEN");

    let full = stand.drop_folder(&anna, &reports.id).await.unwrap_err();
    assert_eq!((full.code(), reason(&full).as_str()), (Code::FailedPrecondition, "FOLDER_NOT_EMPTY"));
    assert!(full.message().contains("1 folders and 0 workflows and jobs"), "{}", full.message());
    stand.shelves.set(&year.id, 3);
    let full = stand.drop_folder(&anna, &year.id).await.unwrap_err();
    assert!(full.message().contains("0 folders and 3 workflows and jobs"), "{}", full.message());
    stand.shelves.set(&year.id, 0);
    stand.drop_folder(&anna, &year.id).await.unwrap();
    assert_eq!(reason(&stand.get_folder(&anna, &year.id).await.unwrap_err()), "FOLDER_NOT_FOUND");
    assert_eq!(reason(&stand.put(&anna, &reports.id, &year.id).await.unwrap_err()), "FOLDER_NOT_FOUND");
    stand.folder(&anna, &project, "", "Year").await.expect("the name of a deleted folder is free");
    let actions: Vec<String> = sqlx::query_scalar(
        "SELECT action FROM registry.outbox WHERE object_type = 'folder' AND object_id = $1 ORDER BY id",
    )
    .bind(&year.id)
    .fetch_all(&mut stand.db.admin().await)
    .await
    .unwrap();
    assert_eq!(actions, ["folder.create", "folder.update", "folder.move", "folder.delete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_learn_what_contains_a_folder_and_what_it_contains() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let a = stand.folder(&anna, &project, "", "a").await.unwrap().id;
    let b = stand.folder(&anna, &project, &a, "b").await.unwrap().id;
    let c = stand.folder(&anna, &project, &b, "c").await.unwrap().id;
    let place = stand.located(&anna, &c).await.unwrap();
    assert_eq!((place.project_id, place.project_owner_id), (project.clone(), anna.user.to_string()));
    assert_eq!(place.parent_ids, [b.clone(), a.clone()]);
    let set = |ids: &[&String]| ids.iter().map(|&id| id.clone()).collect::<HashSet<_>>();
    let random = FolderId::new().to_string();
    let mut expanded = stand.expanded(&anna, &[&a, &c, &random]).await;
    expanded.sort_by_key(|(id, _)| id != &a);
    assert_eq!(expanded, [(a.clone(), set(&[&b, &c])), (c.clone(), set(&[]))]);

    stand.put(&anna, &c, "").await.unwrap();
    assert_eq!(stand.located(&anna, &c).await.unwrap().parent_ids, [""; 0]);
    assert_eq!(stand.expanded(&anna, &[&a]).await, [(a.clone(), set(&[&b]))]);
    let stranger = stand.person("admin");
    assert_eq!(reason(&stand.located(&stranger, &a).await.unwrap_err()), "FOLDER_NOT_FOUND");
    assert!(stand.expanded(&stranger, &[&a]).await.is_empty());
    let delete = pb::DeleteProjectRequest { project_id: project, ..pb::DeleteProjectRequest::default() };
    stand.projects().delete_project(anna.says(delete)).await.unwrap();
    assert_eq!(reason(&stand.located(&anna, &a).await.unwrap_err()), "FOLDER_NOT_FOUND", "it goes with its project");
    assert_eq!(reason(&stand.get_folder(&anna, &a).await.unwrap_err()), "FOLDER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_folder_is_in_itself_or_too_deep_or_in_another_project() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let mut chain: Vec<String> = Vec::new();
    for depth in 0..32 {
        let parent = chain.last().cloned().unwrap_or_default();
        chain.push(stand.folder(&anna, &project, &parent, &format!("f{depth}")).await.unwrap().id);
    }
    let deeper = stand.folder(&anna, &project, &chain[31], "more").await.unwrap_err();
    assert_eq!((deeper.code(), reason(&deeper).as_str()), (Code::FailedPrecondition, "FOLDER_TOO_DEEP"));
    let pair = stand.folder(&anna, &project, "", "pair").await.unwrap().id;
    stand.folder(&anna, &project, &pair, "inner").await.unwrap();
    assert_eq!(reason(&stand.put(&anna, &pair, &chain[30]).await.unwrap_err()), "FOLDER_TOO_DEEP");
    stand.put(&anna, &pair, &chain[29]).await.unwrap();
    for inside in [&chain[3], &chain[4], &chain[31]] {
        let circle = stand.put(&anna, &chain[3], inside).await.unwrap_err();
        assert_eq!((circle.code(), reason(&circle).as_str()), (Code::FailedPrecondition, "FOLDER_CYCLE"));
    }
    let elsewhere = stand.project(&anna).await;
    let there = stand.folder(&anna, &elsewhere, "", "there").await.unwrap().id;
    assert_eq!(reason(&stand.put(&anna, &chain[3], &there).await.unwrap_err()), "FOLDER_NOT_FOUND");
    assert_eq!(reason(&stand.folder(&anna, &project, &there, "x").await.unwrap_err()), "FOLDER_NOT_FOUND");
    assert_eq!(reason(&stand.names(&anna, &project, &there).await.unwrap_err()), "FOLDER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_at_the_same_time_make_no_circle() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(stand.folder(&anna, &project, "", &format!("f{number}")).await.unwrap().id);
    }
    for round in 1..6 {
        // Why each into the next: any two of them are fine, and all of them are a circle.
        let moves = (0..6).map(|from| stand.put(&anna, &ids[from], &ids[(from + round) % 6]));
        let refused = join_all(moves).await.into_iter().filter_map(Result::err).map(|status| reason(&status));
        assert!(refused.into_iter().all(|reason| reason == "FOLDER_CYCLE"));
        let reachable = stand.expanded(&anna, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(reachable.iter().all(|(id, contained)| !contained.contains(id)), "{reachable:?}");
        let mut at_the_top = 0;
        for id in &ids {
            at_the_top += usize::from(stand.located(&anna, id).await.unwrap().parent_ids.is_empty());
        }
        assert!(at_the_top >= 1, "every folder can be reached from the top");
    }
}
