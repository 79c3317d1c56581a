//! Programs and their keys, also hostile ones.

use std::time::Duration;

use tonic::{Code, Status};
use trinity_authz::ApiKeyText;
use trinity_ids::ApiKeyId;
use trinity_proto::identity::{
    AuthenticateApiKeyRequest, CreateApiKeyRequest, CreateApiKeyResponse, CreateServiceAccountRequest,
    CreateUserRequest, DeleteServiceAccountRequest, ListApiKeysRequest, ListServiceAccountsRequest,
    ListSessionsRequest, ListUsersRequest, LoginResponse, RevokeApiKeyRequest, ServiceAccount, SubjectType,
    UpdateUserRequest,
};
use trinity_testkit::eventually;

use crate::access::{id_of, subject};
use crate::grants::in_seconds;
use crate::stack::{PASSWORD, Stack, by, field, reason, tenant_of, with_token};

impl Stack {
    pub async fn account(&self, caller: &LoginResponse, name: &str, roles: &[&str]) -> Result<ServiceAccount, Status> {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        let request = CreateServiceAccountRequest { name: name.to_owned(), description: String::new(), roles };
        let answer = self.accounts().create_service_account(by(caller, request)).await?;
        Ok(answer.into_inner().service_account.unwrap())
    }

    pub async fn key(
        &self,
        caller: &LoginResponse,
        account: &str,
        scopes: &[&str],
    ) -> Result<CreateApiKeyResponse, Status> {
        let request = CreateApiKeyRequest {
            service_account_id: account.to_owned(),
            name: "a key".to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            expires_at: None,
        };
        Ok(self.accounts().create_api_key(by(caller, request)).await?.into_inner())
    }

    async fn list_users(&self, token: &str) -> Result<usize, Status> {
        let answer = self.users().list_users(with_token(token, ListUsersRequest::default())).await?;
        Ok(answer.into_inner().users.len())
    }

    async fn authenticate(&self, key: &str) -> Result<(), Status> {
        let request = self.by_service(AuthenticateApiKeyRequest { key: key.to_owned() });
        self.accounts().authenticate_api_key(request).await.map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_signs_its_account_in_until_it_is_revoked() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let account = stack.account(&owner, "robot", &["admin"]).await.unwrap();
    assert_eq!((account.owner_id.clone(), account.roles.clone()), (id_of(&owner), vec!["admin".to_owned()]));
    let made = stack.key(&owner, &account.id, &[]).await.unwrap();
    let shown = made.api_key.unwrap();
    assert!(made.key.starts_with(&format!("{}_", shown.prefix)) && shown.prefix.starts_with("trn_test_"));
    let days = (shown.expires_at.unwrap().seconds - shown.created_at.unwrap().seconds) / 86_400;
    assert!((89..=90).contains(&days), "{days} days");
    assert_eq!(stack.list_users(&made.key).await.unwrap(), 1);
    let personal = stack.auth().list_sessions(with_token(&made.key, ListSessionsRequest {})).await.unwrap_err();
    assert!(matches!(personal.code(), Code::PermissionDenied | Code::Unauthenticated), "programs have no sessions");

    let stored: Vec<u8> = sqlx::query_scalar("SELECT digest FROM identity.api_keys")
        .fetch_one(&mut stack.db.admin().await)
        .await
        .unwrap();
    assert_eq!(stored, trinity_crypto::digest(made.key.as_bytes()), "a digest of the whole text, and no text");
    let list = ListApiKeysRequest { service_account_id: account.id.clone(), ..Default::default() };
    let listed = stack.accounts().list_api_keys(by(&owner, list)).await.unwrap().into_inner().api_keys;
    assert_eq!((listed.len(), listed[0].id.clone()), (1, shown.id.clone()));

    let revoke = RevokeApiKeyRequest { api_key_id: shown.id.clone() };
    stack.accounts().revoke_api_key(by(&owner, revoke.clone())).await.unwrap();
    stack.forget(&owner);
    assert_eq!(stack.list_users(&made.key).await.unwrap_err().code(), Code::Unauthenticated);
    let again = stack.accounts().revoke_api_key(by(&owner, revoke)).await.unwrap_err();
    assert_eq!(reason(&again), "API_KEY_NOT_FOUND");
    let told = stack.events_of("api_key.create").await;
    assert!(told.len() == 1 && !format!("{told:?}").contains(&made.key[60..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_limited_to_its_scopes_and_its_maker_to_what_he_has() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.role(&owner, "keysmith", &["service_account.manage", "user.read"]).await.unwrap();
    let smith = stack.person(&owner, "smith", &["keysmith"]).await;
    let robot = stack.account(&owner, "robot", &["admin"]).await.unwrap();

    let narrow = stack.key(&smith, &robot.id, &["user.read"]).await.unwrap().key;
    assert_eq!(stack.list_users(&narrow).await.unwrap(), 2);
    let create = CreateUserRequest { email: "x@acme.example".into(), password: PASSWORD.into(), ..Default::default() };
    let beyond = stack.users().create_user(with_token(&narrow, create)).await.unwrap_err();
    assert_eq!(reason(&beyond), "PERMISSION_DENIED");
    for scopes in [&[][..], &["audit.read"], &["user.read", "user.create"]] {
        let status = stack.key(&smith, &robot.id, scopes).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "ROLE_TOO_STRONG"),
            "{scopes:?}"
        );
    }
    assert_eq!(reason(&stack.account(&smith, "mine", &["admin"]).await.unwrap_err()), "ROLE_TOO_STRONG");
    assert_eq!(field(&stack.account(&owner, "boss", &["owner"]).await.unwrap_err()), "roles[0]");
    assert_eq!(field(&stack.key(&owner, &robot.id, &["no.such"]).await.unwrap_err()), "scopes[0]");
    let mine = stack.account(&smith, "mine", &[]).await.unwrap();
    let empty = stack.key(&smith, &mine.id, &["user.read"]).await.unwrap().key;
    assert_eq!(stack.list_users(&empty).await.unwrap_err().code(), Code::PermissionDenied, "a scope gives nothing");
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    stack.bind(&owner, "editor", subject(SubjectType::ServiceAccount, &mine.id), &project).await.unwrap();
    assert_eq!(reason(&stack.key(&smith, &mine.id, &[]).await.unwrap_err()), "ROLE_TOO_STRONG");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_keys_are_all_refused_alike() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let account = stack.account(&owner, "robot", &["admin"]).await.unwrap();
    let made = stack.key(&owner, &account.id, &[]).await.unwrap();
    let id: ApiKeyId = made.api_key.unwrap().id.parse().unwrap();
    let expired = stack.key(&owner, &account.id, &[]).await.unwrap();
    let expire = sqlx::query("UPDATE identity.api_keys SET expires_at = now() WHERE id = $1::uuid");
    stack.tamper(expire.bind(expired.api_key.unwrap().id)).await;
    let hostile = [
        ApiKeyText::new("test", id, [7; 32]).text().to_owned(),
        ApiKeyText::new("test", ApiKeyId::new(), [7; 32]).text().to_owned(),
        made.key.replace("trn_test_", "trn_live_"),
        made.key[..made.key.len() - 1].to_owned(),
        format!("{}0", made.key),
        made.key.to_uppercase(),
        "trn_".to_owned(),
        format!("trn_test_{}", "f".repeat(200_000)),
        "trn_test_' OR 1=1 --".to_owned(),
        expired.key.clone(),
    ];
    let expected = stack.list_users("no token at all").await.unwrap_err();
    let unknown = stack.authenticate(&hostile[1]).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "API_KEY_NOT_FOUND"));
    for key in &hostile {
        let direct = stack.authenticate(key).await.unwrap_err();
        assert_eq!((direct.code(), direct.details()), (unknown.code(), unknown.details()), "{key:.40}");
        if key.len() < 1000 {
            let status = stack.list_users(key).await.unwrap_err();
            assert_eq!((status.code(), status.details()), (expected.code(), expected.details()), "{key:.40}");
        }
    }
    assert_eq!(stack.list_users(&made.key).await.unwrap(), 1, "the true one is good");
    let by_person =
        stack.accounts().authenticate_api_key(by(&owner, AuthenticateApiKeyRequest { key: made.key })).await;
    assert_eq!(by_person.unwrap_err().code(), Code::PermissionDenied, "only services ask");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_end_with_their_account_and_with_who_answers_for_it() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.person(&owner, "admin", &["admin"]).await;
    let (one, two) = (
        stack.account(&admin, "one", &["viewer"]).await.unwrap(),
        stack.account(&owner, "two", &["admin"]).await.unwrap(),
    );
    let one_key = stack.key(&admin, &one.id, &[]).await.unwrap().key;
    let two_key = stack.key(&owner, &two.id, &[]).await.unwrap().key;
    assert_eq!(stack.list_users(&one_key).await.unwrap_err().code(), Code::PermissionDenied);
    let off = UpdateUserRequest { user_id: id_of(&admin), active: Some(false), ..Default::default() };
    stack.update(&owner, off).await.unwrap();
    let delete = DeleteServiceAccountRequest { service_account_id: two.id.clone() };
    stack.accounts().delete_service_account(by(&owner, delete.clone())).await.unwrap();
    stack.forget(&owner);
    for key in [&one_key, &two_key] {
        assert_eq!(stack.list_users(key).await.unwrap_err().code(), Code::Unauthenticated);
    }
    let again = stack.accounts().delete_service_account(by(&owner, delete)).await.unwrap_err();
    assert_eq!(reason(&again), "SERVICE_ACCOUNT_NOT_FOUND");
    assert!(stack.bindings(&owner, &two.id).await.is_empty());
    let list = stack.accounts().list_service_accounts(by(&owner, ListServiceAccountsRequest::default())).await.unwrap();
    assert_eq!(list.into_inner().service_accounts.len(), 1);
    let foreign = stack.tenant("other").await;
    assert_eq!(stack.key(&foreign, &one.id, &[]).await.unwrap_err().code(), Code::NotFound);
    for at in [in_seconds(-1), in_seconds(400 * 86_400)] {
        let request = CreateApiKeyRequest {
            service_account_id: one.id.clone(),
            name: "k".to_owned(),
            expires_at: at,
            ..Default::default()
        };
        assert_eq!(field(&stack.accounts().create_api_key(by(&owner, request)).await.unwrap_err()), "expires_at");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_use_is_written_down_to_the_minute() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let account = stack.account(&owner, "robot", &["admin"]).await.unwrap();
    let key = stack.key(&owner, &account.id, &[]).await.unwrap().key;
    stack.list_users(&key).await.unwrap();
    let used = eventually(Duration::from_secs(30), "the last use", || async {
        let list = by(&owner, ListApiKeysRequest::default());
        let keys = stack.accounts().list_api_keys(list).await.unwrap().into_inner().api_keys;
        keys[0].last_used_at
    });
    assert_eq!(used.await.seconds % 60, 0);
}
