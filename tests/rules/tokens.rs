//! Access tokens that are wrong in one thing each, signed with identity's own key where a signature is wanted: every one
//! is refused, all alike.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};

const ISSUER: &str = "trinity";

struct Forge {
    key: EncodingKey,
    header: Header,
    /// The claims of a sound token.
    claims: Value,
}

impl Forge {
    /// Takes a sound token apart, so that forgeries differ from it in just what they mean to.
    fn new(private: &[u8], sound: &str) -> Self {
        let claims = URL_SAFE_NO_PAD.decode(sound.split('.').nth(1).expect("claims")).expect("base64");
        Self {
            key: EncodingKey::from_ed_der(private),
            header: jsonwebtoken::decode_header(sound).expect("a header"),
            claims: serde_json::from_slice(&claims).expect("JSON"),
        }
    }

    /// A sound token but for these claims; null takes a claim away.
    fn claiming(&self, changes: &Value) -> String {
        let mut claims = self.claims.clone();
        for (name, value) in changes.as_object().expect("claims") {
            match value {
                Value::Null => drop(claims.as_object_mut().expect("claims").remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        jsonwebtoken::encode(&self.header, &claims, &self.key).expect("a token")
    }

    /// A sound token but for its header.
    fn under(&self, change: impl FnOnce(&mut Header)) -> String {
        let mut header = self.header.clone();
        change(&mut header);
        jsonwebtoken::encode(&header, &self.claims, &self.key).expect("a token")
    }

    /// Any header, any signature.
    fn raw(&self, header: &Value, signature: &[u8]) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(&self.claims), URL_SAFE_NO_PAD.encode(signature))
    }

    /// HMAC with what everybody knows, the public key, as the secret.
    fn hmac(&self, public: &str) -> String {
        let mut header = self.header.clone();
        header.alg = Algorithm::HS256;
        let secret = URL_SAFE_NO_PAD.decode(public).expect("a key");
        jsonwebtoken::encode(&header, &self.claims, &EncodingKey::from_secret(&secret)).expect("a token")
    }
}

/// Status, code and message: what a caller can tell refusals apart by.
async fn refusal(api: &Api, token: &str) -> (u16, Value, Value) {
    let answer = api.with_token(token).get("/projects").await;
    (answer.status, answer.body["error"].clone(), answer.body["data"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_that_is_wrong_is_refused_and_all_alike() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (_, stranger) = installation.tenant("rival").await;
    let (_, private) = installation.signer(ISSUER).await;
    let sound = owner.token();
    let forge = Forge::new(&private, sound);
    let jwks = installation.anonymous().jwks().await;
    let public = jwks["keys"][0]["x"].as_str().expect("a key").to_owned();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": public});
    let (typ, kid) = ("at+jwt", forge.header.kid.clone());
    let now = forge.claims["iat"].as_u64().expect("a time");
    let other_tenant = Forge::new(&private, stranger.token()).claims["tid"].clone();

    assert_eq!(owner.with_token(&forge.claiming(&json!({}))).get("/projects").await.status, 200, "the forge works");
    let wanted = refusal(&owner, "rubbish").await;
    assert_eq!((wanted.0, &wanted.1["code"]), (401, &json!("UNAUTHENTICATED")));
    let (head, signature) = sound.rsplit_once('.').expect("a signature");
    let forgeries = [
        ("no algorithm", forge.raw(&json!({"alg": "none", "typ": typ, "kid": kid}), b"")),
        ("no algorithm, a signature", forge.raw(&json!({"alg": "None", "typ": typ, "kid": kid}), &[0; 64])),
        ("HMAC with the public key", forge.hmac(&public)),
        ("an unknown key id", forge.under(|header| header.kid = Some("unknown".to_owned()))),
        ("no key id", forge.under(|header| header.kid = None)),
        ("a key of its own by address", {
            let header = json!({"alg": "EdDSA", "typ": typ, "kid": kid, "jku": "http://127.0.0.1:1/keys"});
            forge.raw(&header, &[1; 64])
        }),
        ("a key of its own", forge.raw(&json!({"alg": "EdDSA", "typ": typ, "kid": kid, "jwk": jwk}), &[1; 64])),
        ("another type", forge.under(|header| header.typ = Some("JWT".to_owned()))),
        ("no type", forge.under(|header| header.typ = None)),
        ("another issuer", forge.claiming(&json!({"iss": "https://evil.example"}))),
        ("another audience", forge.claiming(&json!({"aud": "someone"}))),
        ("the services' audience", forge.claiming(&json!({"aud": "trinity-internal"}))),
        ("no audience", forge.claiming(&json!({"aud": null}))),
        ("no expiry", forge.claiming(&json!({"exp": null}))),
        ("an expiry of another type", forge.claiming(&json!({"exp": "never"}))),
        ("expired", forge.claiming(&json!({"exp": now - 60, "nbf": now - 600, "iat": now - 600}))),
        ("not valid yet", forge.claiming(&json!({"nbf": now + 600, "exp": now + 1200}))),
        ("a start of another type", forge.claiming(&json!({"nbf": "now"}))),
        ("a user of another type", forge.claiming(&json!({"sub": 7}))),
        ("a tenant of another type", forge.claiming(&json!({"tid": ["a"]}))),
        ("another tenant", forge.claiming(&json!({"tid": other_tenant}))),
        ("a session that nobody has", forge.claiming(&json!({"sid": "0198c0de-0000-7000-8000-00000000dead"}))),
        ("another one's signature", format!("{head}.{}", "A".repeat(signature.len()))),
        ("no signature", format!("{head}.")),
        ("a part too many", format!("{sound}.x")),
        ("an empty token", String::new()),
    ];
    for (what, token) in forgeries {
        assert_eq!(refusal(&owner, &token).await, wanted, "{what}");
    }
    assert_eq!(owner.post("/auth/logout", json!({})).await.status, 200);
    trinity_testkit::eventually(std::time::Duration::from_secs(2), "the end of the session", || async {
        (refusal(&owner, sound).await == wanted).then_some(())
    })
    .await;
}
