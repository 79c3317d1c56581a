//! Access tokens of people, be they a tenant's users or staff: JWT with EdDSA and nothing else.
//!
//! Source: RFC 9068 (`typ=at+jwt`), RFC 8037 (Ed25519 keys), RFC 8725 (the algorithm is pinned, key hints in the header
//! are never followed).

use std::collections::HashMap;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use trinity_ids::{SessionId, StaffId, TenantId, UserId};

/// How long a user's access token lives.
pub const ACCESS_TOKEN_SECONDS: u32 = 600;
/// How long a staff token lives; one for a tenant that was entered lives as long as the entry.
pub const STAFF_TOKEN_SECONDS: u32 = 3600;
const TOKEN_TYPE: &str = "at+jwt";
const AUDIENCE: &str = "trinity";
const STAFF_AUDIENCE: &str = "trinity-platform";
/// How far clocks may differ, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Expiry, in seconds since 1970.
    pub exp: u64,
    /// Not before, in seconds since 1970.
    pub nbf: u64,
    /// Issued at, in seconds since 1970.
    pub iat: u64,
    /// The user.
    pub sub: UserId,
    /// The tenant.
    pub tid: TenantId,
    /// The session.
    pub sid: SessionId,
    /// Names of roles when the token was made, for clients to show; decisions never rest on them.
    pub roles: Vec<String>,
}

/// What a staff token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffClaims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Expiry, in seconds since 1970.
    pub exp: u64,
    /// Not before, in seconds since 1970.
    pub nbf: u64,
    /// Issued at, in seconds since 1970.
    pub iat: u64,
    /// The member of staff.
    pub sub: StaffId,
    /// The login, or the entry into a tenant.
    pub sid: SessionId,
    /// The tenant that was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<TenantId>,
}

/// What a sound token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claims {
    /// Of a tenant's user.
    User(AccessClaims),
    /// Of staff.
    Staff(StaffClaims),
}

/// A public key as JWKS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonWebKey {
    /// Key id.
    pub kid: String,
    /// The Ed25519 public key, base64url without padding.
    pub x: String,
}

/// Signs access tokens with one private key. Identity alone has one.
pub struct TokenSigner {
    kid: String,
    issuer: String,
    key: EncodingKey,
    public: String,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// Takes a private key in PKCS#8 DER.
    ///
    /// # Errors
    /// When the key is not an Ed25519 key.
    pub fn new(kid: &str, issuer: &str, pkcs8: &[u8]) -> Result<Self, aws_lc_rs::error::KeyRejected> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8)?;
        Ok(Self {
            kid: kid.to_owned(),
            issuer: issuer.to_owned(),
            key: EncodingKey::from_ed_der(pkcs8),
            public: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        })
    }

    /// Makes a new private key in PKCS#8 DER.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        Ok(Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())?.as_ref().to_vec())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> JsonWebKey {
        JsonWebKey { kid: self.kid.clone(), x: self.public.clone() }
    }

    /// Signs a token that lives for [`ACCESS_TOKEN_SECONDS`] from `now` (seconds since 1970).
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(
        &self,
        tenant: TenantId,
        user: UserId,
        session: SessionId,
        roles: Vec<String>,
        now: u64,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            exp: now + u64::from(ACCESS_TOKEN_SECONDS),
            nbf: now,
            iat: now,
            sub: user,
            tid: tenant,
            sid: session,
            roles,
        };
        self.encode(&claims)
    }

    /// Signs a staff token that lives for `seconds` from `now` (seconds since 1970); `entered` is the tenant whose data
    /// it opens.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_staff(
        &self,
        staff: StaffId,
        session: SessionId,
        entered: Option<TenantId>,
        now: u64,
        seconds: u32,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        self.encode(&StaffClaims {
            iss: self.issuer.clone(),
            aud: STAFF_AUDIENCE.to_owned(),
            exp: now + u64::from(seconds),
            nbf: now,
            iat: now,
            sub: staff,
            sid: session,
            tid: entered,
        })
    }

    fn encode(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

/// Verifies access tokens against a set of public keys.
#[derive(Clone)]
pub struct UserTokens {
    keys: HashMap<String, DecodingKey>,
    user: Validation,
    staff: Validation,
}

impl UserTokens {
    /// Takes the keys of a JWKS; those that are malformed are left out.
    #[must_use]
    pub fn new(issuer: &str, keys: &[JsonWebKey]) -> Self {
        let keys = keys
            .iter()
            .filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?)))
            .collect();
        Self { keys, user: validation(issuer, AUDIENCE), staff: validation(issuer, STAFF_AUDIENCE) }
    }

    /// Whether the set has the key that the token's header names.
    #[must_use]
    pub fn knows_key_of(&self, token: &str) -> bool {
        key_id(token).is_some_and(|kid| self.keys.contains_key(&kid))
    }

    /// Checks signature, type, issuer, audience and time. Every fault is the same `None`.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let user = || self.decode(token, &self.user).map(Claims::User);
        user().or_else(|| self.decode(token, &self.staff).map(Claims::Staff))
    }

    fn decode<C: serde::de::DeserializeOwned + Clone>(&self, token: &str, validation: &Validation) -> Option<C> {
        let key = self.keys.get(&key_id(token)?)?;
        let data = jsonwebtoken::decode::<C>(token, key, validation).ok()?;
        (data.header.typ.as_deref() == Some(TOKEN_TYPE)).then_some(data.claims)
    }
}

fn validation(issuer: &str, audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECONDS;
    validation
}

/// The key id of a header that is of our kind.
fn key_id(token: &str) -> Option<String> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    (header.alg == Algorithm::EdDSA).then_some(header.kid).flatten()
}
