//! How services prove themselves to each other: a token of 60 seconds, signed with the installation's service key.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const TOKEN_TYPE: &str = "svc+jwt";
const ISSUER: &str = "trinity-services";
const AUDIENCE: &str = "trinity-internal";
const LIFETIME: Duration = Duration::from_secs(60);
const RENEW_AFTER: Duration = Duration::from_secs(30);

/// A service token's claims.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: u64,
    sub: String,
}

/// Signs this process's service tokens and verifies those of others.
pub struct ServiceKey {
    name: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    current: Mutex<Option<(Instant, String)>>,
}

impl std::fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ServiceKey {
    /// Takes the installation's key (32 bytes, base64) on behalf of the service `name`.
    ///
    /// # Errors
    /// Says what is wrong with the key, without showing it.
    pub fn new(name: &str, seed: &str) -> Result<Self, &'static str> {
        let seed = STANDARD.decode(seed.trim()).map_err(|_| "the setting TRINITY_SERVICE_KEY is not base64")?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| "the setting TRINITY_SERVICE_KEY is not 32 bytes long")?;
        let pkcs8 = pair.to_pkcs8().map_err(|_| "the setting TRINITY_SERVICE_KEY cannot be used")?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 5;
        Ok(Self {
            name: name.to_owned(),
            encoding: EncodingKey::from_ed_der(pkcs8.as_ref()),
            decoding: DecodingKey::from_ed_components(&public)
                .map_err(|_| "the setting TRINITY_SERVICE_KEY cannot be used")?,
            validation,
            current: Mutex::new(None),
        })
    }

    /// A token that lives for at least 30 seconds more.
    ///
    /// # Panics
    /// When the clock stands before 1970.
    #[must_use]
    pub fn token(&self) -> String {
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((made, token)) = current.as_ref()
            && made.elapsed() < RENEW_AFTER
        {
            return token.clone();
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            exp: (now + LIFETIME).as_secs(),
            sub: self.name.clone(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding).expect("an Ed25519 key signs");
        *current = Some((Instant::now(), token.clone()));
        token
    }

    /// The name and expiry (seconds since 1970) of the service whose token this is.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<(String, u64)> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        (data.header.typ.as_deref() == Some(TOKEN_TYPE)).then_some((data.claims.sub, data.claims.exp))
    }
}
