//! How buckets of an object store are reached: `TRINITY_STORAGE_<FIELD>`, once for the whole installation.

use std::fmt;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Everything that can be set; of no meaning to a store on disk.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// The server, such as `https://minio.example:9000`; Amazon's own when unset.
    pub endpoint: Option<String>,
    /// `us-east-1` when unset.
    pub region: Option<String>,
    /// Without keys the role of the machine is used.
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    /// Beside keys that are lent for a while.
    pub session_token: Option<String>,
    /// Whether the bucket is part of the host's name (`bucket.host/key`); else of the path (`host/bucket/key`).
    pub virtual_hosted: bool,
    /// Whether the server may be spoken to without TLS.
    pub allow_http: bool,
}

impl StorageSettings {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<()> {
        let has_both = self.access_key_id.is_some() == self.secret_access_key.is_some();
        ensure!(
            has_both,
            "TRINITY_STORAGE_ACCESS_KEY_ID and TRINITY_STORAGE_SECRET_ACCESS_KEY are set together or not"
        );
        let is_plain = self.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        ensure!(!is_plain || self.allow_http, "an endpoint without TLS needs TRINITY_STORAGE_ALLOW_HTTP=true");
        Ok(())
    }
}

/// Without the keys.
impl fmt::Debug for StorageSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageSettings")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("has_keys", &self.access_key_id.is_some())
            .field("virtual_hosted", &self.virtual_hosted)
            .field("allow_http", &self.allow_http)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::StorageSettings;

    #[test]
    fn keys_go_together_and_are_not_shown() {
        let mut settings = StorageSettings { access_key_id: Some("AKIA".into()), ..StorageSettings::default() };
        assert!(settings.check().unwrap_err().to_string().contains("set together"));
        settings.secret_access_key = Some("very secret".into());
        settings.check().unwrap();
        let shown = format!("{settings:?}");
        assert!(!shown.contains("very secret") && !shown.contains("AKIA"), "{shown}");
    }

    #[test]
    fn a_server_without_tls_has_to_be_allowed() {
        let endpoint = Some("http://127.0.0.1:9000".to_owned());
        let mut settings = StorageSettings { endpoint, ..StorageSettings::default() };
        assert!(settings.check().unwrap_err().to_string().contains("TRINITY_STORAGE_ALLOW_HTTP"));
        settings.allow_http = true;
        settings.check().unwrap();
    }
}
