//! `select` and `rename`: which columns there are, in which order, under which names.

use std::collections::{BTreeMap, HashSet};

use datafusion::logical_expr::{Expr, expr::Alias};
use serde::Deserialize;
use serde_json::json;

use crate::{Fault, Outcome, job::Job, output, sql, types};

#[derive(Deserialize)]
struct SelectConfig {
    columns: Vec<Column>,
}

/// A column, or an expression with a name.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Column {
    Name(String),
    Computed {
        expression: String,
        #[serde(rename = "as")]
        name: String,
    },
}

impl Column {
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Computed { name, .. } => name,
        }
    }

    /// The expression under its name; `place` says where in the config it stands.
    pub fn expression(&self, job: &Job<'_>, schema: &datafusion::common::DFSchema, place: &str) -> Result<Expr, Fault> {
        match self {
            Self::Name(name) => {
                types::require(schema.as_arrow(), name, place)?;
                Ok(types::column(name))
            }
            Self::Computed { expression, name } => {
                Ok(named(sql::expression(&job.session, expression, schema, place)?, name))
            }
        }
    }
}

/// An expression under a name, taken literally.
pub(super) fn named(expression: Expr, name: &str) -> Expr {
    Expr::Alias(Alias::new(expression, None::<&str>, name))
}

/// Refuses a name that occurs twice.
pub(super) fn check_unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let mut taken = HashSet::new();
    for name in names {
        if !taken.insert(name) {
            return Err(Fault::config(format!("two columns of the result are called \"{name}\"")));
        }
    }
    Ok(())
}

pub(super) async fn select(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: SelectConfig = job.config()?;
    check_unique(config.columns.iter().map(Column::name))?;
    let frame = job.input(0).await?;
    let place = |at: usize| format!("columns/{at}");
    let columns: Vec<Expr> = config
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| column.expression(job, frame.schema(), &place(at)))
        .collect::<Result<_, _>>()?;
    let output = output::frame(job, "data", frame.select(columns)?).await?;
    Ok(job.done(output, json!({})))
}

#[derive(Deserialize)]
struct RenameConfig {
    columns: BTreeMap<String, String>,
}

pub(super) async fn rename(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: RenameConfig = job.config()?;
    let frame = job.input(0).await?;
    let schema = frame.schema().as_arrow().clone();
    for name in config.columns.keys() {
        types::require(&schema, name, "columns")?;
    }
    let renamed = |name: &str| config.columns.get(name).cloned().unwrap_or_else(|| name.to_owned());
    let names: Vec<String> = schema.fields().iter().map(|field| renamed(field.name())).collect();
    check_unique(names.iter().map(String::as_str))?;
    let columns: Vec<Expr> =
        schema.fields().iter().zip(&names).map(|(field, name)| named(types::column(field.name()), name)).collect();
    let output = output::frame(job, "data", frame.select(columns)?).await?;
    Ok(job.done(output, json!({ "renamed": config.columns.len() })))
}
