//! What mails say. Nothing that a stranger typed stands in them, so that nobody can speak in our name: messages of other
//! services, which show words of the tenant's people, go to the tenant's own users alone.

use std::borrow::Cow;
use std::time::Duration;

use super::{Email, OneTimeToken, Purpose};

/// A mail that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub recipient: String,
    pub subject: Cow<'static, str>,
    pub text: String,
    /// How long it is worth delivering.
    pub lifetime: Duration,
}

impl Mail {
    /// Carries `token` to `recipient`; with a link where the installation has a face.
    pub fn with_token(recipient: &Email, token: &OneTimeToken, lifetime: Duration, public_url: Option<&str>) -> Self {
        let (subject, what, page, note) = words(token.purpose);
        let token = token.to_text();
        let mut text = format!("{what}\n\n");
        if let Some(base) = public_url {
            // Why a fragment: browsers do not send it, so the token stands in no server's log.
            text.push_str(&format!("{}/{page}#token={token}\n\nOr enter this token:\n\n", base.trim_end_matches('/')));
        }
        text.push_str(&format!("{token}\n\nIt works once, and for {}. {note}\n", spell(lifetime)));
        Self { recipient: recipient.as_str().to_owned(), subject: subject.into(), text, lifetime }
    }

    /// Tells the user of a change that only he should have made.
    pub fn notice(recipient: &str, subject: &'static str, what: &str) -> Self {
        let text = format!("{what}\n\nIf this was not you, tell an administrator of your organisation.\n");
        Self { recipient: recipient.to_owned(), subject: subject.into(), text, lifetime: NOTICE_LIFETIME }
    }

    /// Carries what another service has to say to a user.
    pub fn message(recipient: &str, subject: String, text: String) -> Self {
        Self { recipient: recipient.to_owned(), subject: subject.into(), text, lifetime: NOTICE_LIFETIME }
    }
}

const NOTICE_LIFETIME: Duration = Duration::from_secs(3 * 24 * 3600);

/// Subject, first sentence, page of the link, and what to do if it was not expected.
const fn words(purpose: Purpose) -> (&'static str, &'static str, &'static str, &'static str) {
    match purpose {
        Purpose::Invite => (
            "You are invited to Trinity",
            "You are invited to Trinity. With this you make your account:",
            "accept-invitation",
            "If you did not expect it, do nothing.",
        ),
        Purpose::Reset => (
            "Your new Trinity password",
            "Somebody, we hope you, asked for a new password. With this you set it:",
            "reset-password",
            "If it was not you, do nothing: your password stays as it is.",
        ),
        Purpose::Verify => (
            "Confirm your address for Trinity",
            "With this you confirm that this address is yours:",
            "verify-email",
            "If you have no account, do nothing.",
        ),
        Purpose::Mfa => ("Trinity", "", "", ""),
    }
}

fn spell(lifetime: Duration) -> String {
    let hours = lifetime.as_secs() / 3600;
    match hours {
        0..=1 => "one hour".to_owned(),
        2..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use trinity_ids::TenantId;

    use super::*;

    #[test]
    fn a_mail_holds_the_token_and_a_link_where_there_is_a_face() {
        let token = OneTimeToken::new(Purpose::Invite, TenantId::new()).unwrap();
        let to = Email::parse("ada@example.com").unwrap();
        let week = Duration::from_secs(7 * 24 * 3600);
        let plain = Mail::with_token(&to, &token, week, None);
        assert!(plain.text.contains(&format!("\n{}\n", token.to_text())) && !plain.text.contains("http"));
        assert!(plain.text.contains("7 days"));
        let linked = Mail::with_token(&to, &token, week, Some("https://trinity.example/"));
        let link = format!("https://trinity.example/accept-invitation#token={}\n", token.to_text());
        assert!(linked.text.contains(&link), "{}", linked.text);
    }
}
