//! Signatures of webhooks, as Standard Webhooks writes them: who has the key sent this, unchanged, just now.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, symmetric (`v1`).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use trinity_error::{Error, Result};

use crate::secret::BYTES;

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
/// How far a sender's clock, and the way, may be off: both directions.
const TOLERANCE_SECONDS: u64 = 5 * 60;
/// A sender that changes its key signs with two; nobody needs more than this.
const MAX_SIGNATURES: usize = 16;

/// The key that sender and receiver share. Never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookKey(Vec<u8>);

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookKey")
    }
}

impl WebhookKey {
    /// Makes a new one.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = vec![0; BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::internal("the system has no randomness"))?;
        Ok(Self(bytes))
    }

    /// Takes stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(PREFIX)?.trim_end_matches('=');
        STANDARD_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// The key as people copy it: `whsec_` and base64.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// What is to be sealed and stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The header `webhook-signature` of a message sent at `timestamp`, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let tag = self.tagged(id, &timestamp.to_string(), body).sign();
        format!("{VERSION}{}", STANDARD.encode(tag))
    }

    /// Whether a message with these headers comes from who has the key, and was sent within five minutes of `now`.
    #[must_use]
    pub fn verify(&self, id: &str, timestamp: &str, signatures: &str, body: &[u8], now: u64) -> bool {
        let is_fresh = timestamp.parse().is_ok_and(|sent: u64| sent.abs_diff(now) <= TOLERANCE_SECONDS);
        let tag = self.tagged(id, timestamp, body).sign();
        let is_right = |text: &str| {
            let signature = text.strip_prefix(VERSION).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            aws_lc_rs::constant_time::verify_slices_are_equal(tag.as_ref(), &signature).is_ok()
        };
        // Why all: how long the search takes says nothing about where it ended.
        let right = signatures.split(' ').take(MAX_SIGNATURES).filter(|text| is_right(text)).count();
        right > 0 && is_fresh && !id.is_empty()
    }

    fn tagged(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: key, id, time, body and signature made by `standardwebhooks` 1.1.0 from PyPI:
    /// `Webhook(key).sign(id, datetime.fromtimestamp(time, tz=timezone.utc), body)`. The first is the published example.
    const VECTORS: [(&str, &str, u64, &str, &str); 4] = [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "m",
            0,
            "",
            "v1,UjFbwlC3+25BndkRm6m1Tr6SkklaR1xWGw5XUeb14nQ=",
        ),
        (
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "msg.with.dots",
            1_700_000_000,
            r#"{"ü":"€ 1.50"}"#,
            "v1,2d1H7etzvpNik5DP1rboXnQ9c00BEL/dAQ/cVB4JPuI=",
        ),
    ];

    #[test]
    fn signatures_are_those_of_the_reference() {
        for (key, id, time, body, signature) in VECTORS {
            let key = WebhookKey::parse(key).unwrap();
            assert_eq!(key.sign(id, time, body.as_bytes()), signature);
            assert!(key.verify(id, &time.to_string(), signature, body.as_bytes(), time));
        }
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let (key, id, time, body, signature) = VECTORS[0];
        let key = WebhookKey::parse(key).unwrap();
        let holds = |id: &str, time: &str, signature: &str, body: &str| {
            key.verify(id, time, signature, body.as_bytes(), 1_614_265_330)
        };
        let text = time.to_string();
        assert!(holds(id, &text, signature, body));
        assert!(!holds("msg_other", &text, signature, body));
        assert!(!holds(id, "1614265331", signature, body));
        assert!(!holds(id, &text, signature, r#"{"test": 2432232315}"#));
        assert!(!WebhookKey::generate().unwrap().verify(id, &text, signature, body.as_bytes(), time));
        for bad in ["", "v1", "v1,", "v1a,g0hM", signature.trim_start_matches("v1,"), &signature.replace("v1", "v2")] {
            assert!(!holds(id, &text, bad, body), "{bad}");
        }
        for time in ["", "x", "-1614265330", "1614265330.0", " 1614265330"] {
            let signed = STANDARD.encode(key.tagged(id, time, body.as_bytes()).sign());
            assert!(!holds(id, time, &format!("v1,{signed}"), body), "{time}");
        }
    }

    #[test]
    fn a_message_is_good_for_five_minutes_and_one_of_many_signatures_is_enough() {
        let key = WebhookKey::generate().unwrap();
        let signature = key.sign("m", 1000, b"{}");
        for (now, holds) in [(699, false), (700, true), (1000, true), (1300, true), (1301, false)] {
            assert_eq!(key.verify("m", "1000", &signature, b"{}", now), holds, "{now}");
        }
        let many = format!("v1a,x v2,y v1,AAAA {signature} v1,%%%");
        assert!(key.verify("m", "1000", &many, b"{}", 1000));
        let too_many = format!("{}{signature}", "v1,AAAA ".repeat(MAX_SIGNATURES));
        assert!(!key.verify("m", "1000", &too_many, b"{}", 1000));
    }

    #[test]
    fn a_key_survives_its_text_and_is_not_shown() {
        let key = WebhookKey::generate().unwrap();
        assert_eq!(WebhookKey::parse(&key.to_text()), Some(key.clone()));
        assert_eq!(key.bytes().len(), 32);
        assert_eq!(format!("{key:?}"), "WebhookKey");
        for text in ["", "whsec_", "whsec_%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(WebhookKey::parse(text), None, "{text}");
        }
    }
}
