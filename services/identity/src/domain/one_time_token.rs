//! Tokens that work once: an invitation, a proof of an address, a new password, the second step of a login.

use trinity_crypto::Secret;
use trinity_error::Result;
use trinity_ids::TenantId;
use uuid::Uuid;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Becoming a user.
    Invite,
    /// Setting a new password.
    Reset,
    /// Proving an address.
    Verify,
    /// Ending a login with the second factor.
    Mfa,
}

impl Purpose {
    /// Its name in tokens and rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Reset => "reset",
            Self::Verify => "verify",
            Self::Mfa => "mfa",
        }
    }
}

/// A token, which says where it is kept: `<purpose>_<tenant>_<id>_<secret>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    pub purpose: Purpose,
    pub tenant: TenantId,
    pub id: Uuid,
    secret: Secret,
}

impl OneTimeToken {
    /// Makes a new one.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn new(purpose: Purpose, tenant: TenantId) -> Result<Self> {
        Ok(Self { purpose, tenant, id: Uuid::now_v7(), secret: Secret::generate()? })
    }

    /// Reads a token that was presented for `purpose`. Blanks around it, as copying leaves them, do not count.
    pub fn parse(purpose: Purpose, text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(4, '_');
        if parts.next() != Some(purpose.name()) {
            return None;
        }
        let tenant = parts.next()?.parse().ok()?;
        let id = parts.next().filter(|id| id.len() == 36)?.parse().ok()?;
        Some(Self { purpose, tenant, id, secret: Secret::parse(parts.next()?)? })
    }

    /// What its holder gets.
    pub fn to_text(&self) -> String {
        format!("{}_{}_{}_{}", self.purpose.name(), self.tenant, self.id, self.secret.to_text())
    }

    /// What the table keeps.
    pub fn digest(&self) -> Vec<u8> {
        self.secret.digest().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_for_its_own_purpose_alone() {
        let token = OneTimeToken::new(Purpose::Reset, TenantId::new()).unwrap();
        let text = token.to_text();
        assert_eq!(OneTimeToken::parse(Purpose::Reset, &format!(" {text}\n")), Some(token));
        assert_eq!(OneTimeToken::parse(Purpose::Verify, &text), None);
        for broken in ["", "reset", "reset___", &text[1..], &text[..text.len() - 1], &format!("{text}A"), "reset_\0"] {
            assert_eq!(OneTimeToken::parse(Purpose::Reset, broken), None, "{broken:?}");
        }
    }
}
