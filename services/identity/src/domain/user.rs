//! A person of a tenant.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use trinity_error::{Error, Result};
use trinity_ids::UserId;
use url::Url;

use super::{Email, Roles};

const MAX_FULL_NAME_CHARS: usize = 200;
const MAX_USERNAME_CHARS: usize = 64;
const MAX_PHOTO_URL_BYTES: usize = 2048;
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// From Baker Island to the Line Islands.
const UTC_OFFSETS: std::ops::RangeInclusive<i32> = -720..=840;

/// A user as it is stored. Settings are a JSON text.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub username: String,
    pub full_name: String,
    pub utc_offset_minutes: i32,
    pub settings: String,
    pub roles: Roles,
    pub active: bool,
    pub verified: bool,
    /// An https address, or empty.
    pub photo_url: String,
    pub mfa_enabled: bool,
    pub version: i64,
    pub last_login_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A user who is to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub email: Email,
    pub username: String,
    pub full_name: String,
    pub roles: Roles,
}

/// What is to change; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub version: Option<i64>,
    pub full_name: Option<String>,
    pub active: Option<bool>,
    pub roles: Option<Roles>,
    pub settings: Option<String>,
    pub utc_offset_minutes: Option<i32>,
    pub photo_url: Option<String>,
}

impl Changes {
    /// Whether they touch what the user may do, not only how he is shown.
    pub const fn concern_power(&self) -> bool {
        self.active.is_some() || self.roles.is_some()
    }

    /// Whether they take power from `user`, so that his tokens must not outlive them.
    pub fn weaken(&self, user: &User) -> bool {
        let deactivated = user.active && self.active == Some(false);
        deactivated || self.roles.as_ref().is_some_and(|roles| user.roles.lose(roles))
    }

    /// Whether `user` is no active owner after them.
    pub fn end_ownership(&self) -> bool {
        self.active == Some(false) || self.roles.as_ref().is_some_and(|roles| !roles.has_owner())
    }
}

/// Checks a full name, which may be empty.
///
/// # Errors
/// `InvalidArgument` naming `full_name`.
pub fn full_name(text: &str) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > MAX_FULL_NAME_CHARS || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            "full_name",
            format!("has at most {MAX_FULL_NAME_CHARS} characters, all printable"),
        ));
    }
    Ok(text.to_owned())
}

/// Checks a username, which may be empty.
///
/// # Errors
/// `InvalidArgument` naming `username`.
pub fn username(text: &str) -> Result<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if text.len() > MAX_USERNAME_CHARS || !text.bytes().all(allowed) {
        return Err(Error::invalid(
            "username",
            format!("has at most {MAX_USERNAME_CHARS} letters, digits, dots, hyphens and underscores"),
        ));
    }
    Ok(text.to_owned())
}

/// Checks an offset from UTC in minutes.
///
/// # Errors
/// `InvalidArgument` naming `utc_offset_minutes`.
pub fn utc_offset(minutes: i32) -> Result<i32> {
    if UTC_OFFSETS.contains(&minutes) {
        Ok(minutes)
    } else {
        Err(Error::invalid("utc_offset_minutes", "is between -720 and 840"))
    }
}

/// Checks the address of a photo, which may be empty.
///
/// # Errors
/// `InvalidArgument` naming `photo_url`.
pub fn photo_url(text: &str) -> Result<String> {
    let text = text.trim();
    // Why https alone: browsers fetch it, so neither scripts nor data nor what everybody on the way can read.
    let is_sound = || {
        let url = Url::parse(text).ok()?;
        (url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none())
            .then_some(url)
    };
    match is_sound() {
        _ if text.is_empty() => Ok(String::new()),
        Some(url) if url.as_str().len() <= MAX_PHOTO_URL_BYTES => Ok(url.into()),
        _ => Err(Error::invalid("photo_url", format!("is an https address of at most {MAX_PHOTO_URL_BYTES} bytes"))),
    }
}

/// Checks that settings are a JSON object; their text stays as it is.
///
/// # Errors
/// `InvalidArgument` naming `settings`.
pub fn document(text: String) -> Result<String> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::invalid("settings", format!("has at most {MAX_DOCUMENT_BYTES} bytes")));
    }
    match serde_json::from_str::<BTreeMap<String, &RawValue>>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Error::invalid("settings", "is not a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_https_alone() {
        for sound in ["", "https://images.example/ada.png?size=2"] {
            assert_eq!(photo_url(&format!(" {sound} ")).unwrap(), sound);
        }
        for bad in [
            "ada.png",
            "http://images.example/ada.png",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "https://ada:secret@images.example/",
            "//images.example/ada.png",
            "https://",
        ] {
            assert!(photo_url(bad).is_err(), "{bad}");
        }
        assert!(photo_url(&format!("https://images.example/{}", "a".repeat(2048))).is_err());
    }
}
