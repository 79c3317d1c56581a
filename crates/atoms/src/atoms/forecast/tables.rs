//! What `forecast` writes.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array},
    compute,
    datatypes::DataType,
};
use serde_json::{Map, json};
use trinity_models::forecast::{Errors, Step};

use super::{Config, Predicted};
use crate::{Fault, atoms::select::check_unique};

type Keys = [(String, ArrayRef)];
type Columns = Vec<(String, ArrayRef)>;

pub(super) fn forecast(config: &Config, keys: &Keys, found: &[Predicted]) -> Result<RecordBatch, Fault> {
    let ahead = |of: &Predicted| of.series.values.len()..of.series.values.len() + config.horizon;
    let mut columns = dated(config, keys, found, ahead)?;
    let steps =
        |of: fn(&Step) -> f64| floats(found.iter().flat_map(|one| &one.prediction.steps).map(|step| Some(of(step))));
    columns.push(("forecast".to_owned(), steps(|step| step.value)));
    columns.push(("low".to_owned(), steps(|step| step.low)));
    columns.push(("high".to_owned(), steps(|step| step.high)));
    batch(columns)
}

pub(super) fn fitted(config: &Config, keys: &Keys, found: &[Predicted]) -> Result<RecordBatch, Fault> {
    let mut columns = dated(config, keys, found, |of| 0..of.series.values.len())?;
    let actual = || found.iter().flat_map(|one| one.series.values.iter().copied());
    let fitted = || found.iter().flat_map(|one| one.prediction.fitted.iter().copied());
    columns.push(("actual".to_owned(), floats(actual().map(Some))));
    columns.push(("fitted".to_owned(), floats(fitted())));
    let residuals = actual().zip(fitted()).map(|(actual, fitted)| fitted.map(|fitted| actual - fitted));
    columns.push(("residual".to_owned(), floats(residuals)));
    batch(columns)
}

pub(super) fn models(keys: &Keys, found: &[Predicted]) -> Result<RecordBatch, Fault> {
    let mut columns = keyed(keys, found.iter().map(|one| one.series.row))?;
    let texts = |of: &dyn Fn(&Predicted) -> String| -> ArrayRef {
        Arc::new(found.iter().map(|one| Some(of(one))).collect::<StringArray>())
    };
    let errors =
        |of: fn(&Errors) -> Option<f64>| floats(found.iter().map(|one| one.choice.errors.as_ref().and_then(of)));
    let folds = found.iter().map(|one| one.choice.errors.as_ref().and_then(|errors| i64::try_from(errors.folds).ok()));
    let parameters = |one: &Predicted| {
        let named = one.prediction.parameters.iter().map(|(name, value)| (name.clone(), json!(value)));
        serde_json::Value::Object(named.collect::<Map<_, _>>()).to_string()
    };
    columns.push(("model".to_owned(), texts(&|one| one.prediction.model.clone())));
    columns.push(("parameters".to_owned(), texts(&parameters)));
    columns.push(("aicc".to_owned(), floats(found.iter().map(|one| one.prediction.aicc))));
    columns.push(("folds".to_owned(), Arc::new(folds.collect::<Int64Array>())));
    columns.push(("mae".to_owned(), errors(|errors| Some(errors.mae))));
    columns.push(("rmse".to_owned(), errors(|errors| Some(errors.rmse))));
    columns.push(("mape".to_owned(), errors(|errors| errors.mape)));
    columns.push(("smape".to_owned(), errors(|errors| Some(errors.smape))));
    columns.push(("mase".to_owned(), errors(|errors| errors.mase)));
    columns.push(("coverage".to_owned(), errors(|errors| Some(errors.coverage))));
    batch(columns)
}

/// The columns of the groups and of the dates, a row for each step in the range.
fn dated(
    config: &Config,
    keys: &Keys,
    found: &[Predicted],
    range: impl Fn(&Predicted) -> std::ops::Range<usize>,
) -> Result<Columns, Fault> {
    let rows = found.iter().flat_map(|one| std::iter::repeat_n(one.series.row, range(one).len()));
    let mut columns = keyed(keys, rows)?;
    let times = found.iter().flat_map(|one| range(one).map(|step| one.series.calendar.at(step)));
    let times: ArrayRef = Arc::new(times.collect::<TimestampMicrosecondArray>());
    let days = found.iter().all(|one| one.series.calendar.is_in_days());
    let times = if days { compute::cast(&times, &DataType::Date32)? } else { times };
    columns.push((config.date.clone(), times));
    Ok(columns)
}

fn keyed(keys: &Keys, rows: impl Iterator<Item = usize>) -> Result<Columns, Fault> {
    let rows: UInt64Array = rows.map(|row| Some(row as u64)).collect();
    let taken = keys.iter().map(|(name, column)| Ok((name.clone(), compute::take(column, &rows, None)?)));
    taken.collect()
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.filter(|value| value.is_finite())).collect::<Float64Array>())
}

fn batch(columns: Columns) -> Result<RecordBatch, Fault> {
    check_unique(columns.iter().map(|(name, _)| name.as_str()))?;
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?)
}
