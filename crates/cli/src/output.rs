//! What the terminal shows: JSON as it came, or a table.

use serde_json::Value;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Json,
    Text,
}

impl Output {
    /// Prints a list: whole as JSON, or the named fields as columns.
    pub fn list(self, items: &[Value], fields: &[&str]) {
        match self {
            Self::Json => print_json(&Value::from(items.to_vec())),
            Self::Text => print!("{}", table(items, fields)),
        }
    }

    /// Prints one object: whole as JSON, or a sentence.
    pub fn object(self, object: &Value, sentence: &str) {
        match self {
            Self::Json => print_json(object),
            Self::Text => println!("{sentence}"),
        }
    }
}

/// Rows of objects under their fields' names, columns aligned.
pub fn table(items: &[Value], fields: &[&str]) -> String {
    let header = fields.iter().map(|field| field.replace('.', " ")).collect();
    let rows = items.iter().map(|item| fields.iter().map(|field| cell(item, field)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..fields.len()).map(width).collect();
    rows.iter()
        .map(|row| {
            let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            format!("{}\n", line.join("  ").trim_end())
        })
        .collect()
}

/// A field, where `actor.name` is the name within the actor.
fn cell(item: &Value, field: &str) -> String {
    let value = field.split('.').fold(item, |value, key| &value[key]);
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn print_json(value: &Value) {
    println!("{value:#}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn table_aligns_columns_and_shows_nested_fields() {
        let items = [json!({"name": "a", "actor": {"name": "Ada"}}), json!({"name": "longer", "actor": null})];
        assert_eq!(table(&items, &["name", "actor.name"]), "name    actor name\na       Ada\nlonger  -\n");
    }
}
