//! Hostile tokens: every one is refused, and all alike.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use trinity_error::Code;
use trinity_ids::{ApiKeyId, ServiceAccountId, SessionId, UserId};

use super::*;
use crate::user_token::TokenSigner;

struct Fixed {
    keys: Vec<JsonWebKey>,
    /// No session is good once it is set.
    ended: Arc<AtomicBool>,
}

#[async_trait]
impl Directory for Fixed {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        Ok(self.keys.clone())
    }
    async fn access(&self, _: &Caller) -> Result<Option<Access>> {
        Ok((!self.ended.load(Ordering::Relaxed)).then(Access::default))
    }
    async fn standing(&self, _: TenantId) -> Result<Standing> {
        Ok(Standing::unlimited())
    }
    async fn api_key(&self, key: &ApiKeyText) -> Result<Option<Caller>> {
        let (tenant, account, owner) = (TenantId::NIL, ServiceAccountId::NIL, UserId::NIL);
        let caller = Caller::ServiceAccount { tenant, account, key: key.id, owner };
        Ok((key.id == KNOWN_KEY).then_some(caller))
    }
}

const KNOWN_KEY: ApiKeyId = ApiKeyId::NIL;

struct Bench {
    signer: TokenSigner,
    session: SessionId,
    tenant: TenantId,
    ended: Arc<AtomicBool>,
    authenticator: Authenticator,
}

fn bench() -> Bench {
    let signer = TokenSigner::new("k1", "trinity", &TokenSigner::generate().unwrap()).unwrap();
    let session = SessionId::new();
    let key = Arc::new(ServiceKey::new("test", &STANDARD.encode([7u8; 32])).unwrap());
    let ended = Arc::new(AtomicBool::new(false));
    let directory = Fixed { keys: vec![signer.public_key()], ended: Arc::clone(&ended) };
    let authenticator = Authenticator::new("trinity", key, directory);
    Bench { signer, session, tenant: TenantId::new(), ended, authenticator }
}

impl Bench {
    fn token(&self, at: u64) -> String {
        self.signer.sign(self.tenant, UserId::new(), self.session, vec!["viewer".to_owned()], at).unwrap()
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
    let bench = bench();
    let caller = bench.authenticator.authenticate(&bench.token(now())).await.unwrap();
    assert!(matches!(caller.as_ref(), Caller::User { session, .. } if *session == bench.session));
}

#[tokio::test]
async fn expired_and_future_tokens_are_refused() {
    let bench = bench();
    is_refused(&bench, &bench.token(now() - 700)).await;
    is_refused(&bench, &bench.token(now() + 300)).await;
}

#[tokio::test]
async fn another_issuer_another_key_and_rubbish_are_refused() {
    let bench = bench();
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
    let bench = bench();
    let claims = format!(r#"{{"iss":"trinity","aud":"trinity","exp":{},"nbf":0,"iat":0}}"#, now() + 60);
    is_refused(&bench, &forged(r#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#, &claims)).await;
    is_refused(&bench, &forged(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#, &claims)).await;
    is_refused(&bench, &forged(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","jku":"http://127.0.0.1/keys"}"#, &claims))
        .await;
}

#[tokio::test]
async fn an_ended_session_is_refused_as_soon_as_it_is_forgotten() {
    let bench = bench();
    let caller = bench.authenticator.authenticate(&bench.token(now())).await.unwrap();
    bench.authenticator.access(&caller).await.unwrap();
    bench.ended.store(true, Ordering::Relaxed);
    bench.authenticator.forget_access(bench.tenant);
    let error = bench.authenticator.access(&caller).await.unwrap_err();
    assert_eq!(error.reason(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn an_ended_session_is_refused_within_a_second_without_a_hint() {
    let bench = bench();
    let caller = bench.authenticator.authenticate(&bench.token(now())).await.unwrap();
    bench.authenticator.access(&caller).await.unwrap();
    bench.ended.store(true, Ordering::Relaxed);
    let from = Instant::now();
    while bench.authenticator.access(&caller).await.is_ok() {
        assert!(from.elapsed() < Duration::from_secs(2), "what was known is too old");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_staff_token_is_no_users_token_and_the_other_way_round() {
    let bench = bench();
    let staff = trinity_ids::StaffId::new();
    let token = bench.signer.sign_staff(staff, bench.session, Some(bench.tenant), now(), 60).unwrap();
    let caller = bench.authenticator.authenticate(&token).await.unwrap();
    assert!(matches!(*caller, Caller::Staff { entered: Some(tenant), .. } if tenant == bench.tenant));
    let plain = bench.signer.sign_staff(staff, bench.session, None, now(), 60).unwrap();
    let caller = bench.authenticator.authenticate(&plain).await.unwrap();
    assert_eq!(caller.tenant(), None);
    is_refused(&bench, &bench.signer.sign_staff(staff, bench.session, None, now() - 700, 60).unwrap()).await;
}

#[tokio::test]
async fn a_known_key_names_its_account_and_others_are_refused() {
    let bench = bench();
    let key = ApiKeyText::new("test", KNOWN_KEY, [1; 32]);
    let caller = bench.authenticator.authenticate(key.text()).await.unwrap();
    assert!(matches!(*caller, Caller::ServiceAccount { key, .. } if key == KNOWN_KEY));
    is_refused(&bench, ApiKeyText::new("test", ApiKeyId::new(), [1; 32]).text()).await;
    is_refused(&bench, &key.text()[..key.text().len() - 1]).await;
}

#[tokio::test]
async fn a_service_token_names_its_service() {
    let bench = bench();
    let key = ServiceKey::new("worker", &STANDARD.encode([7u8; 32])).unwrap();
    let caller = bench.authenticator.authenticate(&key.token()).await.unwrap();
    assert_eq!(caller.as_ref(), &Caller::Service { name: "worker".to_owned() });
    let stranger = ServiceKey::new("worker", &STANDARD.encode([8u8; 32])).unwrap();
    is_refused(&bench, &stranger.token()).await;
}
