//! The name under which people sign in.

use trinity_error::{Error, Result};

const MAX_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;
/// Characters that an address has only inside quotes, which we do not take. Source: RFC 5322, section 3.2.3.
const SPECIAL: &str = "\"(),:;<>[\\]";

/// An e-mail address in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks and normalises an address. Only a message that arrives could prove more.
    ///
    /// # Errors
    /// `InvalidArgument` naming `email`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim().to_lowercase();
        if text.is_empty() {
            return Err(Error::required("email"));
        }
        match text.split_once('@') {
            Some((local, domain)) if text.len() <= MAX_BYTES && is_local(local) && is_domain(domain) => Ok(Self(text)),
            _ => Err(Error::invalid("email", "is not an e-mail address")),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the at sign.
    pub fn local(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

fn is_local(local: &str) -> bool {
    (1..=MAX_LOCAL_BYTES).contains(&local.len())
        && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !SPECIAL.contains(c))
}

fn is_domain(domain: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c == '-';
    domain.split('.').all(|label| !label.is_empty() && label.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised() {
        let email = Email::parse("  Ada.Lovelace+x@Example.COM ").unwrap();
        assert_eq!((email.as_str(), email.local()), ("ada.lovelace+x@example.com", "ada.lovelace+x"));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in
            ["", "ada", "@x.com", "ada@", "a@b@c.com", "a b@c.com", "a\0@c.com", "a@c..com", "<a@c.com>", "a@c.com\n.x"]
        {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@c.com", "a".repeat(65))).is_err());
    }
}
