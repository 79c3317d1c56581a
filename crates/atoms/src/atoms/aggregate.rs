//! `aggregate`: figures for groups of rows.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::{
    functions_aggregate::{
        count::count_distinct,
        expr_fn::{avg, count, max, median, min, stddev, sum},
    },
    logical_expr::{Expr, cast, lit},
};
use serde::Deserialize;
use serde_json::json;

use super::select::{Column, check_unique, named};
use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    group_by: Vec<Column>,
    aggregations: Vec<Aggregation>,
}

#[derive(Deserialize)]
struct Aggregation {
    column: Option<String>,
    function: Function,
    #[serde(rename = "as")]
    name: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Function {
    Sum,
    Mean,
    Min,
    Max,
    Count,
    CountDistinct,
    Median,
    Stddev,
}

impl Function {
    pub fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::CountDistinct => "count_distinct",
            Self::Median => "median",
            Self::Stddev => "stddev",
        }
    }

    /// The figure of a column; `place` says where in the config it stands.
    pub fn of(self, name: &str, schema: &Schema, place: &str) -> Result<Expr, Fault> {
        types::require(schema, name, place)?;
        let data_type = schema.field_with_name(name)?.data_type();
        if self.needs_numbers() && !data_type.is_numeric() {
            let (word, kind) = (self.word(), types::name(data_type));
            return Err(Fault::config(format!("{place}: {word} needs numbers; column \"{name}\" is {kind}")));
        }
        let column = types::column(name);
        Ok(match self {
            Self::Sum => sum(column),
            Self::Mean => avg(column),
            Self::Min => min(column),
            Self::Max => max(column),
            Self::Count => count(column),
            Self::CountDistinct => count_distinct(column),
            // Why: the engine's median of whole numbers is a whole number.
            Self::Median => median(cast(column, DataType::Float64)),
            Self::Stddev => stddev(column),
        })
    }

    fn needs_numbers(self) -> bool {
        matches!(self, Self::Sum | Self::Mean | Self::Median | Self::Stddev)
    }
}

impl Aggregation {
    fn name(&self) -> String {
        match (&self.name, &self.column) {
            (Some(name), _) => name.clone(),
            (None, Some(column)) => format!("{column}_{}", self.function.word()),
            (None, None) => self.function.word().to_owned(),
        }
    }

    fn expression(&self, schema: &Schema, place: &str) -> Result<Expr, Fault> {
        let Some(name) = &self.column else { return Ok(count(lit(1))) };
        self.function.of(name, schema, place)
    }
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let names: Vec<String> = config.aggregations.iter().map(Aggregation::name).collect();
    check_unique(config.group_by.iter().map(Column::name).chain(names.iter().map(String::as_str)))?;
    let frame = job.input(0).await?;
    let schema = frame.schema().clone();
    let mut groups = Vec::with_capacity(config.group_by.len());
    for (at, group) in config.group_by.iter().enumerate() {
        groups.push(group.expression(job, &schema, &format!("group_by/{at}"))?);
    }
    let mut figures = Vec::with_capacity(names.len());
    for (at, (aggregation, name)) in config.aggregations.iter().zip(&names).enumerate() {
        figures.push(named(aggregation.expression(schema.as_arrow(), &format!("aggregations/{at}"))?, name));
    }
    let result = frame.aggregate(groups, figures)?;
    let order = config.group_by.iter().map(|group| types::column(group.name()).sort(true, false)).collect::<Vec<_>>();
    let result = if order.is_empty() { result } else { result.sort(order)? };
    let output = output::frame(job, "data", result).await?;
    let groups = output.rows;
    Ok(job.done(output, json!({ "groups": groups })))
}
