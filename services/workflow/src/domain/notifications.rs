//! Who is told how a run ends: `{"on_failure": {"in_app": true, "email": […], "webhooks": […]}, "on_success": {…}}`.

use serde_json::{Map, Value};
use trinity_error::{Error, Result};
use uuid::Uuid;

/// How large the document may be.
const MAX_BYTES: usize = 64 * 1024;
/// How many people, addresses or targets are told of one end.
const MAX_TOLD: usize = 100;
/// Source: the longest path of RFC 5321 § 4.5.3.1.3, without its brackets.
const MAX_ADDRESS: usize = 254;

const ENDS: &[&str] = &["on_failure", "on_success"];
const WAYS: &[&str] = &["in_app", "email", "webhooks"];

/// Checks a document.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn check(text: String) -> Result<String> {
    super::document::check_object(&text, MAX_BYTES).map_err(|message| Error::invalid("notifications", message))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| invalid("", error.to_string()))?;
    for (end, ways) in entries("", &document, ENDS)? {
        for (way, told) in entries(end, ways, WAYS)? {
            check_way(&format!("{end}.{way}"), way, told)?;
        }
    }
    Ok(text)
}

/// A stored document; nobody is told by one from before they were checked that is malformed.
#[must_use]
pub fn sound(text: String) -> String {
    check(text).unwrap_or_else(|_| "{}".to_owned())
}

fn entries<'a>(place: &str, value: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>> {
    let fields = value.as_object().ok_or_else(|| invalid(place, "must be an object"))?;
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) if place.is_empty() => Err(invalid(key, format!("is unknown; there is {}", known.join(", ")))),
        Some(key) => Err(invalid(&format!("{place}.{key}"), format!("is unknown; there is {}", known.join(", ")))),
        None => Ok(fields),
    }
}

fn check_way(place: &str, way: &str, told: &Value) -> Result<()> {
    if way == "in_app" && told == &Value::Bool(true) {
        return Ok(());
    }
    let (is_one, one): (fn(&str) -> bool, _) = match way {
        "email" => (is_address, "an e-mail address"),
        "webhooks" => (is_id, "the id of a webhook target"),
        _ => (is_id, "the id of a user"),
    };
    let Some(told) = told.as_array() else {
        let message = if way == "in_app" { "must be true or a list of ids of users" } else { "must be a list" };
        return Err(invalid(place, message));
    };
    if told.len() > MAX_TOLD {
        return Err(invalid(place, format!("has more than {MAX_TOLD} entries")));
    }
    match told.iter().position(|entry| !entry.as_str().is_some_and(is_one)) {
        Some(index) => Err(invalid(&format!("{place}[{index}]"), format!("must be {one}"))),
        None => Ok(()),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// Whether a mail could go there; only the other end knows whether it does.
fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ',' | ';' | '"');
    let Some((mailbox, domain)) = text.rsplit_once('@') else { return false };
    let labels = domain.split('.').all(|label| !label.is_empty());
    text.len() <= MAX_ADDRESS && text.chars().all(plain) && !mailbox.is_empty() && !mailbox.contains('@') && labels
}

fn invalid(place: &str, message: impl Into<String>) -> Error {
    let dot = if place.is_empty() { "" } else { "." };
    Error::invalid(format!("notifications{dot}{place}"), message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a1b2-0000-7000-8000-000000000001";

    fn field(text: &str) -> Option<String> {
        check(text.to_owned()).err().map(|error| error.violations()[0].field.clone())
    }

    #[test]
    fn each_way_of_telling_is_checked() {
        let good = format!(
            r#"{{"on_failure": {{"in_app": true, "email": ["a.b@example.org", "ä@ex.io"], "webhooks": ["{ID}"]}}, "on_success": {{"in_app": ["{ID}"]}}}}"#
        );
        assert_eq!(check(good.clone()).unwrap(), good);
        assert_eq!(field("{}"), None);
        assert_eq!(field(r#"{"on_success": {}}"#), None);
        let bad = [
            ("[]", "notifications"),
            (r#"{"on_fail": {}}"#, "notifications.on_fail"),
            (r#"{"on_failure": []}"#, "notifications.on_failure"),
            (r#"{"on_failure": {"sms": []}}"#, "notifications.on_failure.sms"),
            (r#"{"on_failure": {"in_app": false}}"#, "notifications.on_failure.in_app"),
            (r#"{"on_failure": {"in_app": ["me"]}}"#, "notifications.on_failure.in_app[0]"),
            (r#"{"on_failure": {"email": "a@b.c"}}"#, "notifications.on_failure.email"),
            (r#"{"on_success": {"webhooks": [7]}}"#, "notifications.on_success.webhooks[0]"),
        ];
        for (text, place) in bad {
            assert_eq!(field(text).as_deref(), Some(place), "{text}");
        }
        for address in ["", "@b.c", "a@", "a@b@c.d", "a b@c.d", "a@b..c", "a@b.c\\r\\nBcc: d@e.f", "a@b.c,d@e.f"] {
            assert!(field(&format!(r#"{{"on_failure": {{"email": ["{address}"]}}}}"#)).is_some(), "{address}");
        }
        assert_eq!(sound(r#"{"mail": "everybody"}"#.to_owned()), "{}");
    }
}
