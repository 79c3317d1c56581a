//! The data folder: names of its files, the installation's secret, and what is derived from it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A data folder that exists.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder when it is missing.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path.canonicalize()?))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces a file that only its owner may read.
    pub fn write_private(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.join(name);
        let fresh = self.join(&format!("{name}.new"));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&fresh, &path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The installation's secret, made on first use; every password and key of the installation comes from it.
    pub fn secret(&self) -> Result<Secret> {
        let path = self.join("secret");
        if let Ok(text) = std::fs::read_to_string(&path) {
            return Ok(Secret(text.trim().to_owned()));
        }
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.write_private("secret", &secret)?;
        Ok(Secret(secret))
    }
}

/// The root of an installation's passwords and keys.
pub struct Secret(String);

impl Secret {
    /// The root itself, from which the database roles' passwords are derived.
    pub fn root(&self) -> &str {
        &self.0
    }

    /// 32 bytes for one purpose, which tell nothing about those for another.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        Sha256::new_with_prefix(&self.0).chain_update([0, 1]).chain_update(purpose).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secret_is_kept_and_private() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let first = folder.secret().unwrap();
        assert_eq!(first.root(), folder.secret().unwrap().root());
        assert_ne!(first.derive("one"), first.derive("two"));
        let mode = folder.join("secret").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
