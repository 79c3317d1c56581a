//! From a URL to a store: a folder of this machine, or a place in a bucket.

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientOptions, ObjectStore,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    prefix::PrefixStore,
};

use crate::{Error, Result, Settings, key};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may send nothing in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What is behind a URL.
pub(crate) struct Opened {
    pub objects: Arc<dyn ObjectStore>,
    /// Set when the store is a folder of this machine.
    pub local: Option<Arc<LocalFileSystem>>,
}

/// Opens `file:///absolute/path` or `s3://bucket/prefix`.
pub(crate) fn open(url: &str, settings: &Settings) -> Result<Opened> {
    let invalid = |reason: &str| Error::InvalidUrl { url: url.to_owned(), reason: reason.to_owned() };
    match url.split_once("://") {
        Some(("file", path)) => folder(path).map_err(|reason| invalid(&reason)),
        Some(("s3", place)) => {
            settings.check().map_err(|error| invalid(&error.to_string()))?;
            let (bucket, prefix) = place.trim_end_matches('/').split_once('/').unwrap_or((place, ""));
            if !is_bucket(bucket.trim_end_matches('/')) || !(prefix.is_empty() || key::check(prefix).is_ok()) {
                return Err(invalid("after s3:// come a bucket and, perhaps, a plain path, as in s3://files/trinity"));
            }
            bucket_at(bucket.trim_end_matches('/'), prefix, settings)
        }
        _ => Err(invalid("only file:///path and s3://bucket/path are supported")),
    }
}

fn folder(path: &str) -> std::result::Result<Opened, String> {
    if !path.starts_with('/') {
        return Err("the path must be absolute, as in file:///var/lib/trinity".into());
    }
    std::fs::create_dir_all(path).map_err(|error| format!("cannot create the folder: {error}"))?;
    // Why fsync: Postgres will say that the file is there, so it has to outlive a power cut as the row does.
    let local = LocalFileSystem::new_with_prefix(path).map_err(|error| error.to_string())?;
    let local = Arc::new(local.with_automatic_cleanup(true).with_fsync(true));
    Ok(Opened { objects: local.clone(), local: Some(local) })
}

/// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
}

fn bucket_at(bucket: &str, prefix: &str, settings: &Settings) -> Result<Opened> {
    let store = client(bucket, settings)?;
    let objects: Arc<dyn ObjectStore> =
        if prefix.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, key::path(prefix)?)) };
    Ok(Opened { objects, local: None })
}

fn client(bucket: &str, settings: &Settings) -> Result<AmazonS3> {
    let options = ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(CONNECT_TIMEOUT)
        // Why not a limit for the whole: a large file to a slow reader takes its time.
        .with_timeout_disabled()
        .with_read_timeout(READ_TIMEOUT);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
        .with_virtual_hosted_style_request(settings.virtual_hosted)
        .with_client_options(options);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    if let Some(token) = &settings.session_token {
        builder = builder.with_token(token);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::open;
    use crate::Settings;

    #[test]
    fn buckets_with_and_without_a_path_are_opened() {
        let settings = Settings { access_key_id: Some("id".into()), ..Settings::default() };
        let settings = Settings { secret_access_key: Some("secret".into()), ..settings };
        for url in ["s3://bucket", "s3://bucket/", "s3://my.bucket-1/a/b", "s3://bucket/a/"] {
            assert!(open(url, &settings).unwrap().local.is_none(), "{url}");
        }
    }

    #[test]
    fn urls_that_are_not_understood_are_named() {
        let bad = ["ftp://x", "relative", "file://relative", "s3://", "s3://B", "s3://bucket/../x", "s3://bucket//x"];
        for url in bad {
            let error = open(url, &Settings::default()).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(url), "{error}");
        }
        let settings = Settings { endpoint: Some("http://minio:9000".into()), ..Settings::default() };
        let error = open("s3://bucket", &settings).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("TRINITY_STORAGE_ALLOW_HTTP"), "{error}");
    }
}
