//! Who calls, and in which tenant, is the token's to say and nothing else's.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use trinity_access::{Access, Limits, Standing};
use trinity_authz::{ApiKeyText, Authenticator, Directory, JsonWebKey};
use trinity_context::Caller;
use trinity_error::Result;
use trinity_ids::{ApiKeyId, ServiceAccountId, StaffId, TenantId, UserId};
use trinity_proto::common::Access as Who;

use crate::stack::{Installation, Stack, refused, send, start, start_in};

/// What the peer was told and what it answered, but for what differs from request to request.
async fn seen(stack: &Stack, request: RequestBuilder) -> (u16, Value, Vec<String>) {
    let request = request.header("x-request-id", "same").header("traceparent", TRACE);
    let (status, mut body) = send(request).await;
    body["meta"] = Value::Null;
    let metadata = stack.peer.metadata.lock().unwrap().clone().into_headers();
    let told = metadata.iter().filter(|(name, _)| *name != "grpc-timeout");
    let mut told: Vec<String> = told.map(|(name, value)| format!("{name}: {value:?}")).collect();
    told.sort();
    (status, body, told)
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const HEADERS: [&str; 6] = ["x-tenant-id", "x-tenant", "tenant-id", "x-org-id", "x-user-id", "x-roles"];

#[tokio::test]
async fn a_tenants_id_in_header_query_or_body_changes_nothing() {
    let stack = start(|_| ()).await;
    stack.create_project("p").await;
    let foreign = TenantId::new().to_string();
    let headers = |mut request: RequestBuilder| {
        for name in HEADERS {
            request = request.header(name, &foreign);
        }
        request
    };

    let plain = seen(&stack, stack.get("/projects/p")).await;
    assert_eq!(plain.0, 200);
    assert_eq!(seen(&stack, headers(stack.get("/projects/p"))).await, plain);
    assert_eq!(seen(&stack, headers(stack.get(&format!("/projects/p?tenant_id={foreign}")))).await, plain);

    let list = seen(&stack, stack.get("/projects?app=weather")).await;
    assert_eq!(seen(&stack, headers(stack.get(&format!("/projects?tenant_id={foreign}&app=weather")))).await, list);

    let create = |body: String| stack.post("/projects").header("content-type", "application/json").body(body);
    let made = seen(&stack, create(r#"{"name":"q","app":"weather"}"#.to_owned())).await;
    assert_eq!(made.0, 201);
    for id in [format!("\"{foreign}\""), "null".to_owned(), "{\"a\":[1]}".to_owned()] {
        let body = format!(r#"{{"tenant_id":{id},"name":"q","tenant_id":{id},"app":"weather"}}"#);
        assert_eq!(seen(&stack, headers(create(body))).await, made);
    }
    let nested = format!(r#"{{"name":"q","app":"weather","tenant":"{foreign}"}}"#);
    assert_eq!(refused(create(nested)).await.0, 400, "it is passed over by its one name only");
}

/// So that the passing over above can never hide a field that means something to a tenant's caller.
#[test]
fn no_contract_lets_a_tenants_caller_name_a_tenant() {
    for rpc in trinity_proto::descriptors::rpcs().unwrap() {
        if matches!(rpc.policy.access(), Who::Authenticated | Who::Permission) {
            let named = rpc.method.input().get_field_by_name("tenant_id");
            assert!(named.is_none(), "{} takes a tenant's id", rpc.path);
        }
    }
}

#[tokio::test]
async fn staff_reach_the_platform_without_a_tenants_limit() {
    let stack = start(|_| ()).await;
    let token = stack.tokens.staff(StaffId::new());
    let id = TenantId::new().to_string();
    for _ in 0..30 {
        let url = format!("{}/api/v1/platform/tenants/{id}", stack.base);
        let response = stack.http.get(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("ratelimit-limit"));
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["data"]["id"], id.as_str(), "the path's tenant reaches the service");
    }
    let told = stack.peer.metadata.lock().unwrap().get("authorization").cloned();
    assert_eq!(told.unwrap().to_str().unwrap(), format!("Bearer {token}"));
    let (status, ..) = refused(stack.http.get(format!("{}/api/v1/platform/tenants", stack.base))).await;
    assert_eq!(status, 401);
}

/// Knows one API key.
struct OneKey(ApiKeyText, TenantId);

#[async_trait]
impl Directory for OneKey {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        Ok(Vec::new())
    }
    async fn access(&self, _: &Caller) -> Result<Option<Access>> {
        Ok(Some(Access::default()))
    }
    async fn standing(&self, tenant: TenantId) -> Result<Standing> {
        assert_eq!(tenant, self.1);
        let limits = Limits { requests_per_minute: Some(60), ..Limits::default() };
        Ok(Standing { limits, ..Standing::unlimited() })
    }
    async fn api_key(&self, key: &ApiKeyText) -> Result<Option<Caller>> {
        Ok((*key == self.0).then(|| Caller::ServiceAccount {
            tenant: self.1,
            account: ServiceAccountId::new(),
            key: key.id,
            owner: UserId::new(),
        }))
    }
}

#[tokio::test]
async fn an_api_key_opens_the_gate_for_its_tenant() {
    let (good, other) = (
        ApiKeyText::new("live", ApiKeyId::new(), [7; 32]),
        ApiKeyText::new("live", ApiKeyId::new(), [8; 32]).text().to_owned(),
    );
    let mut installation = Installation::default();
    let directory = OneKey(good.clone(), TenantId::new());
    let key = installation.tokens.service_key();
    installation.authenticator = Some(Arc::new(Authenticator::new("trinity", key, directory)));
    let stack = start_in(&installation, |_| ()).await;
    let call = |token: &str| {
        let request = stack.http.request(Method::GET, format!("{}/api/v1/apps", stack.base));
        request.bearer_auth(token)
    };
    let response = call(good.text()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["ratelimit-limit"]), (200, &"60".parse().unwrap()));
    let told = stack.peer.metadata.lock().unwrap().get("authorization").cloned();
    assert_eq!(told.unwrap().to_str().unwrap(), format!("Bearer {}", good.text()));
    let mistyped = good.text().replace("07", "70");
    for token in [other.as_str(), mistyped.as_str(), "trn_live_1_2"] {
        assert_eq!(refused(call(token)).await.1, "UNAUTHENTICATED");
    }
}
