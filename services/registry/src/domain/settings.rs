//! The settings of a project that this service understands; others are kept as they are.

use serde::Deserialize;
use serde_json::value::RawValue;
use trinity_error::{Error, Result};

use super::document::Document;

/// What a project's settings say about its files.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Settings {
    /// How many bytes the project's datasets may take together.
    pub storage_quota: Option<u64>,
    /// Formats or file name extensions that may be uploaded; all when empty.
    pub allowed_file_types: Vec<String>,
}

/// The known keys, each still as text, so that each can be named when it is wrong.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    #[serde(borrow, default)]
    storage_quota: Option<&'a RawValue>,
    #[serde(borrow, default)]
    allowed_file_types: Option<&'a RawValue>,
    #[serde(borrow, default)]
    auto_save: Option<&'a RawValue>,
}

impl Settings {
    /// Reads and checks the known keys of a document.
    ///
    /// # Errors
    /// `InvalidArgument` naming the key.
    pub fn parse(document: &Document) -> Result<Self> {
        let known: Known<'_> = serde_json::from_str(document.text())
            .map_err(|error| Error::invalid("settings", format!("cannot be read: {error}")))?;
        if let Some(raw) = known.auto_save {
            read::<bool>(raw, "settings.autoSave", "must be true or false")?;
        }
        let types: Option<Vec<String>> = known
            .allowed_file_types
            .map(|raw| read(raw, "settings.allowedFileTypes", "must be a list of strings"))
            .transpose()?;
        Ok(Self {
            storage_quota: known.storage_quota.map(quota).transpose()?,
            allowed_file_types: types.unwrap_or_default().iter().map(|name| plain_type(name)).collect(),
        })
    }

    /// Whether files of this kind may be uploaded. `extension` is the file name's, if it has one.
    ///
    /// # Errors
    /// `InvalidArgument` naming `format`.
    pub fn admit(&self, format: &str, extension: Option<&str>) -> Result<()> {
        let named = |kind: &str| self.allowed_file_types.iter().any(|allowed| allowed == kind);
        if self.allowed_file_types.is_empty()
            || named(format)
            || extension.is_some_and(|extension| named(&plain_type(extension)))
        {
            return Ok(());
        }
        let allowed = self.allowed_file_types.join(", ");
        Err(Error::invalid("format", format!("is {format}; this project allows only {allowed}")))
    }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, field: &str, rule: &str) -> Result<T> {
    serde_json::from_str(raw.get()).map_err(|_| Error::invalid(field, rule))
}

fn quota(raw: &RawValue) -> Result<u64> {
    let rule = "must be a number of bytes, 0 or more";
    let number: f64 = read(raw, "settings.storageQuota", rule)?;
    // Why: a cast from float to integer saturates, which is right for absurdly large quotas.
    if number >= 0.0 { Ok(number as u64) } else { Err(Error::invalid("settings.storageQuota", rule)) }
}

/// `.CSV` and `csv` are the same kind of file.
fn plain_type(name: &str) -> String {
    name.trim().trim_start_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse(&Document::parse("settings", text.to_owned()).unwrap())
    }

    #[test]
    fn known_keys_are_read_and_others_ignored() {
        let settings =
            parse(r#"{"theme": {"dark": 1}, "storageQuota": 1000.5, "allowedFileTypes": [".CSV"], "autoSave": true}"#)
                .unwrap();
        assert_eq!(settings, Settings { storage_quota: Some(1000), allowed_file_types: vec!["csv".into()] });
        assert!(settings.admit("csv", None).is_ok());
        assert!(settings.admit("parquet", Some("parquet")).is_err());
        assert_eq!(parse(r#"{"storageQuota": null}"#).unwrap(), Settings::default());
        assert!(Settings::default().admit("parquet", None).is_ok());
    }

    #[test]
    fn wrong_types_are_named() {
        for (text, field) in [
            (r#"{"storageQuota": -1}"#, "settings.storageQuota"),
            (r#"{"storageQuota": "1"}"#, "settings.storageQuota"),
            (r#"{"allowedFileTypes": "csv"}"#, "settings.allowedFileTypes"),
            (r#"{"allowedFileTypes": [1]}"#, "settings.allowedFileTypes"),
            (r#"{"autoSave": 1}"#, "settings.autoSave"),
        ] {
            assert_eq!(parse(text).unwrap_err().violations()[0].field, field, "{text}");
        }
    }
}
