//! `column-classifier`: what each column is for, judged by its type, its values and its name.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray},
        datatypes::DataType,
    },
    logical_expr::cast,
    prelude::DataFrame,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{classes, select::named};
use crate::{
    Fault, Outcome,
    job::Job,
    output,
    profile::{self, ColumnProfile},
    types,
};

#[derive(Deserialize)]
struct Config {
    columns: Option<Vec<String>>,
    /// Rows whose texts are looked at; 1.0.0 does not.
    #[serde(default = "usual_sample")]
    sample_rows: usize,
}

fn usual_sample() -> usize {
    5_000
}

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Class {
    column: String,
    #[serde(rename = "type")]
    kind: String,
    class: &'static str,
    /// From 0 to 1.
    confidence: f64,
    reason: String,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let mut frame = job.input(0).await?;
    if let Some(columns) = &config.columns {
        frame = types::only(frame, columns)?;
    }
    let looks_at_values = job.task.version != "1.0.0";
    let texts = if looks_at_values { sample(&frame, config.sample_rows).await? } else { Vec::new() };
    let classify = |profile: &ColumnProfile| {
        let values = texts.iter().find(|(name, _)| *name == profile.column).map_or(&[][..], |(_, values)| values);
        if looks_at_values { look(profile, values) } else { classify(profile) }
    };
    let classes: Vec<Class> = profile::table(frame, 0, 0).await?.iter().map(classify).collect();
    let words = |of: fn(&Class) -> &str| Arc::new(classes.iter().map(|class| Some(of(class))).collect::<StringArray>());
    let table = RecordBatch::try_from_iter([
        ("column", words(|class| &class.column) as ArrayRef),
        ("type", words(|class| &class.kind)),
        ("class", words(|class| class.class)),
        ("confidence", Arc::new(classes.iter().map(|class| Some(class.confidence)).collect::<Float64Array>())),
        ("reason", words(|class| &class.reason)),
    ])?;
    let output = output::batch(job, "classification", table).await?;
    Ok(job.looked(output, json!({ "columns": classes })))
}

/// The values of the columns of text in the first rows.
async fn sample(frame: &DataFrame, rows: usize) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let fields = frame.schema().fields().iter();
    let names: Vec<String> =
        fields.filter(|field| types::is_text(field.data_type())).map(|field| field.name().clone()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let texts = names.iter().map(|name| named(cast(types::column(name), DataType::Utf8View), name));
    let batches = frame.clone().limit(0, Some(rows))?.select(texts.collect::<Vec<_>>())?.collect().await?;
    let values = |at: usize| -> Vec<String> {
        let columns = batches.iter().map(|batch| batch.column(at).as_string_view());
        columns.flat_map(|column| column.iter().flatten().map(str::to_owned)).collect()
    };
    Ok(names.iter().enumerate().map(|(at, name)| (name.clone(), values(at))).collect())
}

/// The class by the values, then by the name, then by the figures.
fn look(profile: &ColumnProfile, values: &[String]) -> Class {
    let figures = classify(profile);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    // Why: of nothing, or of one value, there is nothing more to say.
    if matches!(figures.class, "empty" | "constant") {
        return figures;
    }
    match classes::by_values(&values).or_else(|| classes::by_name(profile)) {
        Some((class, confidence, reason)) => Class { class, confidence, reason, ..figures },
        None => figures,
    }
}

fn classify(profile: &ColumnProfile) -> Class {
    let (class, confidence, reason) = judge(profile);
    Class { column: profile.column.clone(), kind: profile.kind.clone(), class, confidence, reason }
}

fn judge(profile: &ColumnProfile) -> (&'static str, f64, String) {
    let values = profile.rows - profile.missing;
    let distinct = profile.distinct;
    let share = distinct as f64 / values.max(1) as f64;
    let all_differ = share > 0.99 && values > 1;
    let few = distinct <= 50 && share <= 0.5 || distinct <= 2 && values > 2;
    match profile.kind.as_str() {
        _ if values == 0 => ("empty", 1.0, "no value at all".into()),
        _ if distinct == 1 && values > 1 => ("constant", 1.0, "one value everywhere".into()),
        "boolean" => ("boolean", 1.0, "true and false".into()),
        "date" | "timestamp" => ("date", 1.0, "dates".into()),
        "int64" | "UInt64" if all_differ && is_named_like_an_identifier(&profile.column) => {
            ("identifier", 0.95, format!("{distinct} different whole numbers, and the name says so"))
        }
        "int64" | "UInt64" if few => (
            "categorical",
            if share < 0.05 { 0.9 } else { 0.7 },
            format!("{distinct} different whole numbers in {values} rows"),
        ),
        "int64" | "UInt64" if all_differ && values >= 20 => {
            ("identifier", 0.6, format!("{distinct} whole numbers, all different"))
        }
        "string" if few => (
            "categorical",
            if share < 0.05 { 0.95 } else { 0.75 },
            format!("{distinct} different words in {values} rows"),
        ),
        "string" => judge_text(profile, all_differ),
        // Why: a measurement is continuous however few values it happens to take.
        "float64" => ("continuous", 0.95, format!("numbers with fractions, {distinct} different ones")),
        kind if kind == "int64" || kind == "UInt64" || kind.starts_with("Decimal") => {
            ("continuous", 0.8, format!("{distinct} different numbers in {values} rows"))
        }
        kind => ("other", 0.5, format!("values of type {kind}")),
    }
}

fn judge_text(profile: &ColumnProfile, all_differ: bool) -> (&'static str, f64, String) {
    let mean = profile.mean_length.unwrap_or(0.0);
    let longest = profile.longest.unwrap_or(0) as f64;
    let one_length = longest > 0.0 && (mean - longest).abs() < 0.01;
    if all_differ && (one_length || is_named_like_an_identifier(&profile.column)) && longest <= 64.0 {
        return ("identifier", 0.9, format!("{} different texts of up to {longest} characters", profile.distinct));
    }
    if mean > 30.0 {
        return ("text", 0.9, format!("{mean:.0} characters on average"));
    }
    ("text", 0.6, format!("{} different short texts", profile.distinct))
}

fn is_named_like_an_identifier(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["id", "key", "code", "uuid", "number", "iata"].iter().any(|word| {
        name == *word
            || name.ends_with(&format!("_{word}"))
            || name.ends_with(&format!("-{word}"))
            || name.ends_with(&format!(" {word}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str, rows: u64, distinct: u64, mean_length: Option<f64>) -> ColumnProfile {
        ColumnProfile {
            column: name.into(),
            kind: kind.into(),
            rows,
            missing: 0,
            not_a_number: 0,
            distinct,
            distinct_is_exact: true,
            min: None,
            max: None,
            mean: None,
            stddev: None,
            quantiles: None,
            quantiles_are_exact: true,
            histogram: None,
            top: vec![],
            top_is_exact: true,
            mean_length,
            longest: mean_length.map(|mean| mean.ceil() as u64),
        }
    }

    #[test]
    fn columns_are_what_a_person_would_call_them() {
        for (profile, class) in [
            (column("customer_id", "int64", 1_000, 1_000, None), "identifier"),
            (column("iata", "string", 3_376, 3_376, Some(3.0)), "identifier"),
            (column("weather", "string", 1_461, 5, Some(4.0)), "categorical"),
            (column("stars", "int64", 900, 5, None), "categorical"),
            (column("wind", "float64", 1_461, 79, None), "continuous"),
            (column("price", "int64", 1_000, 400, None), "continuous"),
            (column("day", "date", 10, 10, None), "date"),
            (column("comment", "string", 1_000, 990, Some(80.5)), "text"),
            (column("same", "string", 10, 1, Some(4.0)), "constant"),
            (column("nothing", "string", 0, 0, None), "empty"),
            (column("flag", "boolean", 10, 2, None), "boolean"),
        ] {
            let found = classify(&profile);
            assert_eq!(found.class, class, "{found:?}");
            assert!((0.0..=1.0).contains(&found.confidence));
        }
    }
}
