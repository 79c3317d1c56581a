//! The authorization matrix: every RPC of the contracts × every kind of caller, against `matrix.txt`.
//!
//! A new RPC without a row fails, and so does a row without an RPC.

use std::collections::{BTreeMap, HashMap};

use serde_json::json;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use trinity_ids::SessionId;
use trinity_stack_tests::{Api, Installation, PASSWORD};

const TABLE: &str = include_str!("matrix.txt");
const CALLERS: [&str; 13] = [
    "anonymous",
    "rubbish",
    "expired",
    "member",
    "viewer",
    "editor",
    "admin",
    "owner",
    "scopeless",
    "suspended",
    "staff",
    "inside",
    "service",
];

/// The rows of a table: RPC and its outcomes in the order of the callers.
pub fn rows(table: &str) -> BTreeMap<String, Vec<String>> {
    table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().expect("an RPC"), words.collect())
        })
        .collect()
}

/// Calls an RPC with an empty message, and says how far the caller came.
async fn outcome(channel: &Channel, path: &str, token: Option<&str>) -> &'static str {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("a ready channel");
    let mut request = Request::new(());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("a token"));
    }
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let path = path.parse().expect("a path");
    let answer = client.unary(request, path, codec).await;
    match answer.map_err(|status| status.code()) {
        Err(Code::Unauthenticated) => "401",
        Err(Code::PermissionDenied) => "403",
        _ => "in",
    }
}

/// A token that was sound and has expired.
async fn expired(installation: &Installation, tenant: &str, user: &str) -> String {
    let (signer, _) = installation.signer("trinity").await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
    let (tenant, user) = (tenant.parse().expect("an id"), user.parse().expect("an id"));
    signer.sign(tenant, user, SessionId::new(), vec!["owner".to_owned()], now - 3600).expect("a token")
}

/// An API key of an account with an admin's roles, limited to the one word `worker.read`.
async fn scopeless(owner: &Api) -> String {
    let account = json!({"name": "robot", "roles": ["admin"]});
    let account = owner.post("/service-accounts", account).await.data()["id"].clone();
    let key = json!({"service_account_id": account, "name": "key", "scopes": ["worker.read"]});
    owner.post("/api-keys", key).await.data()["key"].as_str().expect("a key").to_owned()
}

async fn tokens(installation: &Installation) -> HashMap<&'static str, String> {
    let (tenant, owner) = installation.tenant("acme").await;
    let mut tokens = HashMap::from([("rubbish", "rubbish".to_owned()), ("service", installation.service_token())]);
    for role in ["member", "viewer", "editor", "admin"] {
        tokens.insert(role, installation.person(&owner, "acme", role).await.token().to_owned());
    }
    let me = owner.get("/auth/me").await.data()["user"]["id"].as_str().expect("an id").to_owned();
    tokens.insert("expired", expired(installation, &tenant, &me).await);
    tokens.insert("scopeless", scopeless(&owner).await);
    tokens.insert("owner", owner.token().to_owned());

    // Why two logins: an entry ends with the login that it was made in.
    let (staff, other) = (installation.staff().await, installation.staff().await);
    let entry = json!({"reason": "looking into a ticket"});
    let entry = other.post(&format!("/platform/tenants/{tenant}/enter"), entry).await;
    tokens.insert("inside", entry.data()["access_token"].as_str().expect("a token").to_owned());
    tokens.insert("staff", staff.token().to_owned());

    let (frozen, owner) = installation.tenant("frozen").await;
    staff.post(&format!("/platform/tenants/{frozen}/suspend"), json!({})).await.data();
    tokens.insert("suspended", owner.token().to_owned());
    tokens
}

/// Sessions that no earlier call has ended.
async fn sign_in_again(installation: &Installation, tokens: &mut HashMap<&'static str, String>) {
    for role in ["member", "viewer", "editor", "admin", "owner"] {
        let api = installation.anonymous().login("acme", &format!("{role}@acme.example"), PASSWORD).await;
        tokens.insert(role, api.token().to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_admits_just_whom_the_table_says() {
    let installation = Installation::start().await;
    let mut tokens = tokens(&installation).await;
    let mut rpcs = trinity_proto::descriptors::rpcs().expect("policies");
    let ends_sessions = |path: &str| path.contains("/Logout") || path.ends_with("/RevokeAllSessions");
    rpcs.sort_by_key(|rpc| (ends_sessions(&rpc.path), rpc.path.clone()));
    // Why a wait: the suspension reaches every service within a second.
    let suspended = installation.anonymous().with_token(&tokens["suspended"]);
    trinity_testkit::eventually(std::time::Duration::from_secs(2), "the suspension", || async {
        let mut everywhere = true;
        for path in ["/projects", "/runs", "/users", "/audit/events", "/tenant"] {
            everywhere &= suspended.get(path).await.status == 403;
        }
        everywhere.then_some(())
    })
    .await;
    let (mut table, mut wrong) = (rows(TABLE), Vec::new());
    for rpc in &rpcs {
        if ends_sessions(&rpc.path) {
            sign_in_again(&installation, &mut tokens).await;
        }
        let channel = installation.channel(rpc.service()).await;
        let mut have = Vec::new();
        for caller in CALLERS {
            have.push(outcome(&channel, &rpc.path, tokens.get(caller).map(String::as_str)).await.to_owned());
        }
        let name = rpc.path.trim_start_matches('/').to_owned();
        let want = table.remove(&name);
        if want.as_ref() != Some(&have) {
            wrong.push(format!("{name} {}, the table says {want:?}", have.join(" ")));
        }
    }
    wrong.extend(table.into_keys().map(|name| format!("{name} has a row and is no RPC")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
