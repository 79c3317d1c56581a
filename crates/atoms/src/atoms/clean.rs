//! `clean`: trims text, marks words as missing, fills gaps, drops incomplete and repeated rows, in this order.

use std::collections::BTreeMap;

use datafusion::{
    arrow::datatypes::Schema,
    common::ScalarValue,
    functions::expr_fn::{btrim, nullif},
    functions_aggregate::expr_fn::first_value,
    logical_expr::{Expr, cast, lit, when},
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{fill, select::named};
use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    #[serde(flatten)]
    texts: Texts,
    #[serde(default)]
    fill: BTreeMap<String, Value>,
    #[serde(default)]
    drop_rows_with_missing: Columns,
    #[serde(default)]
    dedupe: Columns,
}

/// What is done to text.
#[derive(Deserialize)]
pub(super) struct Texts {
    #[serde(default = "yes")]
    trim: bool,
    #[serde(default)]
    null_words: Vec<String>,
}

fn yes() -> bool {
    true
}

/// All columns, none, or those named.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Columns {
    All(bool),
    Named(Vec<String>),
}

impl Default for Columns {
    fn default() -> Self {
        Self::All(false)
    }
}

impl Columns {
    fn names(&self, schema: &Schema, place: &str) -> Result<Vec<String>, Fault> {
        match self {
            Self::All(false) => Ok(Vec::new()),
            Self::All(true) => Ok(schema.fields().iter().map(|field| field.name().clone()).collect()),
            Self::Named(names) => {
                names.iter().try_for_each(|name| types::require(schema, name, place))?;
                Ok(names.clone())
            }
        }
    }
}

/// White space as files have it.
const WHITE_SPACE: &str = " \t\r\n\u{a0}";

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = texts(job.input(0).await?, &config.texts)?;
    let (frame, filled) = fill::gaps(job, frame, &config.fill).await?;
    let frame = rows(frame, &config.drop_rows_with_missing, &config.dedupe)?;
    let output = output::frame(job, "data", frame).await?;
    let removed = job.rows_in() - output.rows;
    job.say("info", format!("{removed} of {} rows removed", job.rows_in()));
    Ok(job.done(output, json!({ "filled": filled, "rows_removed": removed })))
}

/// Drops incomplete rows and repeated ones.
pub(super) fn rows(frame: DataFrame, with_missing: &Columns, repeated: &Columns) -> Result<DataFrame, Fault> {
    let schema = frame.schema().as_arrow().clone();
    let needed = with_missing.names(&schema, "drop_rows_with_missing")?;
    let complete = needed.iter().map(|name| types::column(name).is_not_null()).reduce(Expr::and);
    let frame = match complete {
        Some(complete) => frame.filter(complete)?,
        None => frame,
    };
    dedupe(frame, &schema, &repeated.names(&schema, "dedupe")?)
}

pub(super) fn texts(frame: DataFrame, config: &Texts) -> Result<DataFrame, Fault> {
    if !config.trim && config.null_words.is_empty() {
        return Ok(frame);
    }
    let mut columns = Vec::new();
    for field in frame.schema().fields() {
        let mut value = types::column(field.name());
        if types::is_text(field.data_type()) {
            if config.trim {
                value = nullif(btrim(vec![value, lit(WHITE_SPACE)]), lit(""));
            }
            if !config.null_words.is_empty() {
                let words = config.null_words.iter().map(lit).collect();
                let missing = lit(ScalarValue::try_from(field.data_type())?);
                value = when(value.clone().in_list(words, false), missing).otherwise(value)?;
            }
            value = cast(value, field.data_type().clone());
        }
        columns.push(named(value, field.name()));
    }
    Ok(frame.select(columns)?)
}

/// Keeps the first of rows that are equal in these columns, in the order of their first appearance.
fn dedupe(frame: DataFrame, schema: &Schema, keys: &[String]) -> Result<DataFrame, Fault> {
    if keys.is_empty() {
        return Ok(frame);
    }
    let is_key = |name: &str| keys.iter().any(|key| key == name);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let groups: Vec<Expr> = names.iter().filter(|name| is_key(name)).map(|name| types::column(name)).collect();
    let others = names.iter().filter(|name| !is_key(name));
    let firsts: Vec<Expr> = others.map(|name| named(first_value(types::column(name), vec![]), name)).collect();
    let ordered: Vec<Expr> = names.iter().map(|name| types::column(name)).collect();
    Ok(frame.aggregate(groups, firsts)?.select(ordered)?)
}
