//! `trinity mail`: what an installation without a mail server has written for its people.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::Outcome;

/// Shows the mails in the local outbox folder, the newest last.
#[derive(Args)]
pub struct Mail {
    /// The folder that the identity service writes to.
    #[arg(long, env = "TRINITY_IDENTITY_MAIL_FOLDER")]
    folder: PathBuf,
    /// Only those to this address.
    #[arg(long)]
    to: Option<String>,
    /// Only the newest.
    #[arg(long)]
    last: bool,
}

impl Mail {
    pub fn execute(self) -> Result<Outcome> {
        let mut mails = mails(&self.folder)?;
        if let Some(address) = &self.to {
            mails.retain(|mail| is_to(mail, address));
        }
        let skipped = if self.last { mails.len().saturating_sub(1) } else { 0 };
        for mail in &mails[skipped..] {
            println!("{}\n", mail.trim_end());
        }
        if mails.is_empty() {
            println!("no mail");
        }
        Ok(Outcome::Done)
    }
}

/// The mails by the names of their files, which begin with the time.
fn mails(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    let read = |file: &PathBuf| {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
    };
    files.iter().map(read).collect()
}

fn is_to(mail: &str, address: &str) -> bool {
    let head = mail.split("\n\n").next().unwrap_or_default();
    let to = head.lines().find(|line| line.to_ascii_lowercase().starts_with("to:"));
    to.is_some_and(|line| line.to_ascii_lowercase().contains(&address.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_found_by_its_address_and_not_by_its_text() {
        let mail = "From: trinity\nTo: Ada <ada@example.com>\nSubject: x\n\nto: eve@example.com\n";
        assert!(is_to(mail, "ADA@example.com"));
        assert!(!is_to(mail, "eve@example.com"));
    }
}
