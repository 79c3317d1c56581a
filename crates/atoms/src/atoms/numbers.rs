//! Columns of a table as numbers, for atoms that calculate with them.

use datafusion::{
    arrow::{
        array::{Array, AsArray, Float64Array, RecordBatch},
        compute,
        datatypes::{DataType, Float64Type, Schema},
    },
    logical_expr::{Expr, cast},
    prelude::DataFrame,
};

use super::select::named;
use crate::{Fault, fault::code, job::Job, output, types};

/// The numeric columns that are meant: those named, or all of them.
pub(super) fn chosen(schema: &Schema, wanted: Option<&Vec<String>>, place: &str) -> Result<Vec<String>, Fault> {
    let Some(names) = wanted else {
        let numeric = schema.fields().iter().filter(|field| field.data_type().is_numeric());
        let found: Vec<String> = numeric.map(|field| field.name().clone()).collect();
        return if found.is_empty() { Err(Fault::config("the table has no numeric column")) } else { Ok(found) };
    };
    names.iter().try_for_each(|name| require(schema, name, place))?;
    Ok(names.clone())
}

/// Whether a table has the column and it holds numbers.
pub(super) fn require(schema: &Schema, name: &str, place: &str) -> Result<(), Fault> {
    types::require(schema, name, place)?;
    let data_type = schema.field_with_name(name)?.data_type();
    if data_type.is_numeric() || *data_type == DataType::Null {
        return Ok(());
    }
    Err(Fault::config(format!("{place}: column \"{name}\" is {}, not numbers", types::name(data_type))))
}

/// The table with these columns only, as floating-point numbers.
pub(super) fn only(frame: DataFrame, columns: &[String]) -> Result<DataFrame, Fault> {
    let floats = columns.iter().map(|name| named(cast(types::column(name), DataType::Float64), name));
    Ok(frame.select(floats.collect::<Vec<Expr>>())?)
}

/// The columns of a batch that [`only`] made.
pub(super) fn floats(batch: &RecordBatch) -> Vec<&Float64Array> {
    batch.columns().iter().map(AsArray::as_primitive::<Float64Type>).collect()
}

/// One column of a batch as floating-point numbers.
pub(super) fn column(batch: &RecordBatch, name: &str) -> Result<Float64Array, Fault> {
    let at = batch.schema().index_of(name)?;
    Ok(compute::cast(batch.column(at), &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// The value of a row, if there is one that is a finite number.
pub(super) fn finite(column: &Float64Array, row: usize) -> Option<f64> {
    column.is_valid(row).then(|| column.value(row)).filter(|value| value.is_finite())
}

/// All rows of these columns in memory, in their order.
///
/// # Errors
/// `TOO_LARGE` when there are more values than the atom can hold.
pub(super) async fn collect(
    job: &Job<'_>,
    frame: DataFrame,
    columns: &[String],
    max_values: usize,
) -> Result<Vec<Vec<Option<f64>>>, Fault> {
    let mut found: Vec<Vec<Option<f64>>> = vec![Vec::new(); columns.len()];
    let mut rows = output::rows(job, only(frame, columns)?).await?;
    let mut taken = 0;
    while let Some(batch) = rows.next().await? {
        taken += batch.num_rows() * columns.len();
        if taken > max_values {
            return Err(Fault::lasting(
                code::TOO_LARGE,
                format!(
                    "this needs all values in memory, and there are more than {max_values}: sample or aggregate first"
                ),
            ));
        }
        for (values, column) in found.iter_mut().zip(floats(&batch)) {
            values.extend((0..column.len()).map(|row| finite(column, row)));
        }
    }
    Ok(found)
}
