//! Opening the mails that were handed over.

use trinity_testkit::eventually;

use super::WAIT;
use super::house::House;

/// A mail as its file holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Letter {
    pub recipient: String,
    pub subject: String,
    pub text: String,
}

impl Letter {
    pub fn read(file: &str) -> Self {
        let (head, text) = file.split_once("\r\n\r\n").expect("a head and a text");
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        Self { recipient: field("To: "), subject: field("Subject: "), text: text.replace("\r\n", "\n") }
    }

    /// The token that stands on a line of its own.
    pub fn token(&self) -> String {
        let is_token = |line: &&str| ["invite_", "reset_", "verify_"].iter().any(|purpose| line.starts_with(purpose));
        self.text.lines().find(is_token).unwrap_or_else(|| panic!("no token in {self:?}")).to_owned()
    }
}

impl House {
    /// The mails so far to an address, in order.
    pub fn letters(&self, recipient: &str) -> Vec<Letter> {
        let Ok(folder) = std::fs::read_dir(self.mails.path().join("out")) else { return Vec::new() };
        let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        let letters = files.iter().map(|path| Letter::read(&std::fs::read_to_string(path).unwrap()));
        letters.filter(|letter| letter.recipient == recipient).collect()
    }

    /// The `number`th mail to an address.
    pub async fn letter(&self, recipient: &str, number: usize) -> Letter {
        eventually(WAIT, "a mail", || async { self.letters(recipient).get(number - 1).cloned() }).await
    }

    /// Waits until no mail is on its way.
    pub async fn post_is_out(&self) {
        let left = || async { (self.count("SELECT count(*) FROM identity.mails").await == 0).then_some(()) };
        eventually(WAIT, "all mails to be out", left).await;
    }
}
