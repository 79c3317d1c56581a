//! Hostile tokens: every one is refused, and all alike.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use trinity_ids::UserId;

use super::*;
use crate::user_token::TokenSigner;

struct Fixed {
    keys: Vec<JsonWebKey>,
    revoked: HashSet<SessionId>,
}

#[async_trait]
impl Directory for Fixed {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        Ok(self.keys.clone())
    }
    async fn revoked_sessions(&self) -> Result<HashSet<SessionId>> {
        Ok(self.revoked.clone())
    }
    async fn suspended_tenants(&self) -> Result<HashSet<TenantId>> {
        Ok(HashSet::new())
    }
}

struct Bench {
    signer: TokenSigner,
    session: SessionId,
    authenticator: Authenticator,
}

fn bench(revoke: bool) -> Bench {
    let signer = TokenSigner::new("k1", "trinity", &TokenSigner::generate().unwrap()).unwrap();
    let session = SessionId::new();
    let key = Arc::new(ServiceKey::new("test", &STANDARD.encode([7u8; 32])).unwrap());
    let revoked = if revoke { HashSet::from([session]) } else { HashSet::new() };
    let directory = Fixed { keys: vec![signer.public_key()], revoked };
    Bench { signer, session, authenticator: Authenticator::new("trinity", key, directory) }
}

impl Bench {
    fn token(&self, at: u64) -> String {
        self.signer.sign(TenantId::new(), UserId::new(), self.session, vec!["viewer".to_owned()], at).unwrap()
    }
}

async fn is_refused(bench: &Bench, token: &str) {
    let error = bench.authenticator.authenticate(token).await.unwrap_err();
    assert_eq!(
        (error.code(), error.reason(), error.to_string().as_str()),
        (Code::Unauthenticated, "UNAUTHENTICATED", "sign in to do this")
    );
}

fn forged(header: &str, claims: &str) -> String {
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims),
        URL_SAFE_NO_PAD.encode([0u8; 64])
    )
}

#[tokio::test]
async fn a_sound_token_names_its_caller() {
    let bench = bench(false);
    let caller = bench.authenticator.authenticate(&bench.token(now())).await.unwrap();
    assert!(matches!(caller.as_ref(), Caller::User { session, .. } if *session == bench.session));
}

#[tokio::test]
async fn expired_and_future_tokens_are_refused() {
    let bench = bench(false);
    is_refused(&bench, &bench.token(now() - 700)).await;
    is_refused(&bench, &bench.token(now() + 300)).await;
}

#[tokio::test]
async fn another_issuer_another_key_and_rubbish_are_refused() {
    let bench = bench(false);
    let pkcs8 = TokenSigner::generate().unwrap();
    let sign = |kid: &str, issuer: &str| {
        TokenSigner::new(kid, issuer, &pkcs8)
            .unwrap()
            .sign(TenantId::new(), UserId::new(), bench.session, vec![], now())
            .unwrap()
    };
    is_refused(&bench, &sign("k1", "trinity")).await;
    is_refused(&bench, &sign("unknown", "trinity")).await;
    is_refused(&bench, &sign("k1", "someone")).await;
    is_refused(&bench, "rubbish").await;
    is_refused(&bench, "").await;
}

#[tokio::test]
async fn forged_headers_are_refused() {
    let bench = bench(false);
    let claims = format!(r#"{{"iss":"trinity","aud":"trinity","exp":{},"nbf":0,"iat":0}}"#, now() + 60);
    is_refused(&bench, &forged(r#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#, &claims)).await;
    is_refused(&bench, &forged(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#, &claims)).await;
    is_refused(&bench, &forged(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","jku":"http://127.0.0.1/keys"}"#, &claims))
        .await;
}

#[tokio::test]
async fn a_revoked_session_is_refused_after_a_refresh() {
    let bench = bench(true);
    let token = bench.token(now());
    bench.authenticator.authenticate(&token).await.unwrap();
    bench.authenticator.refresh().await.unwrap();
    is_refused(&bench, &token).await;
}

#[tokio::test]
async fn a_service_token_names_its_service() {
    let bench = bench(false);
    let key = ServiceKey::new("worker", &STANDARD.encode([7u8; 32])).unwrap();
    let caller = bench.authenticator.authenticate(&key.token()).await.unwrap();
    assert_eq!(caller.as_ref(), &Caller::Service { name: "worker".to_owned() });
    let stranger = ServiceKey::new("worker", &STANDARD.encode([8u8; 32])).unwrap();
    is_refused(&bench, &stranger.token()).await;
}
