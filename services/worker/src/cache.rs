//! Results of equal work: the same atom, version, config and input contents are not computed twice.
//!
//! An entry holds copies of the outputs, never references: outputs of a run may be deleted at any time. A cache that
//! cannot be read or written costs time and nothing else.

use serde_json::Value;
use sha2::{Digest, Sha256};
use trinity_atoms::{Outcome, Task};
use trinity_storage::{Error, Storage, layout};

/// Part of every key: a change here makes every older entry unknown.
const FORMAT: &str = "trinity-cache-1";
/// SQL that gives another answer each time.
const VOLATILE: [&str; 6] = ["now(", "random(", "uuid(", "current_date", "current_time", "today("];
/// Written last: an entry without it is not there.
const DOCUMENT: &str = "outcome.json";

/// Where the result of this work is kept; `None` when it may not be.
pub(crate) fn entry(task: &Task, cache_prefix: &str) -> Option<String> {
    let config = canonical(&task.config);
    let lower = config.to_lowercase();
    let is_volatile =
        !task.secrets.is_empty() || trinity_catalog::find(&task.atom, &task.version).is_some_and(|spec| spec.volatile);
    let unhashed = task.inputs.iter().chain(&task.datasets).any(|input| input.content_hash.is_empty());
    if is_volatile || cache_prefix.is_empty() || unhashed || VOLATILE.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        // The length first, so that no two lists of parts look alike.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    [FORMAT, &task.atom, &task.version, &config].into_iter().for_each(&mut part);
    task.inputs.iter().for_each(|input| part(&format!("input {:?} {}", input.format, input.content_hash)));
    for dataset in &task.datasets {
        let id = dataset.dataset_id.as_deref().unwrap_or_default();
        part(&format!("dataset {id} {:?} {}", dataset.format, dataset.content_hash));
    }
    Some(layout::cache_entry(cache_prefix, &hex::encode(hash.finalize())))
}

/// The config with its keys in order, so that the same settings are the same text.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields =
                fields.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// Brings a kept result to where the task's outputs belong.
pub(crate) async fn find(storage: &Storage, entry: &str, task: &Task) -> Option<Outcome> {
    match restore(storage, entry, task).await {
        Ok(outcome) => Some(outcome),
        Err(Error::NotFound(_)) => None,
        Err(error) => {
            tracing::warn!(%error, "the cache cannot be read");
            None
        }
    }
}

async fn restore(storage: &Storage, entry: &str, task: &Task) -> Result<Outcome, Error> {
    let document = storage.read(&document(entry)).await?;
    let Ok(mut outcome) = serde_json::from_slice::<Outcome>(&document) else {
        return Err(Error::NotFound(entry.to_owned()));
    };
    for output in &mut outcome.outputs {
        let file = file_of(&output.storage_key)?;
        copy(storage, entry, &task.output_prefix, &output.name, file).await?;
        output.storage_key = place(&task.output_prefix, &output.name, file);
    }
    Ok(outcome)
}

/// Keeps a result for the next time.
pub(crate) async fn keep(storage: &Storage, entry: &str, outcome: &Outcome) {
    if let Err(error) = save(storage, entry, outcome).await {
        tracing::warn!(%error, "the cache cannot be written");
    }
}

async fn save(storage: &Storage, entry: &str, outcome: &Outcome) -> Result<(), Error> {
    for output in &outcome.outputs {
        let made_at = output.storage_key.rsplit_once(&format!("/{}/", output.name));
        let (prefix, _) = made_at.ok_or_else(|| Error::InvalidKey(output.storage_key.clone()))?;
        copy(storage, prefix, entry, &output.name, file_of(&output.storage_key)?).await?;
    }
    let document_text = serde_json::to_vec(outcome).unwrap_or_default();
    storage.put_bytes(&document(entry), document_text).await?;
    Ok(())
}

async fn copy(storage: &Storage, from: &str, to: &str, name: &str, file: &str) -> Result<(), Error> {
    for key in [layout::output_schema, layout::output_metadata] {
        storage.copy(&key(from, name), &key(to, name)).await?;
    }
    // Last: who finds the data finds the rest.
    storage.copy(&place(from, name, file), &place(to, name, file)).await
}

/// An output's file without its folders: `data.parquet`, `data.csv`.
fn file_of(storage_key: &str) -> Result<&str, Error> {
    storage_key.rsplit('/').next().ok_or_else(|| Error::InvalidKey(storage_key.to_owned()))
}

fn place(prefix: &str, name: &str, file: &str) -> String {
    format!("{prefix}/{name}/{file}")
}

fn document(entry: &str) -> String {
    format!("{entry}/{DOCUMENT}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trinity_atoms::{Format, InputTable};

    use super::*;

    fn task(config: Value, hash: &str) -> Task {
        let input = InputTable {
            dataset_id: None,
            storage_key: "tenant-t/x".into(),
            format: Format::Parquet,
            content_hash: hash.into(),
        };
        Task {
            atom: "filter".into(),
            version: "1.0.0".into(),
            config,
            inputs: vec![input],
            datasets: vec![],
            output_prefix: "tenant-t/out".into(),
            attempt: 1,
            labels: Default::default(),
            secrets: Default::default(),
        }
    }

    #[test]
    fn equal_work_has_one_entry_and_other_work_another() {
        let one = entry(&task(json!({"a": 1, "b": {"c": 2, "d": 3}}), "h"), "p").unwrap();
        assert_eq!(entry(&task(json!({"b": {"d": 3, "c": 2}, "a": 1}), "h"), "p").unwrap(), one);
        let mut others = vec![
            task(json!({"a": 1, "b": {"c": 2, "d": 4}}), "h"),
            task(json!({"a": 1, "b": {"c": 2, "d": 3}}), "i"),
            task(json!({"a": "1", "b": {"c": 2, "d": 3}}), "h"),
        ];
        let mut newer = task(json!({"a": 1, "b": {"c": 2, "d": 3}}), "h");
        newer.version = "1.0.1".into();
        others.push(newer);
        for other in others {
            assert_ne!(entry(&other, "p").unwrap(), one);
        }
    }

    #[test]
    fn work_whose_result_is_not_decided_by_its_inputs_is_not_kept() {
        assert_eq!(entry(&task(json!({"query": "SELECT NOW()"}), "h"), "p"), None);
        assert_eq!(entry(&task(json!({"where": "random() < 0.5"}), "h"), "p"), None);
        assert_eq!(entry(&task(json!({}), ""), "p"), None);
        assert_eq!(entry(&task(json!({}), "h"), ""), None);
        let mut http = task(json!({"url": "https://a.example/"}), "h");
        http.atom = "http".into();
        assert_eq!(entry(&http, "p"), None);
        let mut knowing = task(json!({}), "h");
        knowing.secrets.insert("WAREHOUSE".into(), "postgres://x".into());
        assert_eq!(entry(&knowing, "p"), None);
    }
}
