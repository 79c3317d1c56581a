//! Who is told how a run ended, as a workflow or job says it.

use serde::Deserialize;
use trinity_ids::{UserId, WebhookTargetId};

/// A workflow's notifications: `{"on_failure": {"in_app": true, "email": ["a@b.example"], "webhooks": ["<id>"]}}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    #[serde(default)]
    on_failure: Option<Ways>,
    #[serde(default)]
    on_success: Option<Ways>,
}

/// The ways of one ending.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ways {
    #[serde(default)]
    in_app: Option<InApp>,
    #[serde(default)]
    email: Vec<String>,
    #[serde(default)]
    webhooks: Vec<WebhookTargetId>,
}

/// Whose notifications it appears among.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum InApp {
    /// The person responsible, or nobody.
    Responsible(bool),
    These(Vec<UserId>),
}

/// Who is told of one ending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub users: Vec<UserId>,
    pub emails: Vec<String>,
    pub targets: Vec<WebhookTargetId>,
}

impl Notify {
    /// Reads the document of a run; one that cannot be read says nothing.
    #[must_use]
    pub fn parse(document: Option<&str>) -> Self {
        document.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Who is told that a run failed (or succeeded). Unless something else is said, the person responsible hears of
    /// failures; `by_default` is false for runs that another run waits for.
    #[must_use]
    pub fn told(self, failed: bool, responsible: UserId, by_default: bool) -> Told {
        let ways = if failed { self.on_failure } else { self.on_success };
        let is_said = ways.is_some();
        let Ways { in_app, mut email, mut webhooks } = ways.unwrap_or_default();
        let mut users = match in_app {
            Some(InApp::These(users)) => users,
            Some(InApp::Responsible(told)) => Vec::from_iter(told.then_some(responsible)),
            None => Vec::from_iter((failed && (by_default || is_said)).then_some(responsible)),
        };
        users.sort_unstable();
        users.dedup();
        webhooks.sort_unstable();
        webhooks.dedup();
        email.sort_unstable();
        email.dedup();
        Told { users, emails: email, targets: webhooks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(document: &str, failed: bool, by_default: bool) -> Told {
        Notify::parse(Some(document)).told(failed, UserId::NIL, by_default)
    }

    #[test]
    fn who_is_responsible_hears_of_failures_unless_told_otherwise() {
        let me = vec![UserId::NIL];
        assert_eq!(told("{}", true, true).users, me);
        assert_eq!(told("{}", true, false).users, []);
        assert_eq!(told("{}", false, true), Told::default());
        assert_eq!(told(r#"{"on_failure": {"email": ["a@b.example"]}}"#, true, false).users, me);
        assert_eq!(told(r#"{"on_failure": {"in_app": false}}"#, true, true).users, []);
        assert_eq!(told(r#"{"on_success": {"in_app": true}}"#, false, false).users, me);
        assert_eq!(told("not a document", true, true).users, me);
    }

    #[test]
    fn everybody_named_is_told_once() {
        let (user, target) = (UserId::new(), WebhookTargetId::new());
        let document = format!(
            r#"{{"on_failure": {{"in_app": ["{user}", "{user}"], "email": ["a@b", "a@b"], "webhooks": ["{target}", "{target}"]}}}}"#
        );
        let expected = Told { users: vec![user], emails: vec!["a@b".to_owned()], targets: vec![target] };
        assert_eq!(told(&document, true, true), expected);
        assert_eq!(told(&document, false, true), Told::default());
    }
}
