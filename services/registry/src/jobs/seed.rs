//! Fills the catalogue of atoms from the specs that this program was built with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use trinity_catalog::AtomSpec;
use trinity_db::Db;
use trinity_rpc::CancellationToken;

use crate::store;
use crate::store::atom::Version;

const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Whether the catalogue is filled.
#[derive(Clone)]
pub(crate) struct Seeding {
    done: Arc<AtomicBool>,
}

impl Seeding {
    /// Fills the catalogue now, or in the background as soon as Postgres answers.
    ///
    /// # Errors
    /// Names the atom whose published version differs from what this program was built with.
    pub async fn start(db: Db, shutdown: CancellationToken) -> Result<Self> {
        let this = Self { done: Arc::default() };
        match seed(&db).await {
            Ok(()) => this.done.store(true, Ordering::Release),
            Err(Failure::Away(error)) => {
                tracing::warn!(%error, "the catalogue of atoms waits for the database");
                let done = Arc::clone(&this.done);
                trinity_telemetry::spawn("atom-seed", async move {
                    shutdown.clone().run_until_cancelled(keep_trying(db, done, shutdown)).await;
                });
            }
            Err(Failure::Final(error)) => return Err(error),
        }
        Ok(this)
    }

    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

/// Why the catalogue could not be filled.
enum Failure {
    /// The database does not answer.
    Away(trinity_error::Error),
    /// Trying again does not help.
    Final(anyhow::Error),
}

async fn keep_trying(db: Db, done: Arc<AtomicBool>, shutdown: CancellationToken) {
    loop {
        tokio::time::sleep(RETRY_AFTER).await;
        match seed(&db).await {
            Ok(()) => return done.store(true, Ordering::Release),
            Err(Failure::Away(_)) => {}
            Err(Failure::Final(error)) => {
                tracing::error!(error = format!("{error:#}"), "the catalogue of atoms cannot be filled: stopping");
                return shutdown.cancel();
            }
        }
    }
}

async fn seed(db: &Db) -> Result<(), Failure> {
    let specs: Vec<&AtomSpec> = trinity_catalog::all().iter().collect();
    let stored = async {
        let mut tx = db.begin_system("atom-seed").await?;
        let stored = store::atom::seed(&mut tx, &specs).await?;
        Ok::<_, trinity_error::Error>((tx, stored))
    };
    let (tx, stored) = stored.await.map_err(|error| match error.is_retryable() {
        true => Failure::Away(error),
        false => Failure::Final(anyhow::Error::new(error).context("filling the catalogue of atoms")),
    })?;
    for spec in specs {
        let version = stored.iter().find(|version| version.atom == spec.slug && version.version == spec.version);
        check_unchanged(spec, version).map_err(Failure::Final)?;
    }
    tx.commit().await.map_err(Failure::Away)
}

/// Workflows are pinned to versions, so what a published version accepts and makes must never change.
fn check_unchanged(spec: &AtomSpec, stored: Option<&Version>) -> Result<()> {
    let (slug, version) = (&spec.slug, &spec.version);
    let Some(stored) = stored else { bail!("the atom {slug} {version} could not be stored") };
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let same = parse(&spec.config_schema) == parse(&stored.config_schema)
        && spec.outputs == stored.outputs
        && spec.passthrough == stored.passthrough
        && (spec.min_inputs, spec.max_inputs) == (stored.min_inputs.unsigned_abs(), stored.max_inputs.unsigned_abs());
    ensure!(same, "the atom {slug} {version} differs from what was published as {version}: give it a new version");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_spec_of_a_published_version_is_refused_with_its_name() {
        let spec = &trinity_catalog::all()[0];
        let mut stored = Version {
            atom: spec.slug.clone(),
            version: spec.version.clone(),
            config_schema: format!(" {} ", spec.config_schema),
            example: spec.example.clone(),
            min_inputs: i32::try_from(spec.min_inputs).unwrap(),
            max_inputs: i32::try_from(spec.max_inputs).unwrap(),
            outputs: spec.outputs.clone(),
            passthrough: spec.passthrough,
            active: true,
        };
        check_unchanged(spec, Some(&stored)).unwrap();
        stored.config_schema = r#"{"type": "object"}"#.to_owned();
        let error = check_unchanged(spec, Some(&stored)).unwrap_err().to_string();
        assert!(error.contains(&spec.slug) && error.contains("new version"), "{error}");
    }
}
