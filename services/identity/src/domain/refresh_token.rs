//! Refresh tokens: which session they belong to, and what follows them.
//!
//! A token's successor is derived from it under a key that only the server has. So the same token always has the same
//! successor, which a client that asked twice gets twice; and a spent token proves itself by leading to the current
//! one, though only two digests are stored. Neither the table alone nor the key alone makes a token.

use trinity_crypto::{Deriver, Secret};
use trinity_error::Result;
use trinity_ids::{SessionId, TenantId};

const PREFIX: &str = "rt";
/// How far back a spent token is recognised. Beyond that it is refused like a forged one.
const MAX_STEPS: i64 = 10_000;

/// A refresh token, which says whose session it is for: `rt_<tenant>_<session>_<secret>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    pub tenant: TenantId,
    pub session: SessionId,
    secret: Secret,
}

impl RefreshToken {
    /// Makes the first token of a session.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn first(tenant: TenantId, session: SessionId) -> Result<Self> {
        Ok(Self { tenant, session, secret: Secret::generate()? })
    }

    /// Reads a token that was presented.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '_');
        if parts.next() != Some(PREFIX) {
            return None;
        }
        let (tenant, session) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { tenant, session, secret: Secret::parse(parts.next()?)? })
    }

    /// What the client gets.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}_{}_{}_{}", self.tenant, self.session, self.secret.to_text())
    }

    /// What the table keeps.
    pub fn digest(&self) -> Vec<u8> {
        self.secret.digest().to_vec()
    }

    /// The token that follows this one.
    pub fn successor(&self, successors: &Deriver) -> Self {
        let purpose = [self.tenant.uuid().into_bytes(), self.session.uuid().into_bytes()].concat();
        Self { secret: successors.derive(&purpose, &self.secret), ..self.clone() }
    }

    /// Whether the session's current token, of which `digest` is stored, follows this one after one to `rotations`
    /// steps: then this one was good once and is spent.
    pub fn leads_to(&self, digest: &[u8], rotations: i64, successors: &Deriver) -> bool {
        let mut token = self.clone();
        (0..rotations.min(MAX_STEPS)).any(|_| {
            token = token.successor(successors);
            token.digest() == digest
        })
    }
}

#[cfg(test)]
mod tests {
    use trinity_crypto::MasterKey;

    use super::*;

    fn successors(byte: u8) -> Deriver {
        MasterKey::from_bytes([byte; 32]).deriver("refresh tokens")
    }

    fn first() -> RefreshToken {
        RefreshToken::first(TenantId::new(), SessionId::new()).unwrap()
    }

    #[test]
    fn a_token_survives_its_text() {
        for _ in 0..100 {
            let token = first();
            assert_eq!(RefreshToken::parse(&token.to_text()), Some(token));
        }
        let text = first().to_text();
        for broken in
            ["", "rt", "rt___", &text[1..], &text[..text.len() - 1], &text.replace("rt_", "at_"), &format!("{text}A")]
        {
            assert_eq!(RefreshToken::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_spent_token_leads_to_the_current_one_and_others_do_not() {
        let (server, stranger) = (successors(1), successors(2));
        let spent = first();
        let current = spent.successor(&server).successor(&server).successor(&server);
        assert!(spent.leads_to(&current.digest(), 3, &server));
        assert!(!spent.leads_to(&current.digest(), 2, &server), "no more steps than there were rotations");
        assert!(!spent.leads_to(&current.digest(), 3, &stranger));
        assert!(!current.leads_to(&current.digest(), 3, &server), "the current one is not spent");
        assert!(!current.leads_to(&spent.digest(), 3, &server));
        let forged = RefreshToken { secret: Secret::generate().unwrap(), ..spent };
        assert!(!forged.leads_to(&current.digest(), 3, &server));
    }
}
