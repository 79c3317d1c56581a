//! Rules of a tenant's other values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use trinity_error::{Error, Result};

use super::HostName;

const MAX_NAME_CHARS: usize = 200;
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// How many domains a tenant may have.
pub const MAX_DOMAINS: usize = 20;
const MAX_APPS: usize = 100;
const MAX_APP_CHARS: usize = 63;

/// Checks a text of one line that may be empty.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub fn text(field: &str, text: &str, max_chars: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > max_chars {
        return Err(Error::invalid(field, format!("has at most {max_chars} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "has no control characters"));
    }
    Ok(text.to_owned())
}

/// Checks the name of a tenant or plan.
///
/// # Errors
/// `InvalidArgument` naming `name`.
pub fn name(name: &str) -> Result<String> {
    let name = text("name", name, MAX_NAME_CHARS)?;
    if name.is_empty() { Err(Error::required("name")) } else { Ok(name) }
}

/// Checks that a document is a JSON object; its text stays as it is.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub fn document(field: &str, text: String) -> Result<String> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::invalid(field, format!("has at most {MAX_DOCUMENT_BYTES} bytes")));
    }
    match serde_json::from_str::<BTreeMap<String, &RawValue>>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Error::invalid(field, "is not a JSON object")),
    }
}

/// Checks the slugs of apps; each stands once.
///
/// # Errors
/// `InvalidArgument` naming the place.
pub fn apps(apps: &[String]) -> Result<Vec<String>> {
    if apps.len() > MAX_APPS {
        return Err(Error::invalid("allowed_apps", format!("has at most {MAX_APPS} entries")));
    }
    for (place, app) in apps.iter().enumerate() {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if app.is_empty() || app.len() > MAX_APP_CHARS || !app.bytes().all(allowed) {
            return Err(Error::invalid(format!("allowed_apps[{place}]"), "is not the slug of an app"));
        }
    }
    Ok(apps.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect())
}

/// Checks domains; each stands once, with its first place in the request, in order.
///
/// # Errors
/// `InvalidArgument` naming the place.
pub fn domains(domains: &[String]) -> Result<Vec<(usize, HostName)>> {
    if domains.len() > MAX_DOMAINS {
        return Err(Error::invalid("domains", format!("has at most {MAX_DOMAINS} entries")));
    }
    let mut places = BTreeMap::new();
    for (place, domain) in domains.iter().enumerate() {
        places.entry(HostName::parse(&format!("domains[{place}]"), domain)?).or_insert(place);
    }
    Ok(places.into_iter().map(|(domain, place)| (place, domain)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_objects_and_stay_as_they_are() {
        let text = r#"{"b": 12345678901234567890123, "a": 1}"#;
        assert_eq!(document("settings", text.to_owned()).unwrap(), text);
        for text in ["", "[]", "1", "{", r#"{"a":}"#] {
            assert!(document("settings", text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_trimmed_and_has_no_control_characters() {
        assert_eq!(name(" Acme ").unwrap(), "Acme");
        for text in ["", "  ", "a\0b", "a\nb", &"x".repeat(201)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_domain_given_twice_counts_once() {
        let given = ["b.com", "A.com", "a.COM"].map(str::to_owned);
        let kept = domains(&given).unwrap();
        assert_eq!(
            kept.iter().map(|(place, name)| (*place, name.as_str())).collect::<Vec<_>>(),
            [(1, "a.com"), (0, "b.com")]
        );
    }
}
