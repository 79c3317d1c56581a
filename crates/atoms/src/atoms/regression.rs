//! `linear-regression` and `ridge-regression`: a column explained by others, in one pass over any number of rows.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::{
    arrow::{
        array::{ArrayRef, Float64Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::{Value, json};
use trinity_models::{
    Error,
    regression::{Factor, Ols, Residuals, Ridge, Rows, ols, ridge},
};

use super::{
    design::{self, Design},
    numbers,
};
use crate::{ColumnLineage, Fault, Outcome, fault::code, job::Job, lineage, output, types};

#[derive(Deserialize)]
struct Config {
    target: String,
    features: Option<Vec<String>>,
    #[serde(default = "fifty")]
    max_levels: usize,
    #[serde(default)]
    missing: Missing,
    #[serde(default = "predicted")]
    prediction_column: String,
    #[serde(default = "residual")]
    residual_column: String,
    #[serde(default = "yes")]
    intercept: bool,
    lambda: Option<f64>,
}

fn fifty() -> usize {
    50
}

fn predicted() -> String {
    "predicted".to_owned()
}

fn residual() -> String {
    "residual".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Missing {
    #[default]
    Drop,
    Fail,
}

/// What both atoms share: the table, how its columns become terms, and all rows folded together.
struct Fitting {
    config: Config,
    frame: DataFrame,
    design: Design,
    features: Vec<String>,
    factor: Factor,
    left_out: u64,
}

pub(super) async fn linear(job: &Job<'_>) -> Result<Outcome, Fault> {
    let fitting = fold(job).await?;
    let model = ols(&fitting.factor).map_err(|error| fitting.explain(&error))?;
    let terms = fitting.terms();
    let by_row = model.clone();
    let (predictions, residuals) = predictions(job, &fitting, move |row| by_row.predict(row)).await?;
    let coefficients = output::batch(job, "coefficients", linear_table(&terms, &model)?).await?;
    let mut result = json!({
        "rows": model.rows, "rows_left_out": fitting.left_out, "degrees_of_freedom": model.degrees_of_freedom,
        "r_squared": model.r_squared, "adjusted_r_squared": model.adjusted_r_squared,
        "residual_error": model.residual_error, "f": model.f, "f_p_value": model.f_p,
        "log_likelihood": model.log_likelihood, "aic": model.aic, "bic": model.bic,
        "condition_number": finite(model.condition_number), "durbin_watson": residuals.durbin_watson(),
    });
    result["coefficients"] = by_term(&terms, model.coefficients.iter().map(|coefficient| coefficient.value));
    if model.condition_number > 1e8 {
        job.say("warn", "the columns nearly determine each other or differ much in size: coefficients are uncertain");
    }
    Ok(outcome(job, predictions, coefficients, result))
}

pub(super) async fn ridged(job: &Job<'_>) -> Result<Outcome, Fault> {
    let fitting = fold(job).await?;
    let model = ridge(&fitting.factor, fitting.config.lambda).map_err(|error| fitting.explain(&error))?;
    let terms = fitting.terms();
    let by_row = model.clone();
    let (predictions, _) = predictions(job, &fitting, move |row| by_row.predict(row)).await?;
    let coefficients = output::batch(job, "coefficients", ridge_table(&terms, &model)?).await?;
    let mut result = json!({
        "rows": model.rows, "rows_left_out": fitting.left_out, "lambda": model.lambda, "lambda_chosen": model.chosen,
        "r_squared": model.r_squared, "effective_terms": model.effective_terms, "gcv": finite(model.gcv),
    });
    let values = std::iter::once(model.intercept).chain(model.coefficients.iter().copied());
    result["coefficients"] = by_term(&terms, values);
    Ok(outcome(job, predictions, coefficients, result))
}

fn outcome(job: &Job<'_>, data: crate::OutputTable, table: crate::OutputTable, result: Value) -> Outcome {
    Outcome { rows_in: job.rows_in(), rows_out: data.rows, outputs: vec![data, table], result }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

fn by_term(terms: &[String], values: impl Iterator<Item = f64>) -> Value {
    Value::Object(terms.iter().cloned().zip(values.map(|value| json!(value))).collect())
}

async fn fold(job: &Job<'_>) -> Result<Fitting, Fault> {
    let config: Config = job.config()?;
    let frame = types::normalize(job.input(0).await?)?;
    let schema = frame.schema().as_arrow().clone();
    let features = design::features(&schema, config.features.as_ref(), &config.target)?;
    check_names(&config, &schema)?;
    let design = Design::new(&frame, &features, config.max_levels).await?;
    let mut rows = Rows::new(design.terms().len(), config.intercept);
    let mut left_out = 0;
    let mut number = 0_u64;
    let mut batches = output::rows(job, frame.clone()).await?;
    let mut row_terms = Vec::new();
    while let Some(batch) = batches.next().await? {
        let target = numbers::column(&batch, &config.target)?;
        let terms = design.read(&batch)?;
        for row in 0..batch.num_rows() {
            number += 1;
            let missing = terms.row(row, &mut row_terms);
            match (missing, numbers::finite(&target, row)) {
                (None, Some(value)) => rows.push(&row_terms, value).map_err(|error| internal(&error))?,
                (missing, _) if config.missing == Missing::Fail => {
                    let column = missing.unwrap_or(&config.target);
                    let problem = format!("row {number}: column \"{column}\" has no finite value");
                    return Err(Fault::lasting(code::DATA_INVALID, problem));
                }
                _ => left_out += 1,
            }
        }
    }
    if left_out > 0 {
        job.say("warn", format!("{left_out} of {number} rows are left out: a value is missing or not finite"));
    }
    let names = design.terms();
    let factor = rows.finish().map_err(|error| explain(&error, &names))?;
    Ok(Fitting { config, frame, design, features, factor, left_out })
}

fn check_names(config: &Config, schema: &Schema) -> Result<(), Fault> {
    let (one, other) = (&config.prediction_column, &config.residual_column);
    for (place, name) in [("prediction_column", one), ("residual_column", other)] {
        if schema.column_with_name(name).is_some() {
            return Err(Fault::config(format!("{place}: the table has a column \"{name}\" already")));
        }
    }
    if one == other {
        return Err(Fault::config(format!("residual_column: \"{other}\" is the column of the predictions")));
    }
    Ok(())
}

impl Fitting {
    /// The names of the coefficients.
    fn terms(&self) -> Vec<String> {
        let intercept = self.factor.intercept.then(|| "(intercept)".to_owned());
        intercept.into_iter().chain(self.design.terms()).collect()
    }

    fn explain(&self, error: &Error) -> Fault {
        explain(error, &self.design.terms())
    }
}

/// A model that these columns do not determine, in their names.
fn explain(error: &Error, terms: &[String]) -> Fault {
    let name = |at: &usize| terms.get(*at).map_or_else(String::new, |term| format!("\"{term}\""));
    let message = match error {
        Error::Collinear { column, others } if others.is_empty() => {
            format!("features: {} has one value everywhere, so nothing can be learnt from it", name(column))
        }
        Error::Collinear { column, others } => {
            let others: Vec<String> = others.iter().map(name).collect();
            format!("features: {} follows exactly from {}; leave one out", name(column), others.join(", "))
        }
        Error::TooFewRows { needed, given } => {
            format!("{given} rows without missing values are too few for {} terms: {needed} are needed", terms.len())
        }
        _ => return internal(error),
    };
    Fault::lasting(code::DATA_INVALID, message)
}

fn internal(error: &Error) -> Fault {
    Fault::lasting(code::DATA_INVALID, error.to_string())
}

/// The table with what the model says of each row.
async fn predictions(
    job: &Job<'_>,
    fitting: &Fitting,
    predict: impl Fn(&[f64]) -> f64 + Send + 'static,
) -> Result<(crate::OutputTable, Residuals), Fault> {
    let config = &fitting.config;
    let residuals = Arc::new(Mutex::new(Residuals::default()));
    let (seen, design, target) = (residuals.clone(), fitting.design.clone(), config.target.clone());
    let (schema, lineage) = shape(job, fitting);
    let written = schema.clone();
    let mut row_terms = Vec::new();
    let add = move |batch: RecordBatch| -> Result<Vec<RecordBatch>, Fault> {
        let outcome = numbers::column(&batch, &target)?;
        let terms = design.read(&batch)?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fitted = Vec::with_capacity(batch.num_rows());
        let mut left = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let value = terms.row(row, &mut row_terms).is_none().then(|| predict(&row_terms));
            let rest = value.zip(numbers::finite(&outcome, row)).map(|(fitted, value)| value - fitted);
            rest.into_iter().for_each(|rest| seen.push(rest));
            fitted.push(value);
            left.push(rest);
        }
        let added = [fitted, left].map(|column| Arc::new(Float64Array::from(column)) as ArrayRef);
        let columns = batch.columns().iter().cloned().chain(added).collect();
        Ok(vec![RecordBatch::try_new(written.clone(), columns)?])
    };
    let output = output::reshaped(job, "predictions", fitting.frame.clone(), (schema, lineage), Box::new(add)).await?;
    let found = residuals.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((output, found))
}

fn shape(job: &Job<'_>, fitting: &Fitting) -> (SchemaRef, Vec<ColumnLineage>) {
    let config = &fitting.config;
    let mut lineage = lineage::columns(fitting.frame.logical_plan(), job.task);
    let sources = |names: &[&String]| {
        let known = lineage.iter().filter(|known| names.contains(&&known.column));
        let mut sources: Vec<_> = known.flat_map(|known| known.sources.clone()).collect();
        sources.sort();
        sources.dedup();
        sources
    };
    // The coefficients are made of all of them, so both columns are.
    let all: Vec<&String> = fitting.features.iter().chain([&config.target]).collect();
    let from_all = sources(&all);
    for column in [&config.prediction_column, &config.residual_column] {
        lineage.push(ColumnLineage { column: column.clone(), sources: from_all.clone() });
    }
    let mut fields: Vec<_> = fitting.frame.schema().as_arrow().fields().iter().cloned().collect();
    for name in [&config.prediction_column, &config.residual_column] {
        fields.push(Arc::new(Field::new(name, DataType::Float64, true)));
    }
    (Arc::new(Schema::new(fields)), lineage)
}

fn texts(values: &[String]) -> ArrayRef {
    Arc::new(values.iter().map(Some).collect::<StringArray>())
}

fn numbers_of(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.filter(|value| value.is_finite())).collect::<Float64Array>())
}

fn linear_table(terms: &[String], model: &Ols) -> Result<RecordBatch, Fault> {
    let all = &model.coefficients;
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("term", texts(terms), false),
        ("coefficient", numbers_of(all.iter().map(|of| Some(of.value))), true),
        ("standard_error", numbers_of(all.iter().map(|of| Some(of.standard_error))), true),
        ("t", numbers_of(all.iter().map(|of| of.t)), true),
        ("p_value", numbers_of(all.iter().map(|of| of.p)), true),
        ("low", numbers_of(all.iter().map(|of| Some(of.low))), true),
        ("high", numbers_of(all.iter().map(|of| Some(of.high))), true),
        ("vif", numbers_of(all.iter().map(|of| of.inflation)), true),
    ])?)
}

fn ridge_table(terms: &[String], model: &Ridge) -> Result<RecordBatch, Fault> {
    let with_intercept = |first: Option<f64>, rest: &[f64]| {
        numbers_of(std::iter::once(first).chain(rest.iter().map(|value| Some(*value))).collect::<Vec<_>>().into_iter())
    };
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("term", texts(terms), false),
        ("coefficient", with_intercept(Some(model.intercept), &model.coefficients), true),
        ("standardized", with_intercept(None, &model.standardized), true),
        ("standard_error", with_intercept(None, &model.standard_errors), true),
    ])?)
}
