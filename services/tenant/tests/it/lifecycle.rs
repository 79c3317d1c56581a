//! Creating, changing, suspending and resuming.

use futures::future::join_all;
use tonic::Code;
use trinity_proto::common::Json;
use trinity_proto::tenant::{
    CreateTenantRequest, GetTenantRequest, ListTenantsRequest, ResumeTenantRequest, SuspendTenantRequest, TenantStatus,
    UpdateTenantRequest,
};

use crate::stack::{Stack, actions, field, reason};

/// Makes one field of a sound request wrong.
type Spoil = fn(&mut CreateTenantRequest);

fn acme() -> CreateTenantRequest {
    CreateTenantRequest {
        name: "Acme, Inc.".to_owned(),
        domains: vec!["Data.Acme.com".to_owned()],
        settings: Some(Json::new(r#"{"z": 12345678901234567890123, "a": 1}"#)),
        ..CreateTenantRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_tenant_is_whole_and_announced() {
    let stack = Stack::start().await;
    let made = stack.create(acme()).await.unwrap();
    assert_eq!((made.slug.as_str(), made.status(), made.version), ("acme-inc", TenantStatus::Active, 1));
    assert_eq!(made.domains, ["data.acme.com"]);
    assert_eq!((made.concurrent_tasks, made.erase_after), (0, None));
    assert_eq!(made.settings.as_ref().unwrap().text, r#"{"z": 12345678901234567890123, "a": 1}"#);

    let request = stack.by_staff(GetTenantRequest { tenant_id: made.id.clone() });
    assert_eq!(stack.client().get_tenant(request).await.unwrap().into_inner().tenant.unwrap(), made);

    let events = stack.events(&made).await;
    let (action, before, after) = &events[0];
    assert_eq!((events.len(), action.as_str(), before), (1, "tenant.create", &None));
    assert!(after.as_ref().unwrap().contains("12345678901234567890123"), "documents pass untouched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_fields_are_named() {
    let stack = Stack::start().await;
    let faults: [(&str, Spoil); 7] = [
        ("name", |request| request.name = " ".to_owned()),
        ("name", |request| request.name = "a\0b".to_owned()),
        ("slug", |request| request.slug = "Not A Slug".to_owned()),
        ("domains[1]", |request| request.domains.push("acme.com:80".to_owned())),
        ("allowed_apps[0]", |request| request.allowed_apps.push("Excel?".to_owned())),
        ("settings", |request| request.settings = Some(Json::new("[1]"))),
        ("metadata", |request| request.metadata = Some(Json::new("{"))),
    ];
    for (name, spoil) in faults {
        let mut request = acme();
        spoil(&mut request);
        let status = stack.create(request).await.unwrap_err();
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_concurrent_creates_gets_the_slug() {
    let stack = Stack::start().await;
    let request = CreateTenantRequest { domains: Vec::new(), ..acme() };
    let answers = join_all((0..10).map(|_| stack.create(request.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!(
            (status.code(), reason(&status).as_str(), field(&status).as_str()),
            (Code::AlreadyExists, "SLUG_TAKEN", "slug")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_concurrent_creates_gets_the_domain() {
    let stack = Stack::start().await;
    let requests = (0..10).map(|number| {
        let mut domains = vec![
            "free.example".replace("free", &format!("free{number}")),
            "one.example".to_owned(),
            "two.example".to_owned(),
        ];
        if number % 2 == 1 {
            domains.swap(1, 2);
        }
        CreateTenantRequest { slug: format!("tenant-{number}"), domains, ..acme() }
    });
    let answers = join_all(requests.map(|request| stack.create(request))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "DOMAIN_TAKEN"));
        assert!(["domains[1]", "domains[2]"].contains(&field(&status).as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_change_is_refused() {
    let stack = Stack::start().await;
    let made = stack.tenant("acme").await;
    let change = |name: &str| UpdateTenantRequest {
        tenant_id: made.id.clone(),
        version: Some(1),
        name: Some(name.to_owned()),
        concurrent_tasks: Some(9),
        ..UpdateTenantRequest::default()
    };
    let (mut one, mut two) = (stack.client(), stack.client());
    let requests = (stack.by_staff(change("One")), stack.by_staff(change("Two")));
    let answers = tokio::join!(one.update_tenant(requests.0), two.update_tenant(requests.1));
    let (won, lost) = match answers {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won.into_inner().tenant.unwrap(), lost),
        other => panic!("one wins and one loses: {other:?}"),
    };
    assert_eq!((won.version, won.concurrent_tasks), (2, 9));
    assert_eq!((lost.code(), reason(&lost).as_str()), (Code::Aborted, "VERSION_CONFLICT"));
    assert_eq!(actions(&stack.events(&made).await), ["tenant.create", "tenant.update"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allowed_apps_can_be_emptied_again() {
    let stack = Stack::start().await;
    let made = stack.tenant("acme").await;
    let update = async |allowed_apps: &[&str], all_apps| {
        let request = UpdateTenantRequest {
            tenant_id: made.id.clone(),
            allowed_apps: allowed_apps.iter().map(|&app| app.to_owned()).collect(),
            all_apps,
            ..UpdateTenantRequest::default()
        };
        Ok::<_, tonic::Status>(stack.client().update_tenant(stack.by_staff(request)).await?.into_inner())
    };
    update(&["excel", "weather"], false).await.unwrap();
    update(&[], false).await.unwrap();
    assert_eq!(stack.standing(&made).await.allowed_apps, ["excel", "weather"], "an empty list leaves them");
    update(&[], true).await.unwrap();
    assert!(stack.standing(&made).await.allowed_apps.is_empty());
    assert_eq!(field(&update(&["excel"], true).await.unwrap_err()), "all_apps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspension_and_resumption_are_announced_once() {
    let stack = Stack::start().await;
    let made = stack.tenant("acme").await;
    let suspend = || SuspendTenantRequest { tenant_id: made.id.clone(), reason: "unpaid".to_owned() };
    for _ in 0..2 {
        let answer = stack.client().suspend_tenant(stack.by_staff(suspend())).await.unwrap().into_inner();
        assert_eq!(answer.tenant.unwrap().status(), TenantStatus::Suspended);
    }
    assert_eq!(stack.standing(&made).await.status(), TenantStatus::Suspended);
    let resume = ResumeTenantRequest { tenant_id: made.id.clone() };
    let answer = stack.client().resume_tenant(stack.by_staff(resume)).await.unwrap().into_inner();
    assert_eq!(answer.tenant.unwrap().status(), TenantStatus::Active);
    assert_eq!(stack.standing(&made).await.status(), TenantStatus::Active);

    let events = stack.events(&made).await;
    assert_eq!(actions(&events), ["tenant.create", "tenant.suspend", "tenant.resume"]);
    assert!(events[1].2.as_ref().unwrap().contains(r#""suspended_reason":"unpaid""#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_tenant_is_not_found() {
    let stack = Stack::start().await;
    let tenant_id = trinity_ids::TenantId::new().to_string();
    let get = stack.client().get_tenant(stack.by_staff(GetTenantRequest { tenant_id: tenant_id.clone() })).await;
    let update = UpdateTenantRequest { tenant_id: tenant_id.clone(), ..Default::default() };
    let update = stack.client().update_tenant(stack.by_staff(update)).await;
    let suspend = SuspendTenantRequest { tenant_id, ..Default::default() };
    let suspend = stack.client().suspend_tenant(stack.by_staff(suspend)).await;
    for status in [get.unwrap_err(), update.unwrap_err(), suspend.unwrap_err()] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "TENANT_NOT_FOUND"));
    }
    let status =
        stack.client().get_tenant(stack.by_staff(GetTenantRequest { tenant_id: "1".to_owned() })).await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "tenant_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_goes_by_name_in_pages() {
    let stack = Stack::start().await;
    for slug in ["cc", "aa", "bb"] {
        stack.tenant(slug).await;
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTenantsRequest { page: 0, per_page: 2, page_token };
        let answer = stack.client().list_tenants(stack.by_staff(request)).await.unwrap().into_inner();
        names.extend(answer.tenants.into_iter().map(|tenant| tenant.name));
        let page = answer.page.unwrap();
        assert_eq!((page.total, page.total_pages), (Some(3), Some(2)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["AA", "BB", "CC"]);
}
