//! The text of an API key: `trn_<environment>_<id>_<secret><crc>`.
//!
//! The prefix makes leaked keys findable by scanners, the checksum lets a mistyped or made-up key be refused without
//! asking anybody. Source of the idea: GitHub's token format, 2021.

use std::fmt;

use trinity_ids::ApiKeyId;
use uuid::Uuid;

const PREFIX: &str = "trn_";
/// 32 random bytes in hexadecimal.
const SECRET_CHARS: usize = 64;
/// A CRC-32 of all that stands before it, in hexadecimal.
const CRC_CHARS: usize = 8;
const ID_CHARS: usize = 32;

/// A key in clear. It never stays in memory or rows: only its digest does.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyText {
    /// Which key.
    pub id: ApiKeyId,
    text: String,
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyText").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ApiKeyText {
    /// Puts a key together. `environment` is a lower-case word, `secret` 32 random bytes.
    #[must_use]
    pub fn new(environment: &str, id: ApiKeyId, secret: [u8; 32]) -> Self {
        let mut text = format!("{}_", Self::shown(environment, id));
        for byte in secret {
            text.push_str(&format!("{byte:02x}"));
        }
        let crc = crc32fast::hash(text.as_bytes());
        text.push_str(&format!("{crc:08x}"));
        Self { id, text }
    }

    /// The part that may be shown again: `trn_<environment>_<id>`.
    #[must_use]
    pub fn shown(environment: &str, id: ApiKeyId) -> String {
        format!("{PREFIX}{environment}_{}", id.uuid().simple())
    }

    /// Whether a bearer token means to be an API key.
    #[must_use]
    pub fn is_meant(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Takes a key apart; `None` for whatever is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (body, crc) = text.split_at_checked(text.len().checked_sub(CRC_CHARS)?)?;
        let (head, secret) = body.rsplit_once('_')?;
        let (prefix, id) = head.rsplit_once('_')?;
        let environment = prefix.strip_prefix(PREFIX)?;
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let sound = secret.len() == SECRET_CHARS
            && id.len() == ID_CHARS
            && hex(secret)
            && hex(id)
            && !environment.is_empty()
            && environment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && format!("{:08x}", crc32fast::hash(body.as_bytes())) == crc;
        sound.then(|| Uuid::try_parse(id).ok()).flatten().map(|id| Self { id: id.into(), text: text.to_owned() })
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_every_change_of_it_is_refused() {
        let key = ApiKeyText::new("live", ApiKeyId::new(), [171; 32]);
        assert_eq!(ApiKeyText::parse(key.text()), Some(key.clone()));
        assert!(key.text().starts_with(&ApiKeyText::shown("live", key.id)));
        for place in 0..key.text().len() {
            let mut bytes = key.text().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(ApiKeyText::parse(std::str::from_utf8(&bytes).unwrap()), None, "changed at {place}");
        }
        for text in ["", "trn_", "trn_live__", "ä", "trn_live_ffffffffffffffffffffffffffffffff_00"] {
            assert_eq!(ApiKeyText::parse(text), None, "{text}");
        }
    }
}
