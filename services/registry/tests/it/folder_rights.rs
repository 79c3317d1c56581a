//! Who may do what with folders.

use tonic::{Code, Status};
use trinity_access::{Grant, Level, Object, ObjectKind};
use trinity_ids::{FolderId, ProjectId};
use uuid::Uuid;

use crate::stand::{Person, Stand, grant, reason};

/// A grant on a folder alone. What it reaches beside is the identity service's to say.
fn on_folder(level: Level, folder: &str) -> Grant {
    Grant { object: Object { kind: ObjectKind::Folder, id: folder.parse().unwrap() }, ..grant(level, folder) }
}

/// What each call about a folder answers: `OK`, or the reason of its refusal.
async fn deeds(stand: &Stand, person: &Person, project: &str, folder: &str) -> Vec<(&'static str, String)> {
    let word = |answer: Result<(), Status>| answer.map_or_else(|status| reason(&status), |()| "OK".to_owned());
    let name = || Uuid::now_v7().to_string();
    vec![
        ("GetFolder", word(stand.get_folder(person, folder).await.map(drop))),
        ("ListFolders", word(stand.names(person, project, folder).await.map(drop))),
        ("UpdateFolder", word(stand.rename(person, folder, &name(), None).await.map(drop))),
        ("MoveFolder", word(stand.put(person, folder, "").await.map(drop))),
        ("CreateFolder", word(stand.folder(person, project, folder, &name()).await.map(drop))),
        ("DeleteFolder", word(stand.drop_folder(person, folder).await)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_folder_gets_what_a_random_id_gets() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let folder = stand.folder(&anna, &project, "", "Secret").await.unwrap().id;
    let beside = stand.folder(&anna, &project, "", "Beside").await.unwrap().id;
    let (random, nowhere) = (FolderId::new().to_string(), ProjectId::new().to_string());
    let outsiders = [
        stand.guest(&anna, |_| {}),
        stand.guest(&anna, |access| access.grants.push(on_folder(Level::Admin, &beside))),
        stand.person("admin"),
    ];
    for outsider in outsiders {
        let told = deeds(&stand, &outsider, &project, &folder).await;
        assert!(told.iter().all(|(_, word)| word == "FOLDER_NOT_FOUND"), "{told:?}");
        assert_eq!(deeds(&stand, &outsider, &project, &random).await, told);
        assert_eq!(deeds(&stand, &outsider, &nowhere, &random).await, told);
    }
    let outsider = stand.guest(&anna, |_| {});
    for project in [&project, &nowhere] {
        assert_eq!(reason(&stand.names(&outsider, project, "").await.unwrap_err()), "PROJECT_NOT_FOUND");
        assert_eq!(reason(&stand.folder(&outsider, project, "", "x").await.unwrap_err()), "PROJECT_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_on_a_folder_let_do_what_their_level_says() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let refused = |told: Vec<(&'static str, String)>| -> Vec<&'static str> {
        assert!(
            told.iter().all(|(_, word)| ["OK", "PERMISSION_DENIED", "PROJECT_NOT_FOUND", "FOLDER_NOT_EMPTY"]
                .contains(&word.as_str())),
            "{told:?}"
        );
        told.into_iter().filter(|(_, word)| word == "PERMISSION_DENIED").map(|(name, _)| name).collect()
    };
    for (level, denied) in [
        (Level::View, vec!["UpdateFolder", "MoveFolder", "CreateFolder", "DeleteFolder"]),
        (Level::Edit, vec!["MoveFolder"]),
        (Level::Admin, vec![]),
    ] {
        let outer = stand.folder(&anna, &project, "", &format!("{level:?}")).await.unwrap().id;
        let folder = stand.folder(&anna, &project, &outer, "it").await.unwrap().id;
        let guest = stand.guest(&anna, |access| access.grants.push(on_folder(level, &folder)));
        assert_eq!(refused(deeds(&stand, &guest, &project, &folder).await), denied, "{level:?}");
        let top = stand.names(&guest, &project, "").await.unwrap();
        assert_eq!(top.len(), 1, "who sees one folder sees it at the top");
        let on_project = stand.guest(&anna, |access| access.grants.push(grant(level, &project)));
        let folder = stand.folder(&anna, &project, &outer, "that").await.unwrap().id;
        assert_eq!(refused(deeds(&stand, &on_project, &project, &folder).await), denied);
    }
    let rpcs = trinity_proto::descriptors::rpcs().unwrap();
    let mut declared: Vec<&str> = rpcs
        .iter()
        .filter(|rpc| rpc.path.contains("FolderService") && !rpc.policy.object_field.is_empty())
        .map(|rpc| rpc.method.name())
        .collect();
    let mut called: Vec<&str> =
        deeds(&stand, &anna, &project, &FolderId::new().to_string()).await.into_iter().map(|(name, _)| name).collect();
    declared.sort_unstable();
    called.sort_unstable();
    assert_eq!(called, declared, "every RPC about a folder is called here");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gains_by_a_move() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.project(&anna).await;
    let mine = stand.folder(&anna, &project, "", "mine").await.unwrap().id;
    let ours = stand.folder(&anna, &project, "", "ours").await.unwrap().id;
    let words = trinity_access::Permissions::of(["project.read", "project.update", "grant.manage"]);
    let id = project.parse().unwrap();
    // In the project he may share and change, and in one folder of it everything.
    let bob = stand.guest(&anna, |access| {
        access.projects.insert(id, words);
        access.grants.push(on_folder(Level::Admin, &mine));
    });
    let gain = stand.put(&bob, &ours, &mine).await.unwrap_err();
    assert_eq!((gain.code(), reason(&gain).as_str()), (Code::PermissionDenied, "MOVE_GIVES_MORE"));
    stand.put(&bob, &mine, &ours).await.expect("what he has in full he may put where he has less");
    let carl = stand.guest(&anna, |access| {
        access.grants.push(on_folder(Level::Admin, &mine));
        access.grants.push(on_folder(Level::View, &ours));
    });
    assert_eq!(
        stand.put(&carl, &mine, &ours).await.unwrap_err().code(),
        Code::PermissionDenied,
        "he may not put it there"
    );
    assert_eq!(reason(&stand.put(&carl, &mine, "").await.unwrap_err()), "PROJECT_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_denies_folders_that_queries_forget() {
    use sqlx::{Connection, PgConnection};
    let stand = Stand::new().await;
    let (anna, stranger) = (stand.person("admin"), stand.person("admin"));
    let project = stand.project(&anna).await;
    stand.folder(&anna, &project, "", "Ours").await.unwrap();
    let mut serving = PgConnection::connect(stand.db.url()).await.unwrap();
    for (tenant, seen) in [(anna.tenant.to_string(), 1), (stranger.tenant.to_string(), 0), (String::new(), 0)] {
        sqlx::query("SELECT set_config('app.tenant_id', $1, false)").bind(tenant).execute(&mut serving).await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM folders").fetch_one(&mut serving).await.unwrap();
        assert_eq!(count, seen);
    }
}
