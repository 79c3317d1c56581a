//! Codes of authenticator apps: RFC 6238 with SHA-1, 30 seconds and six digits, which is what every app understands.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;
use trinity_error::{Error, Result};

/// As long as the digest. Source: RFC 4226, section 4, R6.
const SECRET_BYTES: usize = 20;
const STEP: Duration = Duration::from_secs(30);
const CODES: u32 = 1_000_000;
/// How many steps a clock may be off, either way.
const SKEW: u64 = 1;
/// Source: RFC 4648, section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an authenticator app and the server share. Never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret([u8; SECRET_BYTES]);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret")
    }
}

impl TotpSecret {
    /// Makes a new one.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::internal("the system has no randomness"))?;
        Ok(Self(bytes))
    }

    /// Takes stored bytes; `None` when their number is wrong.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What is to be sealed and stored.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as people type it: base32 without padding.
    #[must_use]
    pub fn to_base32(&self) -> String {
        base32(&self.0)
    }

    /// The step to which `code` belongs, of the current one and its neighbours; `None` for a wrong code.
    #[must_use]
    pub fn step_of(&self, code: &str, now: SystemTime) -> Option<u64> {
        let current = step_at(now);
        let is_right = |step: &u64| bool::from(self.code(*step).as_bytes().ct_eq(code.as_bytes()));
        // Why all: how long the search takes says nothing about where it ended.
        let right: Vec<u64> = (current.saturating_sub(SKEW)..=current + SKEW).filter(is_right).collect();
        right.last().copied()
    }

    /// The code that an app shows at `now`.
    #[must_use]
    pub fn code_at(&self, now: SystemTime) -> String {
        self.code(step_at(now))
    }

    /// Source: RFC 4226, section 5.3.
    fn code(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let digest = tag.as_ref();
        let start = usize::from(digest[digest.len() - 1] & 0xf);
        let word = digest[start..start + 4].iter().fold(0, |word: u32, byte| word << 8 | u32::from(*byte));
        format!("{:06}", (word & 0x7fff_ffff) % CODES)
    }
}

fn step_at(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / STEP.as_secs()
}

/// Writes whole groups of five bytes.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks_exact(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            let value = usize::try_from(bits >> (place * 5) & 31).unwrap_or_default();
            text.push(char::from(BASE32[value]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn rfc() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // Source: RFC 6238, appendix B, SHA-1; the last six of its eight digits.
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in vectors {
            assert_eq!(rfc().code_at(at(seconds)), code);
            assert_eq!(rfc().step_of(code, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn a_clock_may_be_one_step_off() {
        let code = rfc().code_at(at(3000));
        for (seconds, step) in [(2969, None), (2970, Some(100)), (3059, Some(100)), (3060, None)] {
            assert_eq!(rfc().step_of(&code, at(seconds)), step, "{seconds}");
        }
        for wrong in ["", "000000", &code[1..], &format!("{code}0")] {
            assert_eq!(rfc().step_of(wrong, at(3000)), None, "{wrong:?}");
        }
    }

    #[test]
    fn secrets_are_written_in_base32() {
        // Source: RFC 4648, section 10.
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(rfc().to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_ne!(TotpSecret::generate().unwrap(), TotpSecret::generate().unwrap());
        assert_eq!(TotpSecret::from_bytes(b"short"), None);
    }
}
