//! JSON documents as tables: what is nested becomes columns with dots in their names, lists become JSON text.
//!
//! A file is gone through twice: once to find the columns and their types, then to give the rows. [`records`] takes it
//! apart, one record at a time.

mod records;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use serde_json::Value;

use crate::{
    Fault, Format,
    cells::{Cell, Guess, Table, schema},
    fault::code,
    input::Opened,
    job::Job,
    source::{self, Give, Source},
    types::Kind,
};

/// More columns than any table made by people: such a file has data for keys.
const MAX_COLUMNS: usize = 20_000;

/// Opens a document as a table.
pub(crate) async fn open(
    job: &Job<'_>,
    path: PathBuf,
    format: Format,
    declared: &BTreeMap<String, Kind>,
) -> Result<Opened, Fault> {
    let declared = declared.clone();
    let found = tokio::task::spawn_blocking(move || examine(path, format, &declared))
        .await
        .map_err(|_| Fault::passing(code::INTERNAL, "reading the document broke off"))??;
    let (rows, schema) = (found.rows, schema(&found.names, &found.kinds));
    Ok(Opened { frame: source::table(&job.session, schema, found)?, rows, guessed_types: false })
}

/// What is known of a document after the first pass.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    format: Format,
    names: Vec<String>,
    /// Places of the columns by name.
    places: HashMap<String, usize>,
    kinds: Vec<Kind>,
    rows: u64,
}

fn examine(path: PathBuf, format: Format, declared: &BTreeMap<String, Kind>) -> Result<Found, Fault> {
    let mut names: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut guesses: Vec<Guess> = Vec::new();
    let mut rows = 0;
    records::each(&path, format, &mut |record, _| {
        rows += 1;
        flatten(record, &mut |name, cell| {
            let at = places.get(name).copied().unwrap_or_else(|| {
                places.insert(name.to_owned(), names.len());
                names.push(name.to_owned());
                guesses.push(Guess::new(true));
                names.len() - 1
            });
            guesses[at].see(&cell);
        });
        if names.len() > MAX_COLUMNS {
            let problem =
                format!("more than the {MAX_COLUMNS} columns that a table may have: are there data for keys?");
            return Err(Fault::lasting(code::JSON_MALFORMED, problem));
        }
        Ok(true)
    })?;
    if names.is_empty() {
        return Err(Fault::lasting(code::JSON_MALFORMED, "there is no record with a value"));
    }
    if let Some(unknown) = declared.keys().find(|name| !names.contains(name)) {
        return Err(Fault::config(format!("schema: no column \"{unknown}\"; the file has {}", names.join(", "))));
    }
    let guessed = guesses.iter().map(Guess::kind);
    let kinds = names.iter().zip(guessed).map(|(name, guess)| declared.get(name).copied().unwrap_or(guess)).collect();
    Ok(Found { path, format, names, places, kinds, rows })
}

impl Source for Found {
    fn read(&self, give: &mut Give<'_>) -> Result<(), Fault> {
        let mut table = Table::new(&self.names, &self.kinds);
        let mut cells = vec![Cell::Missing; self.names.len()];
        let mut wanted = true;
        records::each(&self.path, self.format, &mut |record, place| {
            cells.fill(Cell::Missing);
            flatten(record, &mut |name, cell| {
                if let Some(at) = self.places.get(name) {
                    cells[*at] = cell;
                }
            });
            table.push(&cells, code::JSON_MALFORMED, || place.to_string())?;
            if let Some(batch) = table.full()? {
                wanted = give(batch);
            }
            Ok(wanted)
        })?;
        if let (Some(batch), true) = (table.rest()?, wanted) {
            give(batch);
        }
        Ok(())
    }
}

/// The values of a record under the names of their columns. A record that is no object is one value.
fn flatten(record: Value, give: &mut dyn FnMut(&str, Cell<'static>)) {
    match record {
        Value::Object(_) => fields(record, &mut String::new(), give),
        other => give("value", cell(other)),
    }
}

/// Invariant: no deeper than the parser allows, which is 128 levels.
fn fields(value: Value, path: &mut String, give: &mut dyn FnMut(&str, Cell<'static>)) {
    let Value::Object(members) = value else { return give(path, cell(value)) };
    let before = path.len();
    for (key, member) in members {
        if before > 0 {
            path.push('.');
        }
        path.push_str(&key);
        fields(member, path, give);
        path.truncate(before);
    }
}

fn cell(value: Value) -> Cell<'static> {
    match value {
        Value::Null => Cell::Missing,
        Value::Bool(value) => Cell::Boolean(value),
        Value::String(text) => Cell::Text(text.into()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => Cell::Whole(whole),
            // Why text: a float would lose its last digits.
            (None, Some(large), _) => Cell::Text(large.to_string().into()),
            (None, None, Some(number)) => Cell::Number(number),
            _ => Cell::Text(number.to_string().into()),
        },
        list => Cell::Text(list.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_objects_become_columns_with_dots() {
        let mut found = Vec::new();
        let record = json!({"a": {"b": 1, "c": {"d": "x"}}, "e": [1, {"f": 2}], "g": null, "h": {}});
        flatten(record, &mut |name, cell| found.push(format!("{name}={}", cell.text())));
        assert_eq!(found, ["a.b=1", "a.c.d=x", "e=[1,{\"f\":2}]", "g="]);
    }
}
