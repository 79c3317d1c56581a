//! The authorization matrix: every RPC of the contracts × every kind of caller, against `matrix.txt`.
//!
//! A new RPC without a row fails, and so does a row without an RPC.

use std::collections::{BTreeMap, HashMap};

use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use trinity_stack_tests::{Installation, PASSWORD};

const TABLE: &str = include_str!("matrix.txt");
const CALLERS: [&str; 7] = ["anonymous", "rubbish", "viewer", "editor", "admin", "owner", "service"];

/// The rows of the table: RPC and its outcomes in the order of `CALLERS`.
fn table() -> BTreeMap<String, Vec<String>> {
    TABLE
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

async fn token(installation: &Installation, role: &str) -> String {
    let body = serde_json::json!({"tenant": "acme", "email": format!("{role}@acme.example"), "password": PASSWORD});
    let answer = installation.anonymous().post("/auth/login", body).await;
    answer.data()["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_admits_just_whom_the_table_says() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    for role in ["viewer", "editor", "admin"] {
        installation.person(&owner, "acme", role).await;
    }
    let mut rpcs = trinity_proto::descriptors::rpcs().expect("policies");
    // Why last: it ends the session that it is called with.
    rpcs.sort_by_key(|rpc| (rpc.path.ends_with("/Logout"), rpc.path.clone()));
    let mut tokens: HashMap<&str, String> = HashMap::from([("rubbish", "rubbish".to_owned())]);
    for role in ["viewer", "editor", "admin", "owner"] {
        tokens.insert(role, token(&installation, role).await);
    }
    tokens.insert("service", installation.service_token());
    let mut table = table();
    let mut wrong = Vec::new();
    for rpc in &rpcs {
        let channel = installation.channel(rpc.service()).await;
        let mut have = Vec::new();
        for caller in CALLERS {
            have.push(outcome(&channel, &rpc.path, tokens.get(caller).map(String::as_str)).await.to_owned());
        }
        let name = rpc.path.trim_start_matches('/').to_owned();
        let want = table.remove(&name);
        if want.as_ref() != Some(&have) {
            wrong.push(format!("{name} is {have:?}, the table says {want:?}"));
        }
    }
    wrong.extend(table.into_keys().map(|name| format!("{name} has a row and is no RPC")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
