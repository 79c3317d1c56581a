//! What stands in for missing values in `clean`: a figure of the column, or a value given.

use std::collections::BTreeMap;

use datafusion::{
    arrow::datatypes::DataType,
    common::ScalarValue,
    functions::expr_fn::coalesce,
    functions_aggregate::expr_fn::{avg, count, median},
    logical_expr::{Expr, cast, lit},
    prelude::DataFrame,
};
use serde_json::{Map, Value, json};

use super::select::named;
use crate::{Fault, job::Job, types};

/// Fills the columns named in the config; says what each was filled with and how often.
pub(super) async fn gaps(
    job: &Job<'_>,
    frame: DataFrame,
    wanted: &BTreeMap<String, Value>,
) -> Result<(DataFrame, Map<String, Value>), Fault> {
    let mut filled = Map::new();
    if wanted.is_empty() {
        return Ok((frame, filled));
    }
    let mut replacements = BTreeMap::new();
    for (name, with) in wanted {
        let place = format!("fill.{name}");
        types::require(frame.schema().as_arrow(), name, &place)?;
        let data_type = frame.schema().field_with_unqualified_name(name)?.data_type().clone();
        let (scalar, missing) =
            replacement(&frame, name, &data_type, with).await.map_err(|fault| fault.about(&place))?;
        if scalar.is_null() {
            job.say("warn", format!("column {name} has no value to take the {} from", shown(with)));
            continue;
        }
        let text = scalar.cast_to(&DataType::Utf8)?.to_string();
        job.say("info", format!("column {name}: {missing} missing values filled with {text}"));
        filled.insert(name.clone(), json!({ "with": text, "values": missing }));
        replacements.insert(name.clone(), scalar);
    }
    let columns = frame.schema().fields().iter().map(|field| {
        let column = types::column(field.name());
        match replacements.get(field.name()) {
            Some(scalar) => named(coalesce(vec![column, lit(scalar.clone())]), field.name()),
            None => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    Ok((frame.select(columns)?, filled))
}

/// The value that fills a column, and how many values it lacks.
async fn replacement(
    frame: &DataFrame,
    name: &str,
    data_type: &DataType,
    with: &Value,
) -> Result<(ScalarValue, i64), Fault> {
    let column = types::column(name);
    let numbers = || cast(column.clone(), DataType::Float64);
    let figure = match with.as_str() {
        Some(word @ ("mean" | "median" | "zero")) if !data_type.is_numeric() => {
            let kind = types::name(data_type);
            return Err(Fault::config(format!("{word} needs a column of numbers, and this one is {kind}")));
        }
        Some("mean") => avg(numbers()),
        Some("median") => median(numbers()),
        Some("mode") => return mode(frame, name).await,
        Some("zero") => lit(0_i64),
        _ => lit(given(with, data_type)?),
    };
    let row = first_row(frame.clone(), vec![count(lit(1_i64)), count(column.clone())], Some(figure)).await?;
    let [ScalarValue::Int64(Some(rows)), ScalarValue::Int64(Some(present)), scalar] = row.as_slice() else {
        return Ok((ScalarValue::Null, 0));
    };
    Ok((as_type(scalar, data_type)?, rows - present))
}

/// Why a projection on top: a literal is no aggregate, and the engine wants the two apart.
async fn first_row(frame: DataFrame, counts: Vec<Expr>, figure: Option<Expr>) -> Result<Vec<ScalarValue>, Fault> {
    let mut aggregates: Vec<Expr> =
        counts.into_iter().enumerate().map(|(at, count)| named(count, &format!("count_{at}"))).collect();
    let mut columns: Vec<Expr> = (0..aggregates.len()).map(|at| types::column(&format!("count_{at}"))).collect();
    match figure {
        Some(literal @ Expr::Literal(..)) => columns.push(named(literal, "figure")),
        Some(aggregate) => {
            aggregates.push(named(aggregate, "figure"));
            columns.push(types::column("figure"));
        }
        None => {}
    }
    let batches = frame.aggregate(vec![], aggregates)?.select(columns)?.collect().await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(Vec::new()) };
    Ok(batch.columns().iter().map(|column| ScalarValue::try_from_array(column, 0)).collect::<Result<_, _>>()?)
}

/// The most frequent value; of equally frequent ones the least.
async fn mode(frame: &DataFrame, name: &str) -> Result<(ScalarValue, i64), Fault> {
    let column = types::column(name);
    let groups = frame.clone().aggregate(vec![named(column, "value")], vec![named(count(lit(1_i64)), "times")])?;
    let missing = groups.clone().filter(types::column("value").is_null())?.collect().await?;
    let missing =
        missing.iter().find(|batch| batch.num_rows() > 0).map(|batch| ScalarValue::try_from_array(batch.column(1), 0));
    let order = vec![types::column("times").sort(false, false), types::column("value").sort(true, false)];
    let found = groups.filter(types::column("value").is_not_null())?.sort(order)?.limit(0, Some(1))?.collect().await?;
    let scalar = match found.iter().find(|batch| batch.num_rows() > 0) {
        Some(batch) => ScalarValue::try_from_array(batch.column(0), 0)?,
        None => ScalarValue::Null,
    };
    Ok(match missing.transpose()? {
        Some(ScalarValue::Int64(Some(missing))) => (scalar, missing),
        _ => (scalar, 0),
    })
}

fn given(with: &Value, data_type: &DataType) -> Result<ScalarValue, Fault> {
    let text = shown(with);
    let kind = types::name(data_type);
    ScalarValue::try_from_string(text.clone(), data_type)
        .map_err(|_| Fault::config(format!("'{text}' is not a {kind}")))
}

/// The figure in the column's own type: whole numbers are rounded, not cut.
fn as_type(scalar: &ScalarValue, data_type: &DataType) -> Result<ScalarValue, Fault> {
    let rounded = match scalar {
        ScalarValue::Float64(Some(value)) if data_type.is_integer() => ScalarValue::Float64(Some(value.round())),
        other => other.clone(),
    };
    Ok(rounded.cast_to(data_type)?)
}

fn shown(with: &Value) -> String {
    with.as_str().map_or_else(|| with.to_string(), str::to_owned)
}
