//! `pivot`: values of a column as columns.

use datafusion::{
    arrow::util::display::array_value_to_string,
    common::ScalarValue,
    functions_aggregate::expr_fn::count,
    logical_expr::{Expr, ExprFunctionExt, lit},
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    aggregate::Function,
    select::{check_unique, named},
};
use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    index: Vec<String>,
    column: String,
    value: Option<String>,
    #[serde(default = "sum")]
    function: Function,
    values: Option<Vec<String>>,
    #[serde(default)]
    prefix: String,
    #[serde(default = "two_hundred")]
    max_columns: usize,
}

fn sum() -> Function {
    Function::Sum
}

fn two_hundred() -> usize {
    200
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let schema = frame.schema().as_arrow().clone();
    for (name, place) in config.index.iter().map(|name| (name, "index")).chain([(&config.column, "column")]) {
        types::require(&schema, name, place)?;
    }
    let values = values(&config, &frame).await?;
    let names: Vec<String> = values.iter().map(|(text, _)| format!("{}{text}", config.prefix)).collect();
    check_unique(config.index.iter().chain(&names).map(String::as_str))?;
    let mut figures = Vec::with_capacity(values.len());
    for ((_, value), name) in values.iter().zip(&names) {
        let figure = match &config.value {
            Some(column) => config.function.of(column, &schema, "value")?,
            None => count(lit(1_i64)),
        };
        let here = types::column(&config.column).eq(lit(value.clone()));
        figures.push(named(figure.filter(here).build()?, name));
    }
    let index: Vec<Expr> = config.index.iter().map(|name| types::column(name)).collect();
    let order = index.iter().map(|column| column.clone().sort(true, false)).collect();
    let output = output::frame(job, "data", frame.aggregate(index, figures)?.sort(order)?).await?;
    Ok(job.done(output, json!({ "columns": names })))
}

/// The values that become columns, each as text and as it is. Missing ones become none.
async fn values(config: &Config, frame: &DataFrame) -> Result<Vec<(String, ScalarValue)>, Fault> {
    let data_type = frame.schema().field_with_unqualified_name(&config.column)?.data_type().clone();
    if let Some(given) = &config.values {
        let value = |text: &String| {
            let value = ScalarValue::try_from_string(text.clone(), &data_type);
            let odd = |_| Fault::config(format!("values: '{text}' is no {}", types::name(&data_type)));
            Ok((text.clone(), value.map_err(odd)?))
        };
        return given.iter().map(value).collect();
    }
    let column = || types::column(&config.column);
    let found = frame.clone().filter(column().is_not_null())?.aggregate(vec![column()], vec![])?;
    let found = found.sort(vec![column().sort(true, false)])?.limit(0, Some(config.max_columns + 1))?.collect().await?;
    let mut values = Vec::new();
    for batch in &found {
        for row in 0..batch.num_rows() {
            let text = array_value_to_string(batch.column(0), row)?;
            values.push((text, ScalarValue::try_from_array(batch.column(0), row)?));
        }
    }
    match values.len() {
        0 => Err(Fault::config(format!("column: {} has no value to make a column of", config.column))),
        many if many > config.max_columns => Err(Fault::config(format!(
            "column: {} has more than {} different values, which is max_columns",
            config.column, config.max_columns
        ))),
        _ => Ok(values),
    }
}
