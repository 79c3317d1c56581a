//! The way of mails out of this service: written beside a change, handed over afterwards.
//!
//! Without an SMTP server mails become files in a folder, for a person to open. Without either they wait.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use sqlx::PgConnection;
use tokio::sync::Notify;
use trinity_crypto::Wrapper;
use trinity_ids::TenantId;
use url::Url;

use crate::Config;
use crate::domain::Mail;
use crate::store::mail::{self, Row};
use crate::vault;

/// How long the server may take for one mail.
const SMTP_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_LINE_BYTES: usize = 998;
const MAX_URL_BYTES: usize = 500;
const DEFAULT_FROM: &str = "Trinity <trinity@localhost>";

/// Where handlers leave mails, and the job finds them.
pub(crate) struct Mailroom {
    /// Unwraps the tenants' data keys.
    wrapper: Wrapper,
    waiting: Notify,
    public_url: Option<String>,
    from: Mailbox,
    way: Option<Way>,
}

enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

impl Mailroom {
    /// Reads the settings, and makes the folder; no server is asked.
    ///
    /// # Errors
    /// Names the setting that is malformed or missing.
    pub fn new(config: &Config, wrapper: Wrapper) -> Result<Self> {
        let from = config.mail_from.as_deref().unwrap_or(DEFAULT_FROM);
        let from = from.parse().context("the setting TRINITY_IDENTITY_MAIL_FROM is not a mail address")?;
        if let Some(url) = &config.public_url {
            let is_sound = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            let is_plain = url.is_ascii() && url.len() <= MAX_URL_BYTES;
            ensure!(is_sound && is_plain, "the setting TRINITY_IDENTITY_PUBLIC_URL is not a web address");
        }
        let way = match (&config.smtp_url, &config.mail_folder) {
            (Some(url), None) => {
                ensure!(config.mail_from.is_some(), "the setting TRINITY_IDENTITY_MAIL_FROM is missing");
                Some(Way::Smtp(smtp(url)?))
            }
            (None, Some(folder)) => {
                make(folder).context("the setting TRINITY_IDENTITY_MAIL_FOLDER names no folder that can be made")?;
                Some(Way::Folder(folder.clone()))
            }
            (None, None) => None,
            (Some(_), Some(_)) => {
                anyhow::bail!("only one of TRINITY_IDENTITY_SMTP_URL and TRINITY_IDENTITY_MAIL_FOLDER can be set")
            }
        };
        Ok(Self { wrapper, waiting: Notify::new(), public_url: config.public_url.clone(), from, way })
    }

    /// Where links in mails lead.
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// Leaves a mail in the transaction of the change that it tells of; [`wake`](Self::wake) after the commit.
    pub async fn leave(&self, tx: &mut PgConnection, tenant: TenantId, mail: &Mail) -> trinity_error::Result<()> {
        let key = vault::current(tx, &self.wrapper, tenant).await?;
        mail::insert(tx, &key, tenant, mail).await
    }

    /// The text of a mail; none when the tenant's key was destroyed.
    ///
    /// # Errors
    /// `Internal` when the master key does not open the tenant's.
    pub async fn open(&self, tx: &mut PgConnection, row: &Row) -> trinity_error::Result<Option<String>> {
        let keys = vault::all(tx, &self.wrapper, row.tenant_id).await?;
        let place = mail::place(row.tenant_id, row.id);
        let text = keys.get(&row.key_generation).and_then(|key| key.open(&place, &row.sealed_text));
        Ok(text.and_then(|text| String::from_utf8(text).ok()))
    }

    /// Tells the job of this process that mails were left. Others find them by looking.
    pub fn wake(&self) {
        self.waiting.notify_one();
    }

    /// Waits for [`wake`](Self::wake), for `limit` at the most.
    pub async fn wait(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.waiting.notified()).await;
    }

    /// Whether mails go anywhere.
    pub fn has_way(&self) -> bool {
        self.way.is_some()
    }

    /// Hands a mail over. Its Message-ID stays the same however often that is tried.
    ///
    /// # Errors
    /// Says what the server or the file system did not like.
    pub async fn deliver(&self, row: &Row, text: &str) -> Result<()> {
        let text = text.replace('\n', "\r\n");
        // Why not encoded where it can be helped: a token that is broken into lines cannot be copied out of a file.
        let text = if is_plain(&text) {
            Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit)
        } else {
            Body::new(text)
        };
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, row.recipient.parse()?))
            .subject(&row.subject)
            .message_id(Some(format!("<{}@{}>", row.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(text)?;
        match &self.way {
            Some(Way::Smtp(server)) => {
                tokio::time::timeout(SMTP_TIMEOUT, server.send(message)).await.context("the server is too slow")??;
            }
            Some(Way::Folder(folder)) => {
                let (folder, name) = (folder.clone(), format!("{}.eml", row.id));
                let file = move || put(&folder, &name, &message.formatted());
                tokio::task::spawn_blocking(file).await??;
            }
            None => anyhow::bail!("no way for mails is set"),
        }
        Ok(())
    }
}

fn smtp(url: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    // Why no cause: it would show the password in the URL.
    let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|_| anyhow::anyhow!("the setting TRINITY_IDENTITY_SMTP_URL is malformed"))?;
    Ok(server.timeout(Some(SMTP_TIMEOUT)).build())
}

/// Whether a text may stand in a mail as it is. Source: RFC 5322, section 2.1.1.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && text.lines().all(|line| line.len() <= MAX_LINE_BYTES)
}

fn make(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file that appears whole or not at all, for its owner's eyes only: it holds a token.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    make(folder)?;
    let unfinished = folder.join(format!(".{name}.unfinished"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(unfinished, folder.join(name))
}
