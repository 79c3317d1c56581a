//! Recovery codes: a way in for who has lost his authenticator app.

use trinity_crypto::{Secret, digest};
use trinity_error::Result;
use trinity_ids::UserId;

/// How many a user gets.
pub const COUNT: usize = 10;
/// 80 bits: beyond guessing, even by who has read the table.
const CHARS: usize = 16;
const GROUP: usize = 4;
/// Without the letters and digits that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Makes a set of codes such as `k3fw-9txc-amu4-pz7e`.
///
/// # Errors
/// `Internal` when the system has no randomness.
pub fn generate() -> Result<Vec<String>> {
    (0..COUNT).map(|_| Ok(spell(&Secret::generate()?.digest()))).collect()
}

/// What the table keeps of a code that `user` has, however he typed it.
pub fn digest_of(user: UserId, code: &str) -> Vec<u8> {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    digest(format!("{user}/{}", plain.to_ascii_lowercase()).as_bytes()).to_vec()
}

/// Five of each byte's eight random bits make a character.
fn spell(random: &[u8]) -> String {
    let chars: Vec<u8> = random.iter().take(CHARS).map(|byte| ALPHABET[usize::from(byte & 31)]).collect();
    chars.chunks(GROUP).map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_are_known_however_they_are_typed() {
        let codes = generate().unwrap();
        let unique: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!((codes.len(), unique.len()), (COUNT, COUNT));
        let (ada, eve) = (UserId::new(), UserId::new());
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(codes[0].len(), 19);
        assert_eq!(digest_of(ada, &typed), digest_of(ada, &codes[0]));
        assert_ne!(digest_of(eve, &codes[0]), digest_of(ada, &codes[0]));
        assert_ne!(digest_of(ada, &codes[1]), digest_of(ada, &codes[0]));
    }
}
