//! The settings of a laptop's installation, as the file that the serving process reads.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trinity_devstack::provision::Plan;
use trinity_devstack::{SERVICES, ServiceUrls, Stack};

use super::bootstrap::Login;
use super::folder::{Folder, Secret};

/// The settings file in the data folder.
pub const FILE: &str = "trinity.toml";
const DATABASE: &str = "trinity";
const HTTP_PORT: u16 = 8080;
const GRPC_PORT: u16 = 7070;

/// Where a laptop's installation answers.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub http: u16,
    pub grpc: u16,
}

impl Ports {
    /// Those of last time while they are free, else the usual ones, else any.
    pub fn choose(folder: &Folder) -> Result<Self> {
        let last = Self::last(folder);
        let pick = |wishes: [Option<u16>; 2]| wishes.into_iter().flatten().find_map(bind).or_else(|| bind(0));
        let http = pick([last.map(|ports| ports.http), Some(HTTP_PORT)]).context("no free port")?;
        let grpc = pick([last.map(|ports| ports.grpc), Some(GRPC_PORT)]).context("no free port")?;
        let ports = Self { http, grpc };
        folder.write_private("ports", &format!("{http} {grpc}"))?;
        Ok(ports)
    }

    /// Those of the last start.
    pub fn last(folder: &Folder) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("ports")).ok()?;
        let (http, grpc) = text.trim().split_once(' ')?;
        Some(Self { http: http.parse().ok()?, grpc: grpc.parse().ok()? })
    }

    pub fn http_url(self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    pub fn grpc_url(self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }
}

/// What to provision for a laptop.
pub fn plan<'a>(stack: &'a Stack, secret: &'a Secret) -> Plan<'a> {
    Plan { admin_url: &stack.postgres_url, database: DATABASE, services: &SERVICES, secret: secret.root() }
}

/// The service key as the settings want it.
pub fn service_key(secret: &Secret) -> String {
    key(secret, "service key")
}

fn key(secret: &Secret, purpose: &str) -> String {
    STANDARD.encode(secret.derive(purpose))
}

/// The demo login; its password is as secret as the installation's secret.
pub fn login(secret: &Secret) -> Login {
    let password = hex::encode(&secret.derive("demo password")[..10]);
    Login { tenant: "demo".to_owned(), email: "admin@demo.example".to_owned(), password }
}

/// The operator's login, likewise.
pub fn staff(secret: &Secret) -> Login {
    let password = hex::encode(&secret.derive("staff password")[..10]);
    Login { tenant: String::new(), email: "operator@demo.example".to_owned(), password }
}

/// Where mails land, since a laptop has no mail server.
fn mail_folder(folder: &Folder) -> String {
    folder.join("mail").display().to_string()
}

/// The settings file's text.
pub fn text(
    folder: &Folder,
    stack: &Stack,
    secret: &Secret,
    ports: Ports,
    urls: &BTreeMap<String, ServiceUrls>,
) -> String {
    let storage = format!("file://{}", folder.join("objects").display());
    let mut text = String::from("# Made by `make up`, anew at every start.\n");
    line(&mut text, "redis_url", &stack.redis_url);
    line(&mut text, "service_key", &service_key(secret));
    for (service, urls) in urls {
        text.push_str(&format!("\n[{service}]\n"));
        line(&mut text, "database_url", &urls.serve);
        line(&mut text, "owner_url", &urls.owner);
        match service.as_str() {
            "identity" => {
                line(&mut text, "master_key", &key(secret, "master key"));
                line(&mut text, "mail_folder", &mail_folder(folder));
            }
            "orchestration" => line(&mut text, "master_key", &key(secret, "orchestration master key")),
            "registry" => line(&mut text, "storage_url", &storage),
            "audit" => line(&mut text, "signing_key", &key(secret, "audit signing key")),
            _ => {}
        }
    }
    text.push_str("\n[gateway]\n");
    line(&mut text, "listen", &format!("127.0.0.1:{}", ports.http));
    text.push_str("\n[worker]\n");
    line(&mut text, "storage_url", &storage);
    line(&mut text, "spill_dir", &folder.join("spill").display().to_string());
    text
}

/// Whether the serving process was started with these settings.
pub fn is_current(folder: &Folder, text: &str) -> bool {
    std::fs::read_to_string(folder.join(FILE)).is_ok_and(|written| written == text)
}

/// Writes what scripts need to know.
pub fn write_dev_env(folder: &Folder, stack: &Stack, ports: Ports, staff: &Login, login: &Login) -> Result<PathBuf> {
    let pairs = [
        ("TRINITY_URL", ports.http_url()),
        ("TRINITY_GRPC_URL", ports.grpc_url()),
        ("TRINITY_TENANT", login.tenant.clone()),
        ("TRINITY_EMAIL", login.email.clone()),
        ("TRINITY_PASSWORD", login.password.clone()),
        ("TRINITY_STAFF_EMAIL", staff.email.clone()),
        ("TRINITY_STAFF_PASSWORD", staff.password.clone()),
        ("TRINITY_IDENTITY_MAIL_FOLDER", mail_folder(folder)),
        ("DATABASE_URL", stack.postgres_url.clone()),
        ("REDIS_URL", stack.redis_url.clone()),
    ];
    let text: String = pairs.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect();
    folder.write_private("dev.env", &text)
}

/// Quotes for a shell where that is needed, and only there: other readers take quotes literally.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

/// A line of TOML, whose basic strings take the escapes of Rust's `Debug` for the characters that URLs and paths have.
fn line(text: &mut String, name: &str, value: &str) {
    text.push_str(&format!("{name} = {value:?}\n"));
}

fn bind(port: u16) -> Option<u16> {
    Some(TcpListener::bind(("127.0.0.1", port)).ok()?.local_addr().ok()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(quoted("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(quoted("a&b"), "'a&b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn taken_port_is_avoided() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        folder.write_private("ports", &format!("{port} {port}")).unwrap();
        let ports = Ports::choose(&folder).unwrap();
        assert_ne!(ports.http, port);
        assert_ne!(ports.grpc, port);
    }
}
