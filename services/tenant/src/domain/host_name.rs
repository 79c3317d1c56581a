//! The host name under which a tenant's people come.

use trinity_error::{Error, Result};

const MAX_CHARS: usize = 253;
const MAX_LABEL_CHARS: usize = 63;

/// A host name in lower case, without port and trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Checks and normalises a host name. Source: RFC 1123, section 2.1.
    ///
    /// # Errors
    /// `InvalidArgument` naming `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if name.is_empty() || name.len() > MAX_CHARS || !name.split('.').all(is_label) {
            return Err(Error::invalid(field, "is not a host name"));
        }
        Ok(Self(name))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_CHARS).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_normalised() {
        assert_eq!(HostName::parse("domain", " Data.Acme.COM. ").unwrap().as_str(), "data.acme.com");
        assert_eq!(HostName::parse("domain", "localhost").unwrap().as_str(), "localhost");
    }

    #[test]
    fn what_is_not_a_host_name_is_refused() {
        for text in ["", ".", "acme..com", "-a.com", "a-.com", "acme.com:80", "a b.com", "ä.com", &"a.".repeat(130)] {
            assert!(HostName::parse("domain", text).is_err(), "{text:?}");
        }
    }
}
