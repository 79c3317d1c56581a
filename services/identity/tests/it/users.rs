//! The people of a tenant.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::common::Json;
use trinity_proto::identity::{
    CreateUserRequest, GetMeRequest, GetUserRequest, ListUsersRequest, LoginResponse, UpdateUserRequest, User,
};

use crate::stack::{PASSWORD, Stack, by, field, reason};

impl Stack {
    pub async fn update(&self, caller: &LoginResponse, request: UpdateUserRequest) -> Result<User, Status> {
        Ok(self.users().update_user(by(caller, request)).await?.into_inner().user.unwrap())
    }

    async fn get(&self, caller: &LoginResponse, user_id: &str) -> Result<User, Status> {
        let request = GetUserRequest { user_id: user_id.to_owned() };
        Ok(self.users().get_user(by(caller, request)).await?.into_inner().user.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_user_is_shown_announced_and_can_sign_in() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let request = CreateUserRequest {
        email: "Ada@Acme.example".to_owned(),
        password: PASSWORD.to_owned(),
        full_name: " Ada Lovelace ".to_owned(),
        username: "ada".to_owned(),
        roles: Vec::new(),
    };
    let ada = stack.users().create_user(by(&owner, request)).await.unwrap().into_inner().user.unwrap();
    assert_eq!(
        (ada.email.as_str(), ada.full_name.as_str(), &ada.roles[..]),
        ("ada@acme.example", "Ada Lovelace", &["viewer".to_owned()][..])
    );
    assert!(ada.active && !ada.verified && ada.version == 1 && ada.last_login_at.is_none());
    assert_eq!(stack.get(&owner, &ada.id).await.unwrap(), ada);
    let event = stack.events_of("user.create").await.pop().unwrap();
    assert_eq!((event.2.as_str(), event.3.as_str()), (owner.user.unwrap().id.as_str(), ada.id.as_str()));
    let login = stack.login("acme", "ada@acme.example", PASSWORD).await.unwrap();
    let status = stack.user(&login, "x@acme.example", &[]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_fields_are_named() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let sound =
        CreateUserRequest { email: "ada@acme.example".to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
    let requests = [
        ("email", CreateUserRequest { email: "ada".to_owned(), ..sound.clone() }),
        ("password", CreateUserRequest { password: "short".to_owned(), ..sound.clone() }),
        ("password", CreateUserRequest { password: "passwordpassword".to_owned(), ..sound.clone() }),
        ("password", CreateUserRequest { email: "gravel@acme.example".to_owned(), ..sound.clone() }),
        ("full_name", CreateUserRequest { full_name: "a\0b".to_owned(), ..sound.clone() }),
        ("username", CreateUserRequest { username: "a b".to_owned(), ..sound.clone() }),
        ("roles[1]", CreateUserRequest { roles: vec!["viewer".to_owned(), "god".to_owned()], ..sound.clone() }),
    ];
    for (name, request) in requests {
        let status = stack.users().create_user(by(&owner, request)).await.unwrap_err();
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, name));
        assert!(!format!("{status:?}").contains("passwordpassword"));
    }
    let id = owner.user.clone().unwrap().id;
    let changes = [
        ("user_id", UpdateUserRequest::default()),
        ("settings", UpdateUserRequest { user_id: id.clone(), settings: Some(Json::new("[]")), ..Default::default() }),
        ("utc_offset_minutes", UpdateUserRequest { user_id: id, utc_offset_minutes: Some(900), ..Default::default() }),
    ];
    for (name, request) in changes {
        assert_eq!(field(&stack.update(&owner, request).await.unwrap_err()), name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_belongs_to_one_user_of_a_tenant() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let addresses = ["ada@acme.example", "ADA@acme.example"];
    let answers = join_all((0..10).map(|number| stack.user(&owner, addresses[number % 2], &[]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!(
            (status.code(), reason(&status).as_str(), field(&status).as_str()),
            (Code::AlreadyExists, "EMAIL_TAKEN", "email")
        );
    }
    let elsewhere = stack.tenant("other").await;
    stack.user(&elsewhere, "ada@acme.example", &[]).await.unwrap();

    let named = |email: &str, username: &str| CreateUserRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        username: username.to_owned(),
        ..Default::default()
    };
    stack.users().create_user(by(&owner, named("b@acme.example", "bob"))).await.unwrap();
    let status = stack.users().create_user(by(&owner, named("c@acme.example", "BOB"))).await.unwrap_err();
    assert_eq!((reason(&status).as_str(), field(&status).as_str()), ("USERNAME_TAKEN", "username"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_goes_by_address_in_pages() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for name in ["b", "z", "a"] {
        stack.user(&owner, &format!("{name}@acme.example"), &[]).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListUsersRequest { page: 0, per_page: 3, page_token };
        let answer = stack.users().list_users(by(&owner, request)).await.unwrap().into_inner();
        seen.extend(answer.users.into_iter().map(|user| user.email));
        let page = answer.page.unwrap();
        assert_eq!(page.total, Some(4));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "owner", "z"].map(|name| format!("{name}@acme.example")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_change_is_refused() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.user(&owner, "ada@acme.example", &[]).await.unwrap();
    let change = |name: &str| UpdateUserRequest {
        user_id: ada.id.clone(),
        version: Some(1),
        full_name: Some(name.to_owned()),
        settings: Some(Json::new(r#"{"z": 1, "a": 98765432109876543210}"#)),
        utc_offset_minutes: Some(120),
        ..Default::default()
    };
    let changed = stack.update(&owner, change("Ada")).await.unwrap();
    assert_eq!((changed.version, changed.full_name.as_str(), changed.utc_offset_minutes), (2, "Ada", 120));
    assert_eq!(changed.settings.unwrap().text, r#"{"z": 1, "a": 98765432109876543210}"#);
    let status = stack.update(&owner, change("Eve")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "VERSION_CONFLICT"));
    assert_eq!(stack.events_of("user.update").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_power_ends_sessions_and_gaining_it_does_not() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.user(&owner, "ada@acme.example", &["editor"]).await.unwrap();
    let roles = |names: &[&str]| UpdateUserRequest {
        user_id: ada.id.clone(),
        roles: names.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    };
    let login = stack.login("acme", "ada@acme.example", PASSWORD).await.unwrap();
    stack.update(&owner, roles(&["editor", "admin"])).await.unwrap();
    let next = stack.refresh(&login.refresh_token).await.unwrap();
    assert_eq!(next.user.unwrap().roles, ["admin", "editor"]);

    stack.update(&owner, roles(&["viewer"])).await.unwrap();
    assert_eq!(reason(&stack.refresh(&next.refresh_token).await.unwrap_err()), "INVALID_REFRESH_TOKEN");
    let login = stack.login("acme", "ada@acme.example", PASSWORD).await.unwrap();
    let off = UpdateUserRequest { user_id: ada.id.clone(), active: Some(false), ..Default::default() };
    assert!(!stack.update(&owner, off).await.unwrap().active);
    assert_eq!(reason(&stack.refresh(&login.refresh_token).await.unwrap_err()), "INVALID_REFRESH_TOKEN");
    stack.forget(&login);
    assert_eq!(stack.auth().get_me(by(&login, GetMeRequest {})).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(stack.revoked().await.len(), 2);
}
