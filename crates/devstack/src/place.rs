//! Where a server's data lies: in the data folder, or elsewhere with a link in it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::account::Account;

/// Where the data goes when the account cannot enter the data folder.
const ELSEWHERE: &str = "/var/lib";

/// The folder of the server `name` below `data`, made when missing and given to the account.
pub fn prepare(data: &Path, name: &str, account: &Account) -> Result<PathBuf> {
    std::fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
    let link = data.join(name);
    if !link.exists() {
        if account.reaches(data)? {
            std::fs::create_dir(&link)?;
        } else {
            link_elsewhere(data, name, &link)?;
        }
    }
    let folder = link.canonicalize()?;
    account.take(&folder).with_context(|| {
        format!("{} belongs to another account: remove it, or go on as the account that made it", folder.display())
    })?;
    Ok(folder)
}

/// The folder of the server `name` below `data`, if there is one.
pub fn find(data: &Path, name: &str) -> Option<PathBuf> {
    data.join(name).canonicalize().ok()
}

/// Deletes the folder of the server `name` with everything in it, and the link to it.
pub fn remove(data: &Path, name: &str) -> Result<()> {
    let Some(folder) = find(data, name) else { return Ok(()) };
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot delete {}", folder.display()))?;
    let link = data.join(name);
    if link.is_symlink() {
        std::fs::remove_file(link)?;
        // The folder around it goes with the last server; while it holds another it stays.
        let _ = folder.parent().map(std::fs::remove_dir);
    }
    Ok(())
}

fn link_elsewhere(data: &Path, name: &str, link: &Path) -> Result<()> {
    let path = data.canonicalize()?;
    let hash = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
    let folder = Path::new(ELSEWHERE).join(format!("trinity-dev-{}", &hash[..12])).join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    if link.is_symlink() {
        std::fs::remove_file(link)?;
    }
    symlink(&folder, link)?;
    Ok(())
}
