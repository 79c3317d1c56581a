//! What a new password must be: long, and not one that everybody tries first.
//!
//! Source: NIST SP 800-63B-4, section 3.1.1.2: 15 characters alone or 8 beside a second factor, a list
//! of common ones, no rules of composition.

use std::collections::HashSet;
use std::sync::LazyLock;

use trinity_error::{Error, Result};

use super::Email;

const MIN_CHARS_ALONE: usize = 15;
const MIN_CHARS_BESIDE_FACTOR: usize = 8;
const MAX_CHARS: usize = 128;
/// How many characters must be left when all that is common is taken away.
const MIN_OWN_CHARS: usize = 5;
/// How long an e-mail's name is before a password may not hold it; shorter ones stand in ordinary words.
const MIN_NAME_CHARS: usize = 4;
/// How long a run such as `aaa`, `123` or `cba` is.
const MIN_RUN: usize = 3;
/// Words, phrases and rows of the keyboard that common passwords are made of, one a line.
const WORDS: &str = include_str!("common_words.txt");
/// Whole passwords that everybody tries first, one a line; what people hang on to their ends does not count.
const COMMON: &str = include_str!("common_passwords.txt");

/// Checks a new password that is to stand alone, in the field `password`.
///
/// # Errors
/// As [`check_as`].
pub fn check(password: &str, email: &Email) -> Result<()> {
    check_as("password", password, email, false)
}

/// Checks a new password, which may be shorter beside a second factor.
///
/// # Errors
/// `InvalidArgument` naming `field`; the password is never in the message.
pub fn check_as(field: &str, password: &str, email: &Email, has_factor: bool) -> Result<()> {
    if password.is_empty() {
        return Err(Error::required(field));
    }
    let min = if has_factor { MIN_CHARS_BESIDE_FACTOR } else { MIN_CHARS_ALONE };
    let chars = password.chars().count();
    if !(min..=MAX_CHARS).contains(&chars) {
        return Err(Error::invalid(field, format!("has {min} to {MAX_CHARS} characters")));
    }
    let lower = password.to_lowercase();
    if email.local().chars().count() >= MIN_NAME_CHARS && lower.contains(email.local()) {
        return Err(Error::invalid(field, "does not contain the name in the e-mail address"));
    }
    if own_chars(&lower) < MIN_OWN_CHARS || is_listed(&lower) {
        return Err(Error::invalid(field, "is too common"));
    }
    Ok(())
}

/// Whether a password is long enough without a second factor.
pub fn stands_alone(password: &str) -> bool {
    password.chars().count() >= MIN_CHARS_ALONE
}

/// Whether the password is on the list: as it is, in plain letters, or without digits and signs at its ends.
fn is_listed(lower: &str) -> bool {
    static LISTED: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());
    let plain = plain_letters(lower);
    [lower, &plain].iter().any(|text| {
        let core = text.trim_matches(|c: char| !c.is_alphabetic());
        let tail = text.trim_end_matches(|c: char| !c.is_alphanumeric());
        [*text, core, tail].iter().any(|text| LISTED.contains(text))
    })
}

/// The password with letters for the digits and signs that stand in for them.
fn plain_letters(password: &str) -> String {
    let plain = |c| match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    password.chars().map(plain).collect()
}

/// How many characters are left without common words, runs and years. Blanks and hyphens between them do not count.
fn own_chars(password: &str) -> usize {
    let mut own = 0;
    let mut rest = password;
    while let Some(first) = rest.chars().next() {
        let common = word_at(rest).max(run_at(rest)).max(year_at(rest));
        if common == 0 && !matches!(first, ' ' | '-' | '_' | '.' | '!') {
            own += 1;
        }
        rest = &rest[common.max(first.len_utf8())..];
    }
    own
}

/// The length in bytes of the longest common word that `text` begins with.
fn word_at(text: &str) -> usize {
    WORDS.lines().filter(|word| !word.is_empty() && text.starts_with(word)).map(str::len).max().unwrap_or(0)
}

/// The length in bytes of the run that `text` begins with: one character again and again, or neighbours up or down.
fn run_at(text: &str) -> usize {
    let steps: Vec<i64> = text
        .chars()
        .zip(text.chars().skip(1))
        .map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)))
        .collect();
    let Some(step) = steps.first().filter(|step| step.abs() <= 1) else { return 0 };
    let chars = 1 + steps.iter().take_while(|next| *next == step).count();
    if chars < MIN_RUN { 0 } else { text.chars().take(chars).map(char::len_utf8).sum() }
}

/// The length in bytes of the year that `text` begins with.
fn year_at(text: &str) -> usize {
    let year = text.get(..4).is_some_and(|year| {
        year.bytes().all(|b| b.is_ascii_digit()) && (year.starts_with("19") || year.starts_with("20"))
    });
    if year { 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Email {
        Email::parse("lovelace@example.com").unwrap()
    }

    #[test]
    fn common_passwords_are_refused() {
        for password in [
            "passwordpassword",
            "Password123456789!",
            "qwertyuiopasdfghjkl",
            "1234567890123456",
            "aaaaaaaaaaaaaaaaaaaa",
            "Summer2024Summer2025",
            "letmein-letmein-letmein",
            "correct horse battery staple",
            "iloveyou iloveyou 99",
            "abcdefghijklmnopqrstuvwxyz",
            "changemechangeme1!",
            "zyxwvutsrqponmlkjihgfedcba",
        ] {
            assert!(check(password, &ada()).is_err(), "{password:?} passed");
        }
    }

    #[test]
    fn long_passwords_of_any_composition_pass() {
        for password in [
            "violin gravel ostrich tuesday",
            "839104758201947",
            "ßäöüßäöüßäöüxyq",
            "tr0ub4dor-and-thirty",
            "пароль не из списка",
            "mypasswordislongerthanyours",
        ] {
            assert!(check(password, &ada()).is_ok(), "{password:?} refused");
        }
    }

    #[test]
    fn short_ones_are_for_who_has_a_second_factor() {
        let with_factor = |password| check_as("new_password", password, &ada(), true);
        for password in ["gravelox", "7okapi-q", "ßäöüxyqj"] {
            assert!(with_factor(password).is_ok(), "{password:?}");
            assert!(check(password, &ada()).is_err() && !stands_alone(password));
        }
        let common = [
            "gravelo",
            "password",
            "Passw0rd!",
            "P@$$w0rd1",
            "football1!",
            "Liverpool99",
            "sunshine",
            "1q2w3e4r5t",
            "starwars77",
            "Metallica",
            "trustno1",
            "12345678",
            "letmein1",
            "elizabeth2001",
        ];
        for password in common {
            assert!(with_factor(password).is_err(), "{password:?} passed");
        }
        assert!(stands_alone("violin gravel ostrich"));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(check("ostrich gravel", &ada()).is_err(), "14");
        assert!(check("ostrich gravels", &ada()).is_ok(), "15");
        let long = "ostrich gravel ".repeat(9);
        assert!(check(&long[..128], &ada()).is_ok());
        assert!(check(&long[..129], &ada()).is_err());
    }

    #[test]
    fn the_name_in_the_address_may_not_stand_in_the_password() {
        assert!(check("gravel LoveLace ostrich", &ada()).is_err());
        let short = Email::parse("al@example.com").unwrap();
        assert!(check("gravel altogether ostrich", &short).is_ok());
    }

    #[test]
    fn the_lists_are_in_lower_case_and_without_repeats() {
        for (list, most, shortest) in [(WORDS, 200, 3), (COMMON, 2000, 8)] {
            let lines: Vec<_> = list.lines().collect();
            let unique: HashSet<_> = lines.iter().collect();
            assert_eq!(unique.len(), lines.len());
            assert!(lines.len() >= most, "{}", lines.len());
            let is_sound = |line: &&&str| **line == line.trim().to_lowercase() && line.chars().count() >= shortest;
            assert_eq!(lines.iter().find(|line| !is_sound(line)), None);
        }
    }
}
