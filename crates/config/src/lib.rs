//! Settings from the environment, with every mistake named.
//!
//! Installation-wide settings are `TRINITY_<NAME>`; those of one service are `TRINITY_<SERVICE>_<NAME>`. An optional file
//! (`TRINITY_CONFIG`, TOML with a table per service) is read first. Unknown keys stop the start.

mod storage;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use storage::StorageSettings;

/// Every part of an installation that has settings of its own.
const PARTS: [&str; 9] =
    ["tenant", "identity", "registry", "workflow", "orchestration", "audit", "worker", "gateway", "storage"];

/// Settings that belong to clients (`.data/dev.env`), not to services.
const CLIENT_KEYS: [&str; 9] =
    ["url", "tenant", "email", "password", "grpc_url", "token", "mfa_code", "staff_email", "staff_password"];

/// Settings that the whole installation shares.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// Where Redis is, such as `redis://127.0.0.1:6379`.
    pub redis_url: String,
    /// Put before every Redis key, so that installations can share a server.
    #[serde(default = "default_redis_prefix")]
    pub redis_prefix: String,
    /// The Ed25519 seed with which services prove themselves to each other: 32 bytes, base64.
    pub service_key: String,
    /// The issuer of access tokens.
    #[serde(default = "default_issuer")]
    pub issuer: String,
    /// What is logged, in the syntax of `tracing-subscriber`'s filter.
    #[serde(default = "default_log")]
    pub log: String,
    /// `json` or `text`.
    #[serde(default = "default_log_format")]
    pub log_format: String,
    /// Where the other services are: `TRINITY_PEERS_IDENTITY=http://identity:7000`. Not needed by the all-in-one.
    #[serde(default)]
    pub peers: BTreeMap<String, String>,
}

fn default_redis_prefix() -> String {
    "trinity".to_owned()
}
fn default_issuer() -> String {
    "trinity".to_owned()
}
fn default_log() -> String {
    "info".to_owned()
}
fn default_log_format() -> String {
    "json".to_owned()
}

/// Loads the settings that the whole installation shares.
///
/// # Errors
/// Names the setting that is missing, unknown or malformed.
pub fn load_shared() -> Result<Shared> {
    load_shared_from(&environment())
}

/// Loads the settings of one service.
///
/// # Errors
/// Names the setting that is missing, unknown or malformed.
pub fn load<T: DeserializeOwned>(service: &str) -> Result<T> {
    load_from(service, &environment())
}

/// As [`load_shared`], from the variables given.
///
/// # Errors
/// Names the setting that is missing, unknown or malformed.
pub fn load_shared_from(variables: &BTreeMap<String, String>) -> Result<Shared> {
    let mut figment = file(variables, |table| !PARTS.contains(&table))?;
    let mut peers = BTreeMap::new();
    for (key, value) in variables {
        let Some(key) = key.strip_prefix("TRINITY_").map(str::to_lowercase) else { continue };
        if let Some(peer) = key.strip_prefix("peers_") {
            peers.insert(peer.to_owned(), value.clone());
        } else if key != "config"
            && !key.starts_with("test_")
            && !CLIENT_KEYS.contains(&key.as_str())
            && part_of(&key).is_none()
        {
            figment = figment.merge(Serialized::default(&key, value));
        }
    }
    if !peers.is_empty() {
        figment = figment.merge(Serialized::default("peers", peers));
    }
    figment.extract().map_err(|error| explain("TRINITY_", error))
}

/// As [`load`], from the variables given.
///
/// # Errors
/// Names the setting that is missing, unknown or malformed.
pub fn load_from<T: DeserializeOwned>(service: &str, variables: &BTreeMap<String, String>) -> Result<T> {
    let mut figment = file(variables, |_| true)?.focus(service);
    let prefix = format!("TRINITY_{}_", service.to_uppercase());
    for (key, value) in variables {
        let Some(key) = key.strip_prefix(&prefix).map(str::to_lowercase) else { continue };
        figment = figment.merge(Serialized::default(&key, scalar(value)));
    }
    figment.extract().map_err(|error| explain(&prefix, error))
}

/// Every variable of the environment that is Trinity's.
fn environment() -> BTreeMap<String, String> {
    std::env::vars().filter(|(key, _)| key.starts_with("TRINITY_")).collect()
}

fn file(variables: &BTreeMap<String, String>, keep: impl Fn(&str) -> bool) -> Result<Figment> {
    let Some(path) = variables.get("TRINITY_CONFIG") else { return Ok(Figment::new()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("TRINITY_CONFIG: cannot read {path}"))?;
    let mut figment = Figment::new();
    let values: BTreeMap<String, figment::value::Value> =
        Figment::from(Toml::string(&text)).extract().with_context(|| format!("TRINITY_CONFIG: {path} is malformed"))?;
    for (key, value) in values {
        if keep(&key) {
            figment = figment.merge(Serialized::default(&key, value));
        }
    }
    Ok(figment)
}

/// Which part's settings a key belongs to.
fn part_of(key: &str) -> Option<&'static str> {
    PARTS.into_iter().find(|part| key.strip_prefix(part).is_some_and(|rest| rest.starts_with('_')))
}

/// A variable's value in the type that it looks like, so that numbers and switches need no quotes.
fn scalar(text: &str) -> figment::value::Value {
    text.parse::<u64>()
        .map(figment::value::Value::from)
        .or_else(|_| text.parse::<bool>().map(figment::value::Value::from))
        .unwrap_or_else(|_| figment::value::Value::from(text))
}

/// Says which settings are wrong, by the name under which people set them.
fn explain(prefix: &str, error: figment::Error) -> anyhow::Error {
    use figment::error::Kind;
    let mut lines = Vec::new();
    for fault in error {
        let place = fault.path.join("_").to_uppercase();
        lines.push(match &fault.kind {
            Kind::MissingField(name) => format!("the setting {prefix}{} is missing", name.to_uppercase()),
            Kind::UnknownField(name, known) => format!(
                "the setting {prefix}{} is unknown; known are {}",
                name.to_uppercase(),
                known.iter().map(|key| format!("{prefix}{}", key.to_uppercase())).collect::<Vec<_>>().join(", ")
            ),
            kind => format!("the setting {prefix}{place} is wrong: {kind}"),
        });
    }
    anyhow::Error::msg(lines.join("; "))
}

/// Checks that a setting is not empty.
///
/// # Errors
/// Names the setting.
pub fn not_empty(name: &str, value: &str) -> Result<()> {
    if value.trim().is_empty() {
        bail!("the setting {name} is empty");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        database_url: String,
        #[serde(default)]
        connections: u32,
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_service_reads_its_own_settings() {
        let given =
            variables(&[("TRINITY_REGISTRY_DATABASE_URL", "postgres://x"), ("TRINITY_REGISTRY_CONNECTIONS", "7")]);
        let example: Example = load_from("registry", &given).unwrap();
        assert_eq!(example.database_url, "postgres://x");
        assert_eq!(example.connections, 7);
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = load_from::<Example>("registry", &variables(&[])).unwrap_err();
        assert_eq!(error.to_string(), "the setting TRINITY_REGISTRY_DATABASE_URL is missing");
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let given = variables(&[("TRINITY_REGISTRY_DATABASE_URL", "x"), ("TRINITY_REGISTRY_DATABSE", "y")]);
        let error = load_from::<Example>("registry", &given).unwrap_err();
        assert!(error.to_string().starts_with("the setting TRINITY_REGISTRY_DATABSE is unknown"), "{error}");
    }

    #[test]
    fn an_unknown_shared_setting_is_named_and_client_settings_are_not() {
        let mut given = variables(&[
            ("TRINITY_REDIS_URL", "redis://x"),
            ("TRINITY_SERVICE_KEY", "k"),
            ("TRINITY_TENANT", "demo"),
            ("TRINITY_TENANT_DATABASE_URL", "postgres://x"),
            ("TRINITY_PEERS_IDENTITY", "http://identity"),
        ]);
        let shared = load_shared_from(&given).unwrap();
        assert_eq!(shared.peers["identity"], "http://identity");
        given.insert("TRINITY_REDISURL".to_owned(), "x".to_owned());
        let error = load_shared_from(&given).unwrap_err();
        assert!(error.to_string().contains("TRINITY_REDISURL is unknown"), "{error}");
    }

    #[test]
    fn the_object_store_is_set_once_for_all() {
        let mut given = variables(&[
            ("TRINITY_REDIS_URL", "redis://x"),
            ("TRINITY_SERVICE_KEY", "k"),
            ("TRINITY_STORAGE_REGION", "eu-central-1"),
            ("TRINITY_STORAGE_ALLOW_HTTP", "true"),
        ]);
        load_shared_from(&given).unwrap();
        let storage: StorageSettings = load_from("storage", &given).unwrap();
        assert_eq!((storage.region.as_deref(), storage.allow_http), (Some("eu-central-1"), true));
        given.insert("TRINITY_STORAGE_BUCKET".to_owned(), "x".to_owned());
        let error = load_from::<StorageSettings>("storage", &given).unwrap_err();
        assert!(error.to_string().starts_with("the setting TRINITY_STORAGE_BUCKET is unknown"), "{error}");
    }
}
