//! Signing keys: made once, published before they sign and after, sealed at rest.

use futures::future::join_all;
use trinity_authz::{JsonWebKey, TokenSigner, UserTokens};
use trinity_identity::Config;
use trinity_proto::identity::{GetJwksRequest, LoginRequest};
use trinity_rpc::Service;

use crate::stack::{PASSWORD, Stack, client_of, wait_ready};

async fn published(service: &Service) -> Vec<JsonWebKey> {
    let answer = client_of(service).get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    assert!(
        answer
            .keys
            .iter()
            .all(|key| (key.kty.as_str(), key.crv.as_str(), key.alg.as_str()) == ("OKP", "Ed25519", "EdDSA"))
    );
    answer.keys.into_iter().map(|key| JsonWebKey { kid: key.kid, x: key.x }).collect()
}

async fn token_of(service: &Service) -> String {
    let request = LoginRequest {
        tenant: "acme".to_owned(),
        email: "owner@acme.example".to_owned(),
        password: PASSWORD.to_owned(),
    };
    client_of(service).login(request).await.unwrap().into_inner().access_token
}

fn verifies(keys: &[JsonWebKey], token: &str) -> bool {
    UserTokens::new("trinity", keys).verify(token).is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_share_one_key() {
    let stack = Stack::start().await;
    stack.tamper(sqlx::query("DELETE FROM identity.signing_keys")).await;
    let replicas = join_all((0..5).map(|_| stack.replica())).await;
    join_all(replicas.iter().map(wait_ready)).await;
    let first = published(&replicas[0]).await;
    assert_eq!(first.len(), 1);
    for replica in &replicas {
        assert_eq!(published(replica).await, first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_waits_for_the_key_that_another_is_making() {
    let stack = Stack::start().await;
    let first = published(&stack.ready_replica().await).await;
    stack.tamper(sqlx::query("CREATE TABLE identity.kept AS SELECT * FROM identity.signing_keys")).await;
    stack.tamper(sqlx::query("GRANT SELECT ON identity.kept TO trinity_identity")).await;
    stack.tamper(sqlx::query("DELETE FROM identity.signing_keys")).await;
    let mut rival = stack.rival("").await;
    sqlx::query("INSERT INTO signing_keys SELECT * FROM kept").execute(&mut rival).await.unwrap();
    let late = stack.replica().await;
    tokio::join!(wait_ready(&late), stack.commit_when_waited_for(rival));
    assert_eq!(published(&late).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_after() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let before = stack.ready_replica().await;
    let old = published(&before).await;
    let old_token = token_of(&before).await;

    stack.tamper(sqlx::query("UPDATE identity.signing_keys SET created_at = now() - interval '31 days'")).await;
    let announced = stack.ready_replica().await;
    let both = published(&announced).await;
    assert_eq!((both.len(), &both[1]), (2, &old[0]));
    assert!(verifies(&old, &token_of(&announced).await), "the old key still signs");

    stack.tamper(sqlx::query("UPDATE identity.signing_keys SET signs_from = now() WHERE generation = 2")).await;
    let turned = stack.ready_replica().await;
    let new_token = token_of(&turned).await;
    assert!(verifies(&both[..1], &new_token) && !verifies(&old, &new_token), "the new key signs");
    assert!(verifies(&published(&turned).await, &old_token), "old tokens live on");

    stack
        .tamper(sqlx::query(
            "UPDATE identity.signing_keys SET signs_from = now() - interval '61 min' WHERE generation = 2",
        ))
        .await;
    let after = stack.ready_replica().await;
    assert_eq!(published(&after).await, both[..1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_keys_are_sealed_at_rest() {
    let stack = Stack::start().await;
    let (kid, sealed): (String, Vec<u8>) = sqlx::query_as("SELECT kid, sealed_private_key FROM identity.signing_keys")
        .fetch_one(&mut stack.db.admin().await)
        .await
        .unwrap();
    let plain = TokenSigner::generate().unwrap();
    assert!(!sealed.windows(8).any(|window| window == &plain[..8]), "no PKCS#8 head stands in it");
    assert!(TokenSigner::new(&kid, "trinity", &sealed).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_master_key_stops_the_start() {
    let stack = Stack::start().await;
    for (master_key, fault) in [("", "is missing"), ("short", "is not base64"), ("c2hvcnQ=", "is not 32 bytes long")] {
        let config = Config { master_key: master_key.to_owned(), ..stack.config() };
        let error = trinity_identity::build(config, stack.runtime.clone()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the setting TRINITY_IDENTITY_MASTER_KEY {fault}"));
    }
}
