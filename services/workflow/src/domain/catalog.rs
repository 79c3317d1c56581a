//! The atoms that there are, with their compiled config schemas.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use trinity_catalog::{BadSchema, ConfigSchema};

/// One version of an atom, ready to check configs.
#[derive(Debug)]
pub struct AtomVersion {
    pub slug: String,
    pub version: String,
    /// How many tables it takes.
    pub min_inputs: u32,
    pub max_inputs: u32,
    /// Names of what it writes.
    pub outputs: Vec<String>,
    /// Whether what follows receives its input.
    pub passthrough: bool,
    /// What kind of task it makes.
    pub kind: String,
    /// The schema as it came, by which a version already compiled is known again.
    pub schema_text: String,
    pub schema: Value,
    pub validator: ConfigSchema,
}

/// What a version of an atom says of itself, before its schema is compiled.
#[derive(Debug, Clone)]
pub struct AtomFacts {
    pub slug: String,
    pub version: String,
    pub min_inputs: u32,
    pub max_inputs: u32,
    pub outputs: Vec<String>,
    pub passthrough: bool,
    /// What kind of task it makes.
    pub kind: String,
    pub schema_text: String,
}

impl AtomVersion {
    /// Compiles the schema, which is costly: keep the result.
    ///
    /// # Errors
    /// `BadSchema` when the schema is none.
    pub fn compile(facts: AtomFacts) -> Result<Self, BadSchema> {
        let schema: Value = serde_json::from_str(&facts.schema_text).map_err(|error| BadSchema(error.to_string()))?;
        Ok(Self {
            validator: ConfigSchema::compile(schema.clone())?,
            schema,
            slug: facts.slug,
            version: facts.version,
            min_inputs: facts.min_inputs,
            max_inputs: facts.max_inputs,
            outputs: facts.outputs,
            passthrough: facts.passthrough,
            kind: facts.kind,
            schema_text: facts.schema_text,
        })
    }
}

/// What a canvas's atom turns out to be.
#[derive(Debug)]
pub enum Lookup {
    Found(Arc<AtomVersion>),
    UnknownAtom,
    UnknownVersion,
}

/// Every active version of every atom.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Newest version first.
    atoms: HashMap<String, Vec<Arc<AtomVersion>>>,
}

impl Catalog {
    /// Sorts versions by atom.
    #[must_use]
    pub fn new(versions: Vec<Arc<AtomVersion>>) -> Self {
        let mut atoms: HashMap<String, Vec<Arc<AtomVersion>>> = HashMap::new();
        for version in versions {
            atoms.entry(version.slug.clone()).or_default().push(version);
        }
        for versions in atoms.values_mut() {
            versions.sort_by_cached_key(|version| Reverse(precedence(&version.version)));
        }
        Self { atoms }
    }

    /// Finds a version, or the newest when none is named.
    #[must_use]
    pub fn find(&self, slug: &str, version: Option<&str>) -> Lookup {
        let Some(versions) = self.atoms.get(slug) else { return Lookup::UnknownAtom };
        let found = match version {
            None => versions.first(),
            Some(version) => versions.iter().find(|known| known.version == version),
        };
        found.map_or(Lookup::UnknownVersion, |found| Lookup::Found(Arc::clone(found)))
    }

    /// Every version that it has.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<AtomVersion>> {
        self.atoms.values().flatten()
    }
}

/// One part of a pre-release, in the order of semantic versions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

/// Orders versions: releases above pre-releases, so that nobody gets one without asking, then by number.
///
/// Source: "Precedence" in <https://semver.org/spec/v2.0.0.html>.
fn precedence(version: &str) -> (bool, Vec<u64>, Vec<Identifier>) {
    let version = version.split_once('+').map_or(version, |(version, _build)| version);
    let (numbers, before_release) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    let identifier = |part: &str| part.parse().map_or_else(|_| Identifier::Word(part.to_owned()), Identifier::Number);
    let before = before_release.split('.').filter(|part| !part.is_empty()).map(identifier).collect();
    (before_release.is_empty(), numbers, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_by_number_and_releases_go_first() {
        let mut versions = ["1.2.0", "1.10.0", "2.0.0-beta.2", "2.0.0-beta.11", "2.0.0-beta", "1.10.0-rc"];
        versions.sort_by_cached_key(|version| Reverse(precedence(version)));
        assert_eq!(versions, ["1.10.0", "1.2.0", "2.0.0-beta.11", "2.0.0-beta.2", "2.0.0-beta", "1.10.0-rc"]);
    }
}
