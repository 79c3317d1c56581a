//! `clean` 1.1.0: also drops columns, treats outliers and fills forward.

use std::collections::BTreeMap;

use datafusion::{
    common::ScalarValue,
    functions_aggregate::count::count_distinct,
    functions_aggregate::expr_fn::count,
    functions_window::expr_fn::last_value,
    logical_expr::{
        Expr, ExprFunctionExt, WindowFrame, WindowFrameBound, WindowFrameUnits, cast, expr::NullTreatment, lit, when,
    },
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    clean::{self, Columns},
    fill,
    limits::{self, Method},
    numbers,
    select::named,
};
use crate::{Fault, Outcome, fault::code, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    #[serde(flatten)]
    texts: clean::Texts,
    drop_columns: Option<DropColumns>,
    outliers: Option<Outliers>,
    #[serde(default)]
    fill: BTreeMap<String, Value>,
    #[serde(default)]
    drop_rows_with_missing: Columns,
    #[serde(default)]
    dedupe: Columns,
}

#[derive(Deserialize)]
struct DropColumns {
    #[serde(default)]
    names: Vec<String>,
    missing_percent: Option<f64>,
    #[serde(default)]
    constant: bool,
}

#[derive(Deserialize)]
struct Outliers {
    columns: Option<Vec<String>>,
    #[serde(default)]
    method: Method,
    threshold: Option<f64>,
    #[serde(default)]
    treatment: Treatment,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Treatment {
    #[default]
    Clip,
    Missing,
    Remove,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let mut config: Config = job.config()?;
    let frame = types::normalize(clean::texts(job.input(0).await?, &config.texts)?)?;
    let (frame, dropped) = drop_columns(job, frame, config.drop_columns.as_ref()).await?;
    let (frame, limits) = treat(job, frame, config.outliers.as_ref()).await?;
    let forward = take_forward(&mut config.fill);
    let (frame, filled) = fill::gaps(job, frame, &config.fill).await?;
    let frame = fill_forward(frame, &forward)?;
    let frame = clean::rows(frame, &config.drop_rows_with_missing, &config.dedupe)?;
    let output = output::frame(job, "data", frame).await?;
    let removed = job.rows_in() - output.rows;
    job.say("info", format!("{removed} of {} rows removed", job.rows_in()));
    let result = json!({
        "filled": filled, "filled_forward": forward, "rows_removed": removed, "columns_dropped": dropped,
        "outlier_limits": limits,
    });
    Ok(job.done(output, result))
}

async fn drop_columns(
    job: &Job<'_>,
    frame: DataFrame,
    wish: Option<&DropColumns>,
) -> Result<(DataFrame, Vec<String>), Fault> {
    let Some(wish) = wish else { return Ok((frame, Vec::new())) };
    let schema = frame.schema().as_arrow().clone();
    wish.names.iter().try_for_each(|name| types::require(&schema, name, "drop_columns.names"))?;
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut dropped = wish.names.clone();
    if wish.missing_percent.is_some() || wish.constant {
        let rows = job.rows_in() as f64;
        for name in names.iter().filter(|name| !wish.names.contains(name)) {
            let (present, distinct) = count_values(&frame, name, wish.constant).await?;
            let missing = if rows > 0.0 { 100.0 * (rows - present as f64) / rows } else { 0.0 };
            let too_empty = wish.missing_percent.is_some_and(|most| missing > most);
            if too_empty || wish.constant && distinct <= 1 {
                let why = if too_empty { format!("{missing:.1} % missing") } else { "one value or none".to_owned() };
                job.say("info", format!("column {name} dropped: {why}"));
                dropped.push(name.clone());
            }
        }
    }
    let kept: Vec<Expr> = names.iter().filter(|name| !dropped.contains(name)).map(|name| types::column(name)).collect();
    if kept.is_empty() {
        return Err(Fault::lasting(code::DATA_INVALID, "drop_columns: no column is left"));
    }
    Ok((frame.select(kept)?, dropped))
}

async fn count_values(frame: &DataFrame, name: &str, distinct: bool) -> Result<(i64, i64), Fault> {
    let column = types::column(name);
    // Why only on demand: telling values apart takes memory, counting does not.
    let apart = if distinct { count_distinct(column.clone()) } else { count(lit(1_i64)) };
    let figures = vec![named(count(column), "present"), named(apart, "distinct")];
    let batches = frame.clone().aggregate(vec![], figures)?.collect().await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok((0, 0)) };
    let figure = |at: usize| match ScalarValue::try_from_array(batch.column(at), 0) {
        Ok(ScalarValue::Int64(Some(value))) => value,
        _ => 0,
    };
    Ok((figure(0), figure(1)))
}

/// Clips outliers, makes them missing, or removes their rows; says where the limits are.
async fn treat(
    job: &Job<'_>,
    frame: DataFrame,
    wish: Option<&Outliers>,
) -> Result<(DataFrame, Map<String, Value>), Fault> {
    let Some(wish) = wish else { return Ok((frame, Map::new())) };
    let schema = frame.schema().as_arrow().clone();
    let columns = numbers::chosen(&schema, wish.columns.as_ref(), "outliers.columns")?;
    let limits = limits::find(job, &frame, &columns, wish.method, wish.threshold).await?;
    let said = limits.iter().map(|at| (at.column.clone(), json!(at.range.map(|(low, high)| [low, high])))).collect();
    if wish.treatment == Treatment::Remove {
        let any = limits.iter().map(limits::Limits::outside).reduce(Expr::or).unwrap_or_else(|| lit(false));
        return Ok((frame.filter(!any)?, said));
    }
    let mut treated = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let value = types::column(field.name());
        let found = limits.iter().find(|limits| limits.column == *field.name());
        let Some((limits, (low, high))) = found.and_then(|limits| limits.range.map(|range| (limits, range))) else {
            treated.push(value);
            continue;
        };
        // Whole numbers are cut to the last whole number within.
        let (low, high) = if field.data_type().is_integer() { (low.ceil(), high.floor()) } else { (low, high) };
        let instead = match wish.treatment {
            Treatment::Missing => lit(ScalarValue::try_from(field.data_type())?),
            _ => {
                let limit = when(value.clone().lt(lit(low)), lit(low)).otherwise(lit(high))?;
                cast(limit, field.data_type().clone())
            }
        };
        treated.push(named(when(limits.outside(), instead).otherwise(value)?, field.name()));
    }
    Ok((frame.select(treated)?, said))
}

/// The columns that are filled with the last value before.
fn take_forward(fill: &mut BTreeMap<String, Value>) -> Vec<String> {
    let forward: Vec<String> =
        fill.iter().filter(|(_, with)| with.as_str() == Some("forward")).map(|(name, _)| name.clone()).collect();
    fill.retain(|name, _| !forward.contains(name));
    forward
}

fn fill_forward(frame: DataFrame, columns: &[String]) -> Result<DataFrame, Fault> {
    if columns.is_empty() {
        return Ok(frame);
    }
    let schema = frame.schema().as_arrow().clone();
    let mut filled = Vec::with_capacity(columns.len());
    for name in columns {
        types::require(&schema, name, &format!("fill.{name}"))?;
        let so_far = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(ScalarValue::UInt64(None)),
            WindowFrameBound::CurrentRow,
        );
        let last =
            last_value(types::column(name)).null_treatment(NullTreatment::IgnoreNulls).window_frame(so_far).build()?;
        // Why a space before it: no column of the table may be in the way.
        filled.push(named(last, &format!(" {name}")));
    }
    let columns = schema.fields().iter().map(|field| match columns.contains(field.name()) {
        true => named(types::column(&format!(" {}", field.name())), field.name()),
        false => types::column(field.name()),
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(frame.window(filled)?.select(columns)?)
}
