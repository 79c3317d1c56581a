//! `window`: figures over rows before and after, beside the rows.

use datafusion::{
    arrow::datatypes::Schema,
    common::ScalarValue,
    functions_aggregate::{
        average::avg_udaf,
        count::count_udaf,
        expr_fn::count,
        min_max::{max_udaf, min_udaf},
        sum::sum_udaf,
    },
    functions_window::{
        expr_fn::{dense_rank, lag, lead, percent_rank, rank, row_number},
        nth_value::{first_value_udwf, last_value_udwf},
    },
    logical_expr::{
        Expr, ExprFunctionExt, JoinType, Operator, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits,
        WindowFunctionDefinition, binary_expr, expr::WindowFunction, lit,
    },
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    aggregate::Function as Figure,
    order::{By, order},
    select::{check_unique, named},
};
use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    partition_by: Vec<String>,
    #[serde(default)]
    order_by: Vec<By>,
    columns: Vec<New>,
}

#[derive(Deserialize)]
struct New {
    function: Function,
    column: Option<String>,
    #[serde(rename = "as")]
    name: String,
    #[serde(default = "one")]
    offset: i64,
    rows_before: Option<u64>,
    #[serde(default)]
    rows_after: u64,
}

fn one() -> i64 {
    1
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Function {
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    Lag,
    Lead,
    First,
    Last,
    Sum,
    Mean,
    Min,
    Max,
    Count,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let schema = frame.schema().as_arrow().clone();
    for name in &config.partition_by {
        types::require(&schema, name, "partition_by")?;
    }
    let there = schema.fields().iter().map(|field| field.name());
    check_unique(there.chain(config.columns.iter().map(|new| &new.name)).map(String::as_str))?;
    let order = order(&config.order_by, &schema, "order_by")?;
    let frame = if order.is_empty() { beside(&config, frame)? } else { over(&config, frame, &order)? };
    let parts = config.partition_by.iter().map(|name| types::column(name).sort(true, false));
    let sorted: Vec<SortExpr> = parts.chain(order).collect();
    let frame = if sorted.is_empty() { frame } else { frame.sort(sorted)? };
    let output = output::frame(job, "data", frame).await?;
    Ok(job.done(output, json!({})))
}

/// Figures over rows in an order, which the engine computes row by row.
fn over(config: &Config, frame: DataFrame, order: &[SortExpr]) -> Result<DataFrame, Fault> {
    let schema = frame.schema().as_arrow().clone();
    let parts: Vec<Expr> = config.partition_by.iter().map(|name| types::column(name)).collect();
    let mut columns = Vec::with_capacity(config.columns.len());
    for (at, new) in config.columns.iter().enumerate() {
        let figure = new.figure(&schema).map_err(|fault| fault.about(&format!("columns/{at}")))?;
        let mut figure = figure.partition_by(parts.clone()).order_by(order.to_vec());
        if let Some(frame) = new.frame() {
            figure = figure.window_frame(frame);
        }
        columns.push(named(figure.build()?, &new.name));
    }
    Ok(frame.window(columns)?)
}

/// Figures of whole partitions beside each of their rows. By grouping and joining, which can use the disk: the engine
/// holds all rows of such a window in memory.
fn beside(config: &Config, frame: DataFrame) -> Result<DataFrame, Fault> {
    let schema = frame.schema().as_arrow().clone();
    let key = |at: usize| format!("__key_{at}");
    let figure = |(at, new): (usize, &New)| {
        let figure = new.whole(&schema).map_err(|fault| fault.about(&format!("columns/{at}")))?;
        Ok(named(figure, &new.name))
    };
    let figures = config.columns.iter().enumerate().map(figure).collect::<Result<Vec<_>, Fault>>()?;
    let keys = config.partition_by.iter().enumerate().map(|(at, name)| named(types::column(name), &key(at)));
    let groups = frame.clone().aggregate(keys.collect(), figures)?;
    // Missing values make a partition, too.
    let same = |(at, name): (usize, &String)| {
        binary_expr(types::column(name), Operator::IsNotDistinctFrom, types::column(&key(at)))
    };
    let matches: Vec<Expr> = config.partition_by.iter().enumerate().map(same).collect();
    let there = schema.fields().iter().map(|field| field.name());
    let columns: Vec<Expr> =
        there.chain(config.columns.iter().map(|new| &new.name)).map(|name| types::column(name)).collect();
    // Why this way round: the engine holds the first table, and streams the second in its order.
    Ok(groups.join_on(frame, JoinType::Inner, matches)?.select(columns)?)
}

impl New {
    /// The figure of a whole partition.
    fn whole(&self, schema: &Schema) -> Result<Expr, Fault> {
        let function = match self.function {
            Function::Sum => Figure::Sum,
            Function::Mean => Figure::Mean,
            Function::Min => Figure::Min,
            Function::Max => Figure::Max,
            Function::Count => Figure::Count,
            _ => return Err(Fault::config("order_by says which rows come before; it is missing")),
        };
        if self.rows_before.is_some() || self.rows_after > 0 {
            return Err(Fault::config("order_by says which rows come before; it is missing"));
        }
        match &self.column {
            Some(column) => function.of(column, schema, "column"),
            None if self.function == Function::Count => Ok(count(lit(1_i64))),
            None => Err(Fault::config("column: is required")),
        }
    }

    /// The figure without its window.
    fn figure(&self, schema: &Schema) -> Result<Expr, Fault> {
        let over =
            |function: WindowFunctionDefinition, column: Expr| Expr::from(WindowFunction::new(function, vec![column]));
        match self.function {
            Function::RowNumber => return Ok(row_number()),
            Function::Rank => return Ok(rank()),
            Function::DenseRank => return Ok(dense_rank()),
            Function::PercentRank => return Ok(percent_rank()),
            Function::Count if self.column.is_none() => {
                return Ok(over(WindowFunctionDefinition::AggregateUDF(count_udaf()), lit(1_i64)));
            }
            _ => {}
        }
        let name = self.column.as_deref().ok_or_else(|| Fault::config("column: is required"))?;
        types::require(schema, name, "column")?;
        let data_type = schema.field_with_name(name)?.data_type();
        if matches!(self.function, Function::Sum | Function::Mean) && !data_type.is_numeric() {
            let kind = types::name(data_type);
            return Err(Fault::config(format!("column: needs numbers; column \"{name}\" is {kind}")));
        }
        let column = types::column(name);
        Ok(match self.function {
            Function::Lag => lag(column, Some(self.offset), None::<ScalarValue>),
            Function::Lead => lead(column, Some(self.offset), None::<ScalarValue>),
            Function::First => over(WindowFunctionDefinition::WindowUDF(first_value_udwf()), column),
            Function::Last => over(WindowFunctionDefinition::WindowUDF(last_value_udwf()), column),
            Function::Sum => over(WindowFunctionDefinition::AggregateUDF(sum_udaf()), column),
            Function::Mean => over(WindowFunctionDefinition::AggregateUDF(avg_udaf()), column),
            Function::Min => over(WindowFunctionDefinition::AggregateUDF(min_udaf()), column),
            Function::Max => over(WindowFunctionDefinition::AggregateUDF(max_udaf()), column),
            _ => over(WindowFunctionDefinition::AggregateUDF(count_udaf()), column),
        })
    }

    /// Which rows count; ranks and neighbours know for themselves.
    fn frame(&self) -> Option<WindowFrame> {
        match self.function {
            Function::RowNumber
            | Function::Rank
            | Function::DenseRank
            | Function::PercentRank
            | Function::Lag
            | Function::Lead => return None,
            _ => {}
        }
        let rows = |number: Option<u64>| ScalarValue::UInt64(number);
        let after = match self.rows_after {
            0 => WindowFrameBound::CurrentRow,
            after => WindowFrameBound::Following(rows(Some(after))),
        };
        let before = WindowFrameBound::Preceding(rows(self.rows_before));
        Some(WindowFrame::new_bounds(WindowFrameUnits::Rows, before, after))
    }
}
