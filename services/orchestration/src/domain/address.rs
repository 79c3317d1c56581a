//! The secret part of a hook's address: whose it is, and 256 bits that nobody can guess.

use trinity_crypto::Secret;
use trinity_error::Result;
use trinity_ids::TenantId;
use uuid::Uuid;

const TENANT_DIGITS: usize = 32;

/// What stands behind `/incoming/`. Only the secret's digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whose hook it is.
    pub tenant: TenantId,
    /// Which one: nobody else has the secret.
    pub secret: Secret,
}

impl Address {
    /// Makes a new one.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate(tenant: TenantId) -> Result<Self> {
        Ok(Self { tenant, secret: Secret::generate()? })
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (tenant, secret) = text.split_at_checked(TENANT_DIGITS)?;
        let address = Self { tenant: Uuid::try_parse(tenant).ok()?.into(), secret: Secret::parse(secret)? };
        // Why: one spelling only.
        (address.to_text() == text).then_some(address)
    }

    /// The address as a part of a path.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}{}", self.tenant.uuid().simple(), self.secret.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text_in_one_spelling() {
        let address = Address::generate(TenantId::new()).unwrap();
        let text = address.to_text();
        assert_eq!(Address::parse(&text), Some(address));
        assert_eq!(text.len(), 75);
        for bad in
            ["", "x", &text[1..], &text.replacen(&text[..32], &text[..32].to_uppercase(), 1), &format!("{text}=")]
        {
            assert!(Address::parse(bad).is_none_or(|found| found.to_text() == *bad), "{bad}");
        }
        assert_eq!(Address::parse(&text[..74]), None);
    }
}
