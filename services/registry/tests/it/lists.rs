//! Lists show what their reader may see, with totals to match, and pages of one list are no pages of another.

use tonic::{Code, Status};
use trinity_access::Level;
use trinity_proto::registry as pb;

use crate::stand::{Person, Stand, field, grant};

fn first_page(per_page: u32) -> pb::ListProjectsRequest {
    pb::ListProjectsRequest { per_page, ..pb::ListProjectsRequest::default() }
}

async fn page(
    stand: &Stand,
    person: &Person,
    request: &pb::ListProjectsRequest,
) -> Result<pb::ListProjectsResponse, Status> {
    Ok(stand.projects().list_projects(person.says(request.clone())).await?.into_inner())
}

/// The names on every page, and the total that each page said.
async fn all_pages(stand: &Stand, person: &Person, per_page: u32) -> (Vec<String>, u64) {
    let (mut names, mut totals, mut request) = (Vec::new(), Vec::new(), first_page(per_page));
    loop {
        let answer = page(stand, person, &request).await.unwrap();
        let info = answer.page.unwrap();
        assert!(answer.projects.len() == per_page as usize || info.next_page_token.is_empty(), "pages are full");
        names.extend(answer.projects.into_iter().map(|project| project.name));
        totals.push(info.total.unwrap());
        assert_eq!(info.total_pages, Some(u32::try_from(totals[0]).unwrap().div_ceil(per_page)));
        if info.next_page_token.is_empty() {
            assert!(totals.iter().all(|total| *total == totals[0]));
            return (names, totals[0]);
        }
        request.page_token = info.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_his_own_list() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let bob = stand.colleague(&anna, "member");
    let mut made = Vec::new();
    for name in ["a1", "b1", "a2", "b2", "a3", "b3", "a4"] {
        let maker = if name.starts_with('a') { &anna } else { &bob };
        made.push(stand.create_project(maker, name, "{}").await.unwrap());
    }
    stand.create_project(&stand.person("admin"), "foreign", "{}").await.unwrap();
    stand.change_access(&bob, |access| access.grants.push(grant(Level::View, &made[2].id)));
    let carl = stand.guest(&anna, |access| {
        access.projects.insert(made[0].id.parse().unwrap(), trinity_access::role("viewer").unwrap().permissions());
        access.grants.push(grant(Level::Edit, &made[5].id));
        access.grants.push(grant(Level::View, &made[5].id));
    });
    let outsider = stand.colleague(&anna, "member");
    let cases = [
        (&anna, &["a4", "b3", "a3", "b2", "a2", "b1", "a1"][..]),
        (&bob, &["b3", "b2", "a2", "b1"]),
        (&carl, &["b3", "a1"]),
        (&outsider, &[]),
    ];
    for (person, expected) in cases {
        for per_page in [1, 2, 3, 200] {
            let (names, total) = all_pages(&stand, person, per_page).await;
            assert_eq!((names, total), (expected.iter().map(|&name| name.to_owned()).collect(), expected.len() as u64));
        }
    }
    let delete = pb::DeleteProjectRequest { project_id: made[1].id.clone(), reason: String::new() };
    stand.projects().delete_project(bob.says(delete)).await.unwrap();
    let deleted = pb::ListProjectsRequest { deleted: true, ..first_page(2) };
    for (person, count) in [(&anna, 1), (&bob, 1), (&carl, 0), (&outsider, 0)] {
        let answer = page(&stand, person, &deleted).await.unwrap();
        assert_eq!((answer.projects.len() as u64, answer.page.unwrap().total), (count, Some(count)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_holds_in_its_own_list_only() {
    let stand = Stand::new().await;
    let (anna, mallory) = (stand.person("admin"), stand.person("admin"));
    for person in [&anna, &mallory] {
        for name in ["a", "b", "c"] {
            let project = stand.create_project(person, name, "{}").await.unwrap().id;
            stand.upload(person, &project, "a.csv", b"a\n1\n").await.unwrap();
            stand.upload(person, &project, "b.csv", b"a\n1\n").await.unwrap();
        }
    }
    let answer = page(&stand, &anna, &first_page(2)).await.unwrap();
    let token = answer.page.unwrap().next_page_token;
    let of = |request: pb::ListProjectsRequest| pb::ListProjectsRequest { page_token: token.clone(), ..request };
    assert_eq!(page(&stand, &anna, &of(first_page(0))).await.unwrap().projects.len(), 1, "its own list goes on");
    let misused = [
        (&mallory, of(first_page(2))),
        (&anna, of(first_page(1))),
        (&anna, of(pb::ListProjectsRequest { app: "eda".into(), ..first_page(2) })),
        (&anna, of(pb::ListProjectsRequest { deleted: true, ..first_page(2) })),
        (&anna, pb::ListProjectsRequest { page_token: "2".into(), ..first_page(2) }),
    ];
    for (person, request) in misused {
        let refused = page(&stand, person, &request).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, "page_token"), "{request:?}");
    }

    let list = async |project: &str, page_token: &str| {
        let request = pb::ListDatasetsRequest {
            project_id: project.to_owned(),
            per_page: 1,
            page_token: page_token.to_owned(),
            ..pb::ListDatasetsRequest::default()
        };
        stand.datasets().list_datasets(anna.says(request)).await.map(tonic::Response::into_inner)
    };
    let (one, other) = (&answer.projects[0].id, &answer.projects[1].id);
    let datasets_token = list(one, "").await.unwrap().page.unwrap().next_page_token;
    assert_eq!(list(one, &datasets_token).await.unwrap().datasets.len(), 1);
    for (project, token) in [(other, &datasets_token), (one, &token)] {
        assert_eq!(field(&list(project, token).await.unwrap_err()), "page_token");
    }
}
